// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor.h"

#include <algorithm>

#include "util/thread.h"

namespace nek {
namespace {

// Chunks that readers go ahead of each worker, so that the two change places rarely.
constexpr size_t kAheadOfEach = 4;
// Chunks that are not retired yet, for each worker: where one worker is held up, the others go on
// with what is behind its chunk, and all of that waits for it in memory.
constexpr uint64_t kInFlightOfEach = 12;
// What a task keeps between uses, so that one large record does not hold memory for good.
constexpr size_t kKeptArena = size_t{16} << 20;

}  // namespace

Executor::Executor(const Graph& graph, std::vector<Component>& components, uint32_t workers,
                   bool strict, std::chrono::milliseconds most_silence, Budget& budget, Hooks hooks)
    : graph_(graph),
      components_(components),
      budget_(budget),
      hooks_(std::move(hooks)),
      steps_(graph, components, strict, hooks_.failed),
      clock_(components, most_silence),
      enqueue_stage_(components.size()),
      workers_(workers) {
  const auto add = [&](Step step, uint32_t component, bool ordered) {
    stages_.push_back({step, component, ordered, 0, {}});
  };
  add(Step::kDecode, 0, false);
  if (steps_.wants_time()) add(Step::kClock, 0, true);
  for (const uint32_t index : graph_.steps) {
    if (components_[index].kind != Kind::kFilter) continue;
    add(Step::kProcess, index, false);
    if (components_[index].ordered()) add(Step::kCommit, index, true);
  }
  for (const uint32_t index : graph_.steps) {
    if (components_[index].kind != Kind::kOutput) continue;
    add(Step::kEncode, index, false);
    enqueue_stage_[index] = stages_.size();
    add(Step::kEnqueue, index, true);
  }
  add(Step::kRetire, 0, true);
}

Executor::~Executor() {
  abort();
  join();
  free_lanes();
}

Status Executor::make_lanes() {
  for (Worker& worker : workers_) {
    worker.lanes.resize(components_.size());
    for (size_t i = 0; i < components_.size(); i++) {
      Status status = worker.lanes[i].make(components_[i], graph_.nodes[i]);
      if (!status.ok()) return status;
    }
  }
  return {};
}

void Executor::start() {
  for (Worker& worker : workers_)
    threads_.push_back(start_thread("worker " + std::to_string(threads_.size()),
                                    [this, &worker] { work(worker); }));
}

void Executor::join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Executor::free_lanes() {
  for (Worker& worker : workers_) {
    for (size_t i = 0; i < worker.lanes.size(); i++) worker.lanes[i].free(components_[i]);
    worker.lanes.clear();
  }
}

void Executor::abort() {
  {
    const std::lock_guard lock(mutex_);
    aborting_ = true;
  }
  work_.notify_all();
  caught_up_.notify_all();
}

std::unique_ptr<Task> Executor::new_task() {
  {
    const std::lock_guard lock(mutex_);
    if (!pool_.empty()) {
      auto task = std::move(pool_.back());
      pool_.pop_back();
      return task;
    }
  }
  auto task = std::make_unique<Task>();
  task->ledger = Ledger(graph_);
  task->streams.resize(graph_.nodes.size());
  for (size_t i = 0; i < graph_.nodes.size(); i++)
    task->streams[i].resize(graph_.nodes[i].streams.size());
  return task;
}

void Executor::submit(std::unique_ptr<Task> task, const std::function<void(Task&)>& prepare) {
  {
    const std::lock_guard lock(mutex_);
    task->seq = next_seq_++;
    task->epoch = epoch_;
    if (task->control.kind == NEK_SNAPSHOT) epoch_++;
    if (!task->is_control()) chunks_.fetch_add(1, std::memory_order_relaxed);
    prepare(*task);
    incoming_.push_back(std::move(task));
  }
  work_.notify_one();
}

bool Executor::wait_for_workers(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  const uint64_t most = kInFlightOfEach * workers_.size();
  if (incoming_.size() < kAheadOfEach * workers_.size() && in_flight() < most) return true;
  return caught_up_.wait_for(lock, wait,
                             [&] { return aborting_ || (caught_up() && in_flight() <= most / 2); });
}

void Executor::work(Worker& worker) {
  const auto has_work = [&] { return aborting_ || !ready_.empty() || !incoming_.empty(); };
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!has_work()) {
      lock.unlock();
      for (Component& of : components_)
        if (of.output) of.output->flush();
      lock.lock();
      work_.wait(lock, has_work);
    }
    if (aborting_) return;
    std::unique_ptr<Task> task;
    bool catches_up = false;
    if (!ready_.empty()) {  // the oldest first: it frees memory and lets others pass
      std::pop_heap(ready_.begin(), ready_.end(), Older());
      task = std::move(ready_.back());
      ready_.pop_back();
    } else {
      task = std::move(incoming_.front());
      incoming_.pop_front();
      catches_up = caught_up();
    }
    lock.unlock();
    if (catches_up) caught_up_.notify_all();  // not before: it would only wait for the lock
    run(worker, std::move(task));
    lock.lock();
  }
}

