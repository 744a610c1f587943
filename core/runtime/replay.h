// SPDX-License-Identifier: Apache-2.0
// Replay: stands in for the readers of a pipeline and hands its dead letters in, in order. The rest
// is the same runtime: how far it has come is part of each snapshot, so letters go and records
// arrive in one step, and what is refused again is a new dead letter in that same step.
//
// Thread-safe where a function says so.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/pipeline_config.h"
#include "runtime/budget.h"
#include "runtime/dead_letter.h"
#include "runtime/executor.h"
#include "runtime/route.h"

namespace nek {

// Which dead letters; all others stay as they are. Empty: any.
struct LetterSelection {
  std::string component, reason;
  bool takes(const Letter& letter) const {
    return (component.empty() || letter.component == component) &&
           (reason.empty() || letter.reason == reason);
  }
};

struct ReplayCounts {
  uint64_t replayed = 0;    // letters that were handed in
  uint64_t kept = 0;        // not selected
  uint64_t impossible = 0;  // kept, because the pipeline has no place for them
  uint64_t total = 0;       // letters that were there
  uint64_t total_bytes = 0, done_bytes = 0;
};

class Replay {
 public:
  struct Hooks {
    std::function<void(std::string)> failed;
    std::function<void()> finished;  // no letter will come any more
  };
  Replay(const Graph& graph, std::vector<Component>& components, Env& env, Budget& budget,
         Executor& executor, DeadLetters& letters, LetterSelection selection, Hooks hooks);
  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  Status open();  // [main-thread], after DeadLetters::restore
  void start();   // [main-thread], after the instances'
  void stop();    // no more letters; those handed in go on. [any-thread]
  void join();    // [main-thread], after stop
  // The first letter that is not handed in yet; before all of them, and at the end after all.
  // [any-thread]
  DeadLetterSegment head() const;
  ReplayCounts counts() const;  // [any-thread]

 private:
  // What may be in one task: letters of one component, input and payload, with the same columns.
  struct Sort {
    Letter::Payload payload = Letter::Payload::kNone;
    std::string component, stream, input;
    LetterJson types;
    bool operator==(const Sort&) const = default;
  };
  void run();
  bool replay_segment(const DeadLetterSegment& segment);
  void take(std::string_view line);
  // Why the pipeline has no place for the letter; empty: it has.
  std::string place(const Letter& letter);
  void add(Letter letter);
  void add_raw(const Letter& letter);
  Source* source_of(const Letter& letter);
  const Route* route_of(const Letter& letter, uint32_t entry);
  std::optional<uint32_t> source_of_entry(const Letter& letter, uint32_t entry) const;
  std::unique_ptr<Task> new_task();  // NULL: stopped
  bool have_task();                  // false: stopped
  void submit();
  bool read_sources();
  bool stopping() const;

  const Graph& graph_;
  std::vector<Component>& components_;
  Env& env_;
  Budget& budget_;
  Executor& executor_;
  DeadLetters& letters_;
  const LetterSelection selection_;
  Hooks hooks_;
  std::map<std::string, uint32_t> component_of_;  // by id
  struct Way {
    uint32_t entry;
    bool through;  // what is above it
    std::optional<uint32_t> source;
    auto operator<=>(const Way&) const = default;
  };
  std::map<Way, Route> routes_;
  std::vector<DeadLetterSegment> segments_;
  uint64_t end_number_ = 0;  // of a head after all segments

  // Its own thread:
  std::map<Hash128, LetterSource> known_;
  // With the name that its letter gives it; NULL: its decoder would not have it.
  std::map<std::pair<Hash128, std::string>, std::unique_ptr<Source>> sources_;
  std::unique_ptr<Task> task_;             // being filled
  Sort sort_;                              // of what is in it
  std::vector<Letter::Columns> messages_;  // of its segments
  size_t bytes_ = 0, in_task_ = 0;
  ReplayCounts of_task_;
  DeadLetterSegment read_;  // what is left when the task's letters are gone
  bool warned_ = false;

  mutable std::mutex mutex_;
  bool stopping_ = false;
  DeadLetterSegment head_;
  ReplayCounts counts_;
  std::thread thread_;
};

}  // namespace nek
