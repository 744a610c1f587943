// SPDX-License-Identifier: Apache-2.0
// Framer: cuts what was read into whole records, the segments of a chunk, and carries the rest of
// each source on to the next. What will never be a whole record becomes a dead letter.
//
// Not thread-safe: a reader's thread uses it.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/pipeline_config.h"
#include "runtime/budget.h"
#include "runtime/component.h"
#include "runtime/records.h"

namespace nek {

class Framer {
 public:
  // component: the input. failed: it, or its decoder, is broken.
  Framer(const Component& component, const PipelineSettings& settings, Budget& budget,
         std::function<void(std::string)> failed);

  // The task's chunk is filled next; what was carried stands in it, up to where it goes on.
  size_t begin(Task& task);
  // What was read is there, from `begin` on; `ended`: sources of which nothing will come any more.
  void frame(const nek_chunk& read, size_t begin, const std::vector<Source*>& ended);

  // What is known of the source changes with the chunk.
  void touch(Source& source) { touched_.push_back(&source); }
  // All that were touched since it was last asked, those with segments in the chunk among them.
  std::vector<Source*> take_touched() { return std::exchange(touched_, {}); }

  // What was carried of it will never be a whole record; so many lines after it are lost too.
  void lose(Source& source, uint64_t lines);
  void forget(Source& source);  // nothing of it will be framed any more

 private:
  void frame_segment(nek_segment segment, bool at_end);
  uint32_t whole_records(const nek_segment& segment, bool at_end);
  void frame_ended(const std::vector<Source*>& ended);
  bool take_messages(const nek_chunk& read);
  nek_segment message(nek_segment segment);
  void add_segment(const nek_segment& segment, const nek_id& id = {});
  void set_carry(Source& source, std::string_view bytes);
  nek_segment with_carry(Source& source, nek_segment segment, size_t read_at);
  void refuse(Source& source, nek_segment bytes, const char* reason, const std::string& detail);

  const Component& component_;
  const PipelineSettings& settings_;
  Budget& budget_;
  const std::function<void(std::string)> failed_;
  Task* task_ = nullptr;       // being filled
  bool relocated_ = false;     // segments are being copied behind what was read
  Source* carrier_ = nullptr;  // its carry stands before what is read next
  std::vector<Source*> touched_;
};

}  // namespace nek
