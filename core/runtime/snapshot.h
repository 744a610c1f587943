// SPDX-License-Identifier: Apache-2.0
// Snapshot: one consistent cut through the whole pipeline. A marker passes every ordered step in
// chunk order; each component that keeps state writes it and answers; when all have answered, one
// rename makes it count.
//
// The format of the state file is specified in docs/state-format.md.
//
// Thread-safe: components answer from any thread.
#pragma once
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "nek/plugin.h"
#include "nek/status.hpp"
#include "runtime/dead_letter.h"
#include "runtime/records.h"
#include "util/env.h"

namespace nek {
class Snapshot;
}

// A component's part in a snapshot, as plugins see it.
struct nek_snapshot {
  nek::Snapshot* whole = nullptr;
  uint32_t component = 0;
  bool done = false;
};

namespace nek {

void snapshot_write(nek_snapshot* part, std::string_view piece);
void snapshot_done(nek_snapshot* part, nek_status status);

// A source as a snapshot knows it.
struct SourceState {
  std::string input;  // id of the component
  std::string key, identity;
  SourcePosition at;
  bool once = false;  // cannot be read again
};

// What a snapshot holds; components by id, so that a pipeline may be edited between runs.
struct State {
  std::vector<std::string> ids;  // of all components that there were, and the pipeline's, empty
  std::map<std::string, std::string> components;
  std::vector<SourceState> sources;
  DeadLetterState dead_letters;
  bool finished = false;  // all inputs had ended and NEK_FINISH was sent
  std::string ledger;     // Pipeline's form, then Ledger::write
  std::string clock;      // Executor::restore_clock
};

class Snapshot {
 public:
  // ids: of all components; `answers`: how many will call done. `finished` is called once, when all
  // have.
  Snapshot(Env& env, std::string path, uint64_t epoch, std::vector<std::string> ids,
           uint32_t answers, std::function<void()> finished);

  uint64_t epoch() const { return epoch_; }
  nek_snapshot* part(uint32_t component) { return &parts_[component]; }
  void write(uint32_t component, std::string_view piece);
  void done(nek_snapshot& part, nek_status status);
  // All answered and all said NEK_OK; else why not.
  Status outcome() const;
  // Adds the rest and renames the file into place. After outcome() was OK.
  Status publish(const State& rest);
  // It is there after a crash of the machine too. After publish(), as often as it takes.
  Status keep();

  std::vector<SourceState> sources;  // as of the marker; set before it is sent

 private:
  Status append_frame(uint32_t kind, uint32_t component, std::string_view payload);

  Env& env_;
  const std::string path_, part_path_;
  const uint64_t epoch_;
  const std::vector<std::string> ids_;
  std::vector<nek_snapshot> parts_;
  std::function<void()> finished_;
  mutable std::mutex mutex_;
  uint32_t missing_;
  std::unique_ptr<File> file_;
  Status status_;
};

// The last complete snapshot; an empty State where there is no file.
Result<State> read_state(Env& env, const std::string& path);

}  // namespace nek