void Executor::run(Worker& worker, std::unique_ptr<Task> task) {
  for (; task->step < stages_.size(); task->step++) {
    if (aborted()) return;
    Stage& stage = stages_[task->step];
    if (stage.ordered) {
      task = enter(stage, std::move(task));
      if (!task) return;
    }
    execute(worker, stage, *task);
    charge(*task);
    if (stage.ordered) leave(stage, task->seq);
  }
  recycle(std::move(task));
}

// The task when it may go on, or NULL: then it is parked.
std::unique_ptr<Task> Executor::enter(Stage& stage, std::unique_ptr<Task> task) {
  const std::lock_guard lock(mutex_);
  const bool room = stage.step != Step::kEnqueue || components_[stage.component].output->has_room();
  if (stage.next == task->seq && room) return task;
  const uint64_t seq = task->seq;
  stage.parked.emplace(seq, std::move(task));
  return nullptr;
}

void Executor::leave(Stage& stage, uint64_t seq) {
  bool catches_up = false;
  {
    const std::lock_guard lock(mutex_);
    stage.next = seq + 1;
    wake(stage);
    catches_up = stage.step == Step::kRetire && caught_up() &&
                 in_flight() == kInFlightOfEach * workers_.size() / 2;
  }
  if (catches_up) caught_up_.notify_all();
}

void Executor::wake(Stage& stage) {
  const auto at = stage.parked.find(stage.next);
  if (at == stage.parked.end()) return;
  if (stage.step == Step::kEnqueue && !components_[stage.component].output->has_room()) return;
  ready_.push_back(std::move(at->second));
  std::push_heap(ready_.begin(), ready_.end(), Older());
  stage.parked.erase(at);
  work_.notify_one();
}

void Executor::room(uint32_t component) {
  const std::lock_guard lock(mutex_);
  wake(stages_[enqueue_stage_[component]]);
}

void Executor::execute(Worker& worker, const Stage& stage, Task& task) {
  switch (stage.step) {
    case Step::kDecode: steps_.decode(worker, task); break;
    case Step::kClock: clock_.pass(task); break;
    case Step::kProcess: steps_.process(worker, stage.component, task); break;
    case Step::kCommit: steps_.commit(worker, stage.component, task); break;
    case Step::kEncode: steps_.encode(worker, stage.component, task); break;
    case Step::kEnqueue: enqueue(stage.component, task); break;
    case Step::kRetire: retire(task); break;
  }
}

// What the chunk turned out to need beyond what its reader was admitted.
void Executor::charge(Task& task) {
  const uint64_t read = task.is_control() ? 0 : task.chunk->c.used;
  const uint64_t needed = read + task.arena.in_use();
  if (task.retired || needed <= task.admitted) return;
  budget_.charge(needed - task.admitted);
  task.admitted = needed;
}

void Executor::enqueue(uint32_t component, Task& task) {
  Output& output = *components_[component].output;
  if (!task.blocks.empty() || task.ledger.outputs[component].in)
    output.push(task.blocks, task.epoch, task.ledger.outputs[component]);
  task.ledger.outputs[component] = {};  // the output's own ledger has it
  if (task.is_control()) {
    output.push(task.control, task.epoch);
  } else if (task.watermark != INT64_MIN && components_[component].plugin->wants(NEK_WATERMARK)) {
    Control control;
    control.kind = NEK_WATERMARK;
    control.time_ms = task.watermark;
    output.push(control, task.epoch);
  }
}

void Executor::retire(Task& task) {
  hooks_.retired(task);
  budget_.release(task.admitted);
  task.retired = true;
  if (task.is_control()) return;
  for (size_t i = 0; i < task.chunk->segments.size(); i++) {
    if (!task.chunk->begins_run(i)) continue;
    Source& source = *task.chunk->source(i);
    if (source.holds.fetch_sub(1, std::memory_order_acq_rel) == 1) hooks_.source_released(source);
  }
}

void Executor::recycle(std::unique_ptr<Task> task) {
  task->reset();
  task->arena.trim(kKeptArena);
  if (task->chunk && task->chunk->allocated > kKeptArena) task->chunk.reset();
  const std::lock_guard lock(mutex_);
  pool_.push_back(std::move(task));  // as many as were ever in flight: the budget bounds them
}

}  // namespace nek
