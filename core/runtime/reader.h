// SPDX-License-Identifier: Apache-2.0
// Reader: an input's own thread. It admits memory, has the input read (Intake) and cut into whole
// records (Framer), and hands chunks to the executor in the one order of all inputs.
//
// Thread-safe where a function says so; SourceHost is called on the reader's thread.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/pipeline_config.h"
#include "runtime/budget.h"
#include "runtime/executor.h"
#include "runtime/framer.h"
#include "runtime/intake.h"
#include "runtime/known_sources.h"
#include "runtime/retry.h"
#include "runtime/snapshot.h"

namespace nek {

class Reader final : public SourceHost {
 public:
  struct Hooks {
    std::function<void(std::string)> failed;
    std::function<void()> finished;  // nothing will come any more
    // Takes a snapshot of all that was submitted and waits for it up to the time. [reader-thread]
    std::function<void(std::chrono::milliseconds)> snapshot_now;
  };
  // spool: folder of its spool.
  Reader(Component& component, const PipelineSettings& settings, InputSpool spool_settings,
         const std::string& spool, RetryPolicy retry, Budget& budget, Executor& executor,
         Hooks hooks);
  ~Reader() override;

  void restore(const SourceState& source);  // [main-thread], before start
  void start();                             // [main-thread]
  void stop();                              // no more reads; what was read goes on. [any-thread]
  void abort();                             // ends at once. [any-thread]
  void join();                              // [main-thread]
  // A snapshot is complete: tells the input, between two reads. [any-thread]
  void committed(const std::vector<SourceState>& sources);
  void close_sources();  // those that are left, when no chunk is worked on. [main-thread]
  // No chunk of the source is left. [any-thread]
  void released(Source& source);
  // What a chunk in order held of a source. [any-thread]
  void count_records(const std::string& key, uint64_t records);
  // The sources as of what was submitted. [any-thread]
  std::vector<SourceState> states() const { return sources_.states(); }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }  // [any-thread]

  Source* open(const nek_source_open& request) override;
  void end(Source& source) override;
  void leave(Source& source) override;
  void mark(Source& source, std::string_view mark) override;
  void known(const std::function<void(const nek_known_source&)>& each) const override;
  void revoke(Source* const* sources, uint32_t count, uint32_t wait_ms,
              uint64_t* committed) override;

 private:
  struct Undo {  // what a source had before a call of the read under way
    Source* source;
    std::string mark;
    bool left;
  };

  void run();
  nek_status read_task();
  nek_status read_chunk();  // fills task_
  void note_silence(std::chrono::steady_clock::time_point since);
  void recover();
  Source* open_source(const nek_source_open& request);
  void end_now(Source& source);
  void take_back();
  void tell_committed(bool last = false);
  void submit();
  void close(Source& source);
  void let_go();                               // of the sources that were closed
  bool pause(std::chrono::milliseconds time);  // false: stopped
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  Component& component_;
  const PipelineSettings& settings_;
  Budget& budget_;
  Executor& executor_;
  Hooks hooks_;
  Backoff backoff_;
  const uint64_t admission_;  // bytes charged for a chunk

  // Reader thread:
  std::unique_ptr<Intake> intake_;
  std::unique_ptr<Task> task_;  // being filled
  Framer framer_;
  std::vector<nek_segment> read_;  // what read() hands out
  std::vector<nek_id> read_ids_;   // one each, all 0 where the input sets none
  std::chrono::steady_clock::duration silence_{};
  uint32_t need_ = 0;             // of a message that did not fit
  std::vector<Source*> ended_;    // since the last chunk
  std::vector<Source*> closing_;  // their hold for being open is still there
  std::vector<Undo> undo_;

  KnownSources sources_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, SourceState> to_tell_;  // committed, by key
  std::atomic<bool> stopping_{false};
  bool aborting_ = false;
  std::atomic<uint64_t> bytes_{0};
  std::thread thread_;
};

}  // namespace nek
