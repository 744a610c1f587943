// SPDX-License-Identifier: Apache-2.0
// Executor: takes chunks through all steps on a few workers, hot in the cache, and keeps the turns
// of ordered steps, so that the result is the same with any number of workers.
//
// Every task runs the same list of steps:
//
//   decode  clock*  [process  commit*]...  [encode  enqueue*]...  retire*        * in chunk order
//
// A task whose turn has not come, or whose output has no room, is parked at that step; no worker
// waits for it. As the oldest task can always go on, nothing can lock up.
//
// Thread-safe where a function says so.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

#include "pipeline/graph.h"
#include "runtime/budget.h"
#include "runtime/component.h"
#include "runtime/event_clock.h"
#include "runtime/steps.h"

namespace nek {

class Executor {
 public:
  struct Hooks {
    std::function<void(std::string)> failed;       // a component broke: the pipeline must end
    std::function<void(Task&)> retired;            // in chunk order, one at a time
    std::function<void(Source&)> source_released;  // no chunk of it is left
  };
  // most_silence: an input that is silent for longer does not hold watermarks back.
  Executor(const Graph& graph, std::vector<Component>& components, uint32_t workers, bool strict,
           std::chrono::milliseconds most_silence, Budget& budget, Hooks hooks);
  ~Executor();

  Status make_lanes();  // [main-thread], after the instances' start
  void start();         // [main-thread], after make_lanes
  // What a marker's task carried in `clock`; false: it cannot be read. [main-thread], before start
  bool restore_clock(std::string_view saved) { return clock_.restore(saved); }
  // Calls `prepare` with the task's place in the order settled and no other in between.
  // [any-thread]
  void submit(std::unique_ptr<Task> task, const std::function<void(Task&)>& prepare);
  std::unique_ptr<Task> new_task();  // from the pool. [any-thread]
  // Waits until the workers have caught up so far that reading on makes sense, at most `wait`;
  // true: they have. [any-thread]
  bool wait_for_workers(std::chrono::milliseconds wait);
  // For how long the input was asked, and gave nothing, since it last gave something. [any-thread]
  void set_silence(uint32_t input, std::chrono::milliseconds silence) {
    clock_.set_silence(input, silence);
  }
  // The output of this component has room again. [any-thread]
  void room(uint32_t component);
  // Lets the workers end at once, wherever tasks are. [any-thread]
  void abort();
  void join();        // [main-thread], after abort
  void free_lanes();  // [main-thread], after join and the instances' stop
  uint64_t chunks() const { return chunks_.load(std::memory_order_relaxed); }  // submitted so far
  bool aborted() const { return aborting_.load(std::memory_order_relaxed); }

 private:
  enum class Step : uint8_t { kDecode, kClock, kProcess, kCommit, kEncode, kEnqueue, kRetire };
  struct Stage {
    Step step;
    uint32_t component;
    bool ordered;
    uint64_t next = 0;  // whose turn it is
    std::map<uint64_t, std::unique_ptr<Task>> parked;
  };
  struct Older {
    bool operator()(const std::unique_ptr<Task>& a, const std::unique_ptr<Task>& b) const {
      return a->seq > b->seq;
    }
  };

  void work(Worker& worker);
  // Both: mutex_ held.
  bool caught_up() const { return incoming_.size() <= workers_.size(); }
  uint64_t in_flight() const { return next_seq_ - stages_.back().next; }
  void run(Worker& worker, std::unique_ptr<Task> task);
  std::unique_ptr<Task> enter(Stage& stage, std::unique_ptr<Task> task);
  void leave(Stage& stage, uint64_t seq);
  void wake(Stage& stage);  // mutex_ held
  void execute(Worker& worker, const Stage& stage, Task& task);
  void enqueue(uint32_t component, Task& task);
  void retire(Task& task);
  void recycle(std::unique_ptr<Task> task);
  void charge(Task& task);

  const Graph& graph_;
  std::vector<Component>& components_;
  Budget& budget_;
  Hooks hooks_;
  Steps steps_;
  EventClock clock_;
  std::vector<Stage> stages_;
  std::vector<size_t> enqueue_stage_;  // by component
  std::vector<Worker> workers_;
  std::vector<std::thread> threads_;

  std::mutex mutex_;
  std::condition_variable work_, caught_up_;
  uint64_t next_seq_ = 0, epoch_ = 0;
  std::deque<std::unique_ptr<Task>> incoming_;
  std::vector<std::unique_ptr<Task>> ready_;  // heap, oldest first
  std::vector<std::unique_ptr<Task>> pool_;
  std::atomic<bool> aborting_{false};
  std::atomic<uint64_t> chunks_{0};
};

}  // namespace nek
