// SPDX-License-Identifier: Apache-2.0
// Pipeline: a configuration come to life. It makes the instances, restores them from the last
// complete snapshot, runs readers, workers and outputs, takes snapshots, and ends in order: when
// all inputs have ended, when it is told to, or when a component fails.
//
// Used by one thread, but for what says [any-thread]; and while that one is in shut_down() another
// may ask what is const.
#pragma once
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "metrics/metrics.h"
#include "pipeline/diagnostics.h"
#include "pipeline/graph.h"
#include "pipeline/pipeline_config.h"
#include "runtime/budget.h"
#include "runtime/data_dir.h"
#include "runtime/dead_letter.h"
#include "runtime/executor.h"
#include "runtime/reader.h"
#include "runtime/replay.h"
#include "runtime/restore.h"
#include "runtime/snapshot.h"
#include "runtime/summary_table.h"
#include "util/env.h"

namespace nek {

struct PipelineOptions {
  Env* env = &system_env();
  std::string data_dir;     // state and dead letters; made when missing
  bool from_start = false;  // sets the last state aside and reads all inputs again
  RetryPolicy retry;
  std::chrono::milliseconds tick{1000};  // between NEK_TICKs
  // An input that was asked for so long and gave nothing does not hold watermarks back.
  std::chrono::milliseconds silence{60'000};
  // Instead of what the inputs read the dead letters are handed in; inputs are not even made.
  std::optional<LetterSelection> replay;
};

struct PipelineProgress {
  uint64_t records = 0;                      // decoded or refused
  uint64_t bytes = 0;                        // read
  uint64_t done_bytes = 0, total_bytes = 0;  // as the inputs know it; total 0: unknown
  uint64_t memory = 0, peak_memory = 0;      // in flight, of the budget
};

class Pipeline {
 public:
  // Makes all instances and the graph; opens nothing. NULL when `diagnostics` has errors.
  static std::unique_ptr<Pipeline> make(PipelineConfig config, PipelineOptions options,
                                        Diagnostics& diagnostics);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  const PipelineConfig& config() const { return config_; }
  const Graph& graph() const { return graph_; }

  // Has each component that can say what it finds where it would connect to; instead of start().
  struct Finding {
    std::string component;
    int level = NEK_INFO;
    std::string text;
  };
  void connect(std::chrono::milliseconds wait, const std::function<void(const Finding&)>& tell);

  Status start();
  // Reads no more; what was read is delivered, then the pipeline ends. [any-thread]
  void stop();
  // True when it has ended, within the time.
  bool wait(std::chrono::milliseconds time);
  // Ends at once, as a crash would: what is not in a complete snapshot is forgotten. After a normal
  // end it frees what runs. Called by the destructor too.
  void shut_down();
  // The component that shut_down() waits for; empty: none. [any-thread]
  std::string ending() const;

  // Why it failed; empty when it did not.
  std::string failure() const;
  Ledger ledger() const;
  // Records that inputs made in the runs before this one, as the restored snapshot knows.
  uint64_t restored_records() const { return restored_.records; }
  const Ledger& restored_ledger() const { return restored_.ledger; }
  const std::string& data_dir() const { return data_dir_.path(); }
  uint64_t dead_letters() const { return dead_letters_->count(); }
  const std::string& dead_letter_path() const { return dead_letters_->path(); }
  uint64_t dropped_dead_letters() const { return dead_letters_->dropped(); }
  DeadLetterState dead_letter_state() const { return dead_letters_->committed(); }
  // Of a replay: dead letters that were made anew.
  uint64_t replay_refused() const {
    const ReplayCounts counts = replay_counts();
    return dead_letters() - std::min(dead_letters(), counts.kept + counts.impossible);
  }
  ReplayCounts replay_counts() const { return replay_ ? replay_->counts() : ReplayCounts(); }
  PipelineProgress progress() const;
  // What components have to say to people. [main-thread], between wait() and shut_down()
  std::vector<SummaryTable> summaries() const;
  const Metrics& metrics() const { return metrics_; }

 private:
  Pipeline(PipelineConfig config, PipelineOptions options);

  bool make_instances(Diagnostics& diagnostics);
  bool make_codec(uint32_t index, Diagnostics& diagnostics);
  Status start_instances(const State& state);
  void add_event_time(const Component& input, const ColumnSet& set,
                      std::vector<const char*>& wanted) const;
  Status make_replay();
  void start_threads();

  // The coordinator's thread: time, snapshots, the end. In coordinator.cpp.
  void coordinate();
  bool coordinate_once();  // false: the pipeline has ended; lock_ held
  void submit_control(Control control, const std::function<void()>& prepare = {});
  void begin_snapshot();
  void finish_snapshot();
  Status publish(Snapshot& snapshot);
  bool keep(Snapshot& snapshot);
  bool snapshot_due(std::chrono::steady_clock::time_point now) const;
  void snapshot_now(std::chrono::milliseconds time);
  void fail_with(const std::string& text);
  void tell_stopping();
  void wake();  // the coordinator and whoever waits; mutex_ held
  void retired(Task& task);
  void passed(uint32_t component, const Control& control);
  uint64_t read_bytes() const;

  PipelineConfig config_;
  PipelineOptions options_;
  Metrics metrics_;
  std::vector<Component> components_;
  Graph graph_;
  DataDir data_dir_;
  Restored restored_;
  std::unique_ptr<Budget> budget_;
  std::unique_ptr<DeadLetters> dead_letters_;
  std::unique_ptr<Executor> executor_;
  std::vector<std::unique_ptr<Reader>> readers_;
  std::unique_ptr<Replay> replay_;
  bool wants_ticks_ = false;
  std::atomic<bool> tick_under_way_{false};
  std::atomic<bool> tick_made_records_{false};  // since the last marker
  uint64_t least_interval_ms_ = 0;              // between snapshots, as components ask

  mutable std::mutex ledger_mutex_;
  Ledger ledger_;         // of chunks that are through, without outputs
  Ledger marker_ledger_;  // as of the marker
  std::string marker_clock_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string failure_;
  uint32_t readers_left_ = 0;
  bool stop_asked_ = false, running_ = false, ended_ = false, shutting_down_ = false;
  bool event_ = false;           // something that the coordinator should look at
  bool answered_ = false;        // by all, to the snapshot in flight
  uint64_t epoch_ = 0;           // of the next snapshot
  uint64_t published_ = 0;       // the newest complete one's epoch + 1
  uint64_t forced_ = 0;          // snapshots begun at least: asked for by snapshot_now
  uint32_t committed_left_ = 0;  // outputs that the last COMMITTED has not passed

  // The coordinator's own.
  std::shared_ptr<Snapshot> snapshot_;  // in flight
  DeadLetterSegment replay_head_;       // as of the marker
  uint64_t chunks_at_marker_ = 0, bytes_at_marker_ = 0;
  std::chrono::steady_clock::time_point last_marker_{}, last_tick_{}, begun_{};
  bool reading_ = false;  // readers have started
  bool finish_sent_ = false, finished_ = false;
  bool last_snapshot_done_ = false;
  std::thread coordinator_;
  std::atomic<uint32_t> ending_{UINT32_MAX};  // component
};

}  // namespace nek
