// SPDX-License-Identifier: Apache-2.0
// A pipeline of which a test says what its plugins do, step by step:
//   in (records are lines, or messages) -> [filter ->] out (remembers what it gets)
#pragma once
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "memory_env.h"
#include "nek/plugin.hpp"
#include "runtime/pipeline.h"

namespace nek::test {

// What the test does not say is done plainly. One at a time: the plugins find it by use().
struct Script {
  std::function<Status(Host, Chunk&)> read;  // [reader-thread]; else: the end
  std::function<void(nek_source&, uint64_t)> committed;
  std::function<Status(Call&, const nek_chunk&)> decode;     // after the records were handed out
  std::function<Status(Call&)> process, commit;              // process: after it has sent all on
  bool sends_in_commit = false;                              // instead of process
  std::function<const nek_column*(Call&)> note_of;           // what process adds as `note`: text
  std::function<Status(Call&, const nek_control&)> control;  // of the filter; not SNAPSHOT
  std::function<Status(Call&, Encoded&)> encode;
  std::function<Status()> write;  // before it takes the blocks
  std::function<void(const nek_control&)> at_output;
  std::chrono::milliseconds silence{60'000};  // as PipelineOptions'

  std::vector<std::string> events() const;
  void note(std::string event);
  // Each record as the output got it: SOURCE@POSITION TEXT, and [KEY] and (NOTE) where it has the
  // columns `key` and `note`.
  std::vector<std::string> delivered() const;
  void deliver(std::string_view records);
  void use();

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> events_, delivered_;
};

const nek_plugin* script_input();
const nek_plugin*
script_filter();  // streams: out (pass; adds note), made (derived: text); all controls
const nek_plugin* script_output();   // write(); all controls
const nek_plugin* script_decoder();  // columns: text, time (the text as milliseconds)
const nek_plugin* script_encoder();

// `filter`: whether there is one; the output reads its streams `from`.
PipelineConfig script_config(bool filter, const std::vector<std::string>& from = {"out"});

struct Ended {
  std::string failure;
  std::vector<std::string> faults;   // of the ledger
  std::vector<std::string> letters;  // "reason raw" of each new dead letter
  uint64_t records = 0;              // that inputs made, all runs
};
// Runs it to its end. `begun`: told when it has started. `replay`: reads dead letters instead.
Ended run_script(Script& script, MemoryEnv& env, const PipelineConfig& config,
                 const std::function<void(Pipeline&)>& begun = {},
                 const std::optional<LetterSelection>& replay = {});

// Opens a source of bytes, or of messages.
nek_source* open_source(Host host, const std::string& identity, uint32_t flags = 0,
                        const std::string& key = {});

}  // namespace nek::test
