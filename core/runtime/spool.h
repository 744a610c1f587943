// SPDX-License-Identifier: Apache-2.0
// Spool: what an input has read and cannot read again, on disk until a snapshot holds all that came
// of it. A queue of chunks in segments: appended at one end, handed on in order, removed when
// committed. docs/spool-format.md says what is in the files and what can be lost.
//
// Not thread-safe: a reader's thread uses it.
#pragma once
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "metrics/metrics.h"
#include "nek/status.hpp"
#include "pipeline/pipeline_config.h"
#include "runtime/spool_segment.h"
#include "util/env.h"

namespace nek {

class Spool {
 public:
  // folder: of this spool alone. id: of the input.
  Spool(Env& env, std::string folder, InputSpool settings, const std::string& id, Metrics& metrics,
        SpoolSay say);

  // Finds what earlier runs left; peek() hands it on first. What cannot be read is set aside and
  // reported, so this always comes to an end.
  void recover();
  // Those that recover() found, by number.
  const SpoolSources& sources() const { return sources_; }

  uint64_t add(SpoolSource source);  // numbers it
  // Whether so many bytes fit; with `drop_oldest` it makes room where it can.
  bool has_room(uint64_t bytes);
  // With `drop_oldest` half of it at most is handed on and not committed: what nobody has seen can
  // be dropped, also while outputs take nothing.
  bool may_hand_on() const;
  // handed_on: the caller handles the chunk itself, peek() will not return it. Only when !behind().
  // After an error nothing of it is kept.
  // On a full disk too `drop_oldest` makes room where it can.
  Status append(const SpoolChunk& chunk, std::string_view body, bool handed_on);
  // Makes durable what was appended, when it is time. It never fails: what it cannot do it reports.
  void sync_when_due();
  void sync();
  uint64_t fsync_interval_ms() const { return settings_.fsync_interval_ms; }
  std::chrono::milliseconds until_sync() const;  // how long nothing is due

  // There is a chunk that was not handed on.
  bool behind();
  // It; NULL: there is none. Valid until the next call.
  const SpoolChunk* peek();
  size_t peek_size() const { return next_size_; }
  // Its bytes, and then it is handed on. False: they are damaged; that is reported, and they are
  // gone.
  bool take(std::span<char> to);
  // A record whose begin was dropped, or damaged, goes too.
  void count_dropped(uint64_t records, uint64_t bytes);
  // Newlines of a source that were dropped since this was last asked.
  uint64_t take_dropped_lines(uint64_t source);

  // A snapshot holds all of a source before `position`.
  void committed(uint64_t source, uint64_t position, bool ended);
  // Removes what is committed, and returns the sources of which nothing is left. last: nothing will
  // be appended any more.
  std::vector<SpoolSource> release(bool last);

 private:
  Status try_append(const SpoolChunk& chunk, std::string_view body, bool handed_on);
  Status begin_segment();
  void end_segment();
  void give_up_segment();
  void make_reserve();
  void give_reserve();
  bool is_open(const SpoolSegment& segment) const { return file_ && &segment == &segments_.back(); }
  size_t reading() const;  // index of the segment that is read
  bool peek_frame(const SpoolSegment& segment);
  void skip_damage(SpoolSegment& segment, const std::string& why);
  bool drop_segment(const char* why);                // NULL: that was told
  bool remove_segment(const SpoolSegment& segment);  // false: it is still there
  bool is_committed(const SpoolSegment& segment) const;

  Env& env_;
  const SpoolFolder folder_;
  const InputSpool settings_;
  const SpoolSay say_;
  const uint64_t segment_bytes_;
  nek_metric *size_metric_, *dropped_records_, *dropped_bytes_, *damaged_bytes_;

  SpoolSources sources_;
  uint64_t next_source_ = 1, next_segment_ = 1, bytes_ = 0;
  std::deque<SpoolSegment> segments_;
  // Appending:
  std::unique_ptr<File> file_;   // of segments_.back()
  std::set<uint64_t> declared_;  // sources, in that segment
  bool folder_made_ = false, folder_synced_ = false, sync_failed_ = false;
  bool has_reserve_ = false, cramped_ = false;  // cramped: the last append failed
  bool told_full_disk_ = false;                 // since all was handed on
  std::chrono::steady_clock::time_point unsynced_since_ =
      std::chrono::steady_clock::time_point::max();
  // Reading:
  uint64_t at_segment_ = 0, at_ = 0;  // number, offset of the next frame
  std::unique_ptr<File> read_;
  uint64_t read_segment_ = 0;
  bool peeked_ = false;
  uint64_t next_end_ = 0;   // of the peeked frame; 0: only sources that end
  std::string frame_head_;  // of the peeked chunk
  SpoolChunk next_;
  size_t next_size_ = 0;
  // Sources that end when all of the segments up to this one is handed on.
  std::map<uint64_t, std::vector<uint64_t>> ends_after_;
  std::map<uint64_t, uint64_t> dropped_lines_;
  struct Committed {
    uint64_t position = 0;
    bool ended = false;
  };
  std::map<uint64_t, Committed> committed_;
};

}  // namespace nek
