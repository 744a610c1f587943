// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "nek/text.hpp"
#include "runtime/call.h"
#include "runtime/origin.h"
#include "runtime/rebuild.h"
#include "runtime/route.h"
#include "runtime/snapshot.h"
#include "util/bytes.h"
#include "util/many_bytes.h"

namespace nek {
namespace {

// Chunks that readers go ahead of each worker, so that the two change places rarely.
constexpr size_t kAheadOfEach = 4;
// Chunks that are not retired yet, for each worker: where one worker is held up, the others go on
// with what is behind its chunk, and all of that waits for it in memory.
constexpr uint64_t kInFlightOfEach = 12;
// What a task keeps between uses, so that one large record does not hold memory for good.
constexpr size_t kKeptArena = size_t{16} << 20;

// Calls each(word, bits) for the rows that stay: those kept and not refused.
template <class Each>
void each_word(const Visit& visit, const uint64_t* keep, Each each) {
  const uint32_t count = visit.in->c.rows;
  for (uint32_t word = 0; word < (count + 63) / 64; word++) {
    uint64_t bits = keep ? keep[word] : ~uint64_t{0};
    if (visit.refused) bits &= ~visit.refused[word];
    if (count - word * 64 < 64) bits &= (uint64_t{1} << (count - word * 64)) - 1;
    each(word, bits);
  }
}
uint32_t count_rows(const Visit& visit, const uint64_t* keep) {
  if (!keep) return visit.in->c.rows - visit.refused_count;
  uint32_t rows = 0;
  each_word(visit, keep, [&](uint32_t, uint64_t bits) { rows += std::popcount(bits); });
  return rows;
}
void list_rows(const Visit& visit, const uint64_t* keep, std::vector<uint32_t>& rows) {
  rows.clear();
  each_word(visit, keep, [&](uint32_t word, uint64_t bits) {
    for (; bits; bits &= bits - 1)
      rows.push_back(word * 64 + static_cast<uint32_t>(std::countr_zero(bits)));
  });
}

}  // namespace

Executor::Executor(const Graph& graph, std::vector<Component>& components, uint32_t workers,
                   bool strict, std::chrono::milliseconds most_silence, Budget& budget, Hooks hooks)
    : graph_(graph),
      components_(components),
      strict_(strict),
      most_silence_(most_silence),
      budget_(budget),
      hooks_(std::move(hooks)),
      enqueue_stage_(components.size()),
      workers_(workers),
      clocks_(components.size()) {
  const auto add = [&](Step step, uint32_t component, bool ordered) {
    stages_.push_back({step, component, ordered, 0, {}});
  };
  for (const Component& component : components_)
    wants_time_ |= component.plugin->wants(NEK_WATERMARK);
  add(Step::kDecode, 0, false);
  if (wants_time_) add(Step::kClock, 0, true);
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

namespace {

// In `lane` when it is made. A plugin without lanes has none.
Status make_lane(const Instance& of, void*& lane) {
  if (!of.self || !of.plugin.lane_new) return {};
  take_failure();
  const nek_status status = of.run([&] {
    lane = of.plugin.lane_new(of.self);
    return NEK_OK;
  });
  const std::string why = take_failure().text;
  if (status == NEK_OK && (lane || why.empty())) return {};
  return fail(of.id + ": cannot make what a worker needs: " + why);
}

void free_lane(const Instance& of, void* lane) {
  if (lane && of.plugin.lane_free)
    of.tell("lane_free", [&] { of.plugin.lane_free(of.self, lane); });
}

}  // namespace

Status Executor::make_lanes() {
  for (Worker& worker : workers_) {
    worker.lanes.resize(components_.size());
    for (size_t i = 0; i < components_.size(); i++) {
      Lane& lane = worker.lanes[i];
      const Component& of = components_[i];
      Status status = make_lane(*of.plugin, lane.plugin);
      lane.binder = std::make_unique<Binder>(*of.plugin->shape, &graph_.nodes[i]);
      if (status.ok() && of.codec) {
        status = make_lane(*of.codec, lane.codec);
        lane.codec_binder = std::make_unique<Binder>(*of.codec->shape, nullptr);
      }
      if (!status.ok()) return status;
    }
  }
  return {};
}

void Executor::start() {
  for (Worker& worker : workers_) worker.thread = std::thread([this, &worker] { work(worker); });
}

void Executor::join() {
  for (Worker& worker : workers_) {
    if (worker.thread.joinable()) worker.thread.join();
  }
}

void Executor::free_lanes() {
  for (Worker& worker : workers_) {
    for (size_t i = 0; i < worker.lanes.size(); i++) {
      Lane& lane = worker.lanes[i];
      free_lane(*components_[i].plugin, lane.plugin);
      if (components_[i].codec) free_lane(*components_[i].codec, lane.codec);
    }
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
    case Step::kDecode: decode(worker, task); break;
    case Step::kClock: clock(task); break;
    case Step::kProcess: process(worker, stage.component, task); break;
    case Step::kCommit: commit(worker, stage.component, task); break;
    case Step::kEncode: encode(worker, stage.component, task); break;
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

void Executor::broken(const Component& of, const char* where) {
  Failure failure = take_failure();
  if (failure.text.empty()) failure.text = std::string(where) + " failed and did not say why";
  hooks_.failed(of.plugin->id + ": " + failure.text);
}

namespace {

// Messages and sources stand behind each other: halves of a character may make a whole one, which
// is none in either.
bool every_segment_is_utf8(const HostChunk& chunk) {
  const auto begins_within = [&](const nek_segment& segment) {
    return segment.size > 0 && (chunk.data.get()[segment.begin] & 0xc0) == 0x80;
  };
  return all_valid_utf8(chunk.data.get(), chunk.c.used) &&
         std::none_of(chunk.segments.begin(), chunk.segments.end(), begins_within);
}

}  // namespace

void Executor::decode(Worker& worker, Task& task) {
  if (task.is_control()) return;
  Component& of = components_[task.input];
  HostChunk& chunk = *task.chunk;
  chunk.c.utf8 = every_segment_is_utf8(chunk);
  if (task.replayed && !task.replayed->records.empty()) {
    const auto& [from, stream] = sources_of(task.replayed->route->entry, task).front();
    task.streams[from][stream].push_back(&rebuild_batch(task, task.replayed->records));
  }
  if (chunk.segments.empty()) return;
  HostCall call(*of.codec, task, worker.lanes[task.input].codec);
  call.strict = strict_;
  const size_t letters = task.dead_letters.size();
  const StreamLedger ledger = task.ledger.streams[task.input][0];
  const auto records = task.records;
  take_failure();
  const nek_status status = of.codec->run(
      [&] { return of.codec->plugin.decoder->decode(of.codec->self, &call, &chunk.c); });
  if (!call.fault.empty()) {
    hooks_.failed(of.plugin->id + ": broken decoder: " + call.fault);
  } else if (status == NEK_REFUSE) {
    const std::string why = take_failure().text;
    task.streams[task.input][0].clear();  // what was handed out is refused with the rest
    task.dead_letters.resize(letters);
    task.ledger.streams[task.input][0] = ledger;
    task.records = records;
    for (const nek_segment& segment : chunk.segments)
      call.host->refuse_bytes(&call, {segment.begin, segment.size}, "refused", to_text(why));
  } else if (status != NEK_OK) {
    broken(of, "decode");
  }
  if (!wants_time_) return;
  for (const Batch* batch : task.streams[task.input][0])
    for (uint32_t i = 0; i < batch->c.schema->count; i++) {
      if (!(batch->c.schema->fields[i].flags & NEK_EVENT_TIME)) continue;
      const nek_column& column = *batch->c.columns[i];
      const auto* times = static_cast<const int64_t*>(column.values);
      for (uint32_t row = 0; row < batch->c.rows; row++)
        if (nek_has(&column, row)) task.event_time = std::max(task.event_time, times[row]);
    }
}

// The event time up to which all inputs have come: of those that have ended, or have been silent
// for long, nothing is waited for.
void Executor::clock(Task& task) {
  if (!task.is_control()) {
    InputClock& of = clocks_[task.input];
    of.newest = std::max(of.newest, task.event_time);
    of.ended = task.last;
  }
  int64_t least = INT64_MAX, most = INT64_MIN;
  for (size_t i = 0; i < clocks_.size(); i++) {
    const InputClock& of = clocks_[i];
    if (components_[i].kind != Kind::kInput) continue;
    most = std::max(most, of.newest);
    if (!of.ended && of.silence.load() < most_silence_.count()) least = std::min(least, of.newest);
  }
  if (least == INT64_MAX) least = most;
  watermark_ = std::max(watermark_, least);
  task.watermark = watermark_;
  if (task.control.kind == NEK_SNAPSHOT) task.clock = saved_clock();
}

std::string Executor::saved_clock() const {
  ByteWriter to;
  to.number(watermark_);
  for (size_t i = 0; i < clocks_.size(); i++) {
    if (components_[i].kind != Kind::kInput) continue;
    to.text(components_[i].plugin->id);
    to.number(clocks_[i].newest);
  }
  return to.bytes();
}

bool Executor::restore_clock(std::string_view saved) {
  if (saved.empty()) return true;
  ByteReader from(saved);
  watermark_ = from.number<int64_t>();
  while (from.ok() && !from.at_end()) {
    const std::string_view id = from.text();
    const auto newest = from.number<int64_t>();
    for (size_t i = 0; i < clocks_.size(); i++)
      if (components_[i].kind == Kind::kInput && components_[i].plugin->id == id)
        clocks_[i].newest = newest;
  }
  return from.ok();
}

const Executor::Sources& Executor::sources_of(uint32_t component, const Task& task) const {
  const Route* route = task.replayed ? task.replayed->route : nullptr;
  return route ? route->sources[component] : graph_.nodes[component].sources;
}

std::string_view Executor::name_of(const Edge& edge, uint32_t reader) const {
  const Graph::Node& node = graph_.nodes[reader];
  if (node.sources.size() < 2) return {};
  const auto at = std::find(node.sources.begin(), node.sources.end(), edge);
  return node.source_names[static_cast<size_t>(at - node.sources.begin())];
}

bool Executor::leads_to_entry(uint32_t component, const Task& task) {
  return task.replayed && task.replayed->route && task.replayed->route->above[component];
}

bool Executor::visit_reads(Lane& lane, Task& task, Visit& visit, const Component& of) {
  std::string why;
  visit.reads = lane.binder->reads(task, *visit.in, &why);
  if (visit.reads) return true;
  refuse_all(task, visit, of, why);
  return false;
}

void Executor::refuse_all(Task& task, Visit& visit, const Component& of, std::string_view reason) {
  HostCall call(*of.plugin, task, nullptr);
  call.over(visit);
  for (uint32_t row = 0; row < visit.in->c.rows; row++)
    call.host->refuse_row(&call, row, "refused", to_text(reason));
  visit.reads = nullptr;  // it goes no further
  visit.emissions.clear();
}

void Executor::process(Worker& worker, uint32_t component, Task& task) {
  Component& of = components_[component];
  Lane& lane = worker.lanes[component];
  task.visits.clear();
  for (const Edge& edge : sources_of(component, task)) {
    const std::string_view name = name_of(edge, component);
    for (Batch* batch : task.streams[edge.first][edge.second]) {
      Visit& visit = task.visits.emplace_back();
      visit.in = batch;
      visit.stream = name;
      if (!visit_reads(lane, task, visit, of)) continue;
      HostCall call(*of.plugin, task, lane.plugin);
      call.strict = strict_;
      call.over(visit);
      take_failure();
      const nek_status status =
          of.plugin->run([&] { return of.plugin->plugin.filter->process(of.plugin->self, &call); });
      visit.prepared = call.prepared;
      if (!call.fault.empty())
        hooks_.failed(of.plugin->id + ": broken filter: " + call.fault);
      else if (status == NEK_REFUSE)
        refuse_all(task, visit, of, take_failure().text);
      else if (status != NEK_OK)
        broken(of, "process");
    }
  }
  if (!of.ordered()) finish_visits(worker, component, task);
}

void Executor::commit(Worker& worker, uint32_t component, Task& task) {
  Component& of = components_[component];
  if (leads_to_entry(component, task)) {
    if (of.commits())
      for (Visit& visit : task.visits) keep_back(component, task, visit);
    finish_visits(worker, component, task);
    return;
  }
  if (of.commits()) {
    for (Visit& visit : task.visits) {
      if (!visit.reads) continue;  // refused whole
      HostCall call(*of.plugin, task, nullptr);
      call.strict = strict_;
      call.over(visit);
      take_failure();
      const nek_status status =
          of.plugin->run([&] { return of.plugin->plugin.filter->commit(of.plugin->self, &call); });
      if (!call.fault.empty())
        hooks_.failed(of.plugin->id + ": broken filter: " + call.fault);
      else if (status == NEK_REFUSE)
        refuse_all(task, visit, of, take_failure().text);
      else if (status != NEK_OK)
        broken(of, "commit");
    }
  }
  nek_control message{};
  message.size = sizeof message;
  if (task.watermark != INT64_MIN && !task.is_control() && of.plugin->wants(NEK_WATERMARK)) {
    message.kind = NEK_WATERMARK;
    message.time_ms = task.watermark;
    control(component, task, message);
  }
  if (task.is_control() && of.plugin->wants(task.control.kind)) {
    message.kind = task.control.kind;
    message.time_ms = task.control.time_ms;
    message.drain = task.control.drain;
    if (task.control.snapshot) message.snapshot = task.control.snapshot->part(component);
    control(component, task, message);
  }
  finish_visits(worker, component, task);
}

// A filter with state has counted these records when they came first, so its commit is left out.
// Where it is commit that sends them on, they cannot be made again and stay dead letters.
void Executor::keep_back(uint32_t component, Task& task, Visit& visit) {
  const Route& route = *task.replayed->route;
  const auto sends = [&](uint32_t stream) {
    return std::any_of(visit.emissions.begin(), visit.emissions.end(),
                       [&](const Emission& e) { return !e.derived && e.stream == stream; });
  };
  bool lost = false;
  for (uint32_t reader = 0; reader < route.sources.size(); reader++)
    if (reader == route.entry || route.above[reader])
      for (const auto& [from, stream] : route.sources[reader])
        lost |= from == component && !sends(stream);
  if (!lost || !visit.reads) return;
  visit.stream = task.replayed->stream;  // it is still the entry's
  HostCall call(*components_[route.entry].plugin, task, nullptr);
  call.over(visit);
  const std::string why = "'" + components_[component].plugin->id +
                          "' keeps state and takes a record once only; it cannot be replayed";
  for (uint32_t row = 0; row < visit.in->c.rows; row++)
    call.host->refuse_row(&call, row, "stateful", to_text(why));
  visit.emissions.clear();
}

void Executor::control(uint32_t component, Task& task, const nek_control& message) {
  Component& of = components_[component];
  Visit& visit = task.visits.emplace_back();  // takes what the filter derives
  HostCall call(*of.plugin, task, nullptr);
  call.strict = strict_;
  call.visit = &visit;
  call.mute = message.kind == NEK_COMMITTED;
  take_failure();
  const nek_status status =
      of.plugin->run([&] { return of.plugin->control->control(of.plugin->self, &call, &message); });
  if (!call.fault.empty())
    hooks_.failed(of.plugin->id + ": broken filter: " + call.fault);
  else if (status != NEK_OK)
    broken(of, "control");
}

void Executor::finish_visits(Worker& worker, uint32_t component, Task& task) {
  for (Visit& visit : task.visits) finish_visit(worker, component, task, visit);
  task.visits.clear();
}

// Sends on what a filter emitted for one batch, without the rows that it refused, and accounts for
// every row.
void Executor::finish_visit(Worker& worker, uint32_t component, Task& task, Visit& visit) {
  const Graph::Node& node = graph_.nodes[component];
  const uint32_t rows = visit.in ? visit.in->c.rows : 0;
  const uint32_t alive = rows - visit.refused_count;
  for (uint32_t stream = 0; stream < node.streams.size(); stream++) {
    StreamLedger& ledger = task.ledger.streams[component][stream];
    const uint32_t kind = node.streams[stream].kind;
    uint64_t sent = 0;
    for (const Emission& emission : visit.emissions) {
      if (emission.stream != stream) continue;
      if (emission.derived && leads_to_entry(component, task)) continue;  // they were made then
      if (emission.derived) {
        ledger.created += emission.derived->c.rows;
        ledger.out += emission.derived->c.rows;
        task.streams[component][stream].push_back(emission.derived);
        continue;
      }
      sent = count_rows(visit, emission.keep);
      if (sent == 0 || node.streams[stream].readers.empty()) continue;
      if (sent < rows) list_rows(visit, emission.keep, worker.rows);
      task.streams[component][stream].push_back(worker.lanes[component].binder->emitted(
          task, *visit.in, emission, sent < rows ? &worker.rows : nullptr));
    }
    ledger.in += rows;
    ledger.dead += visit.refused_count;
    ledger.out += sent;
    (kind == NEK_SUBSET ? ledger.filtered : ledger.absorbed) += alive - sent;
    // Only what a filter keeps in its snapshots may wait there.
    if (kind == NEK_PASS && sent < alive && !leads_to_entry(component, task) &&
        !components_[component].plugin->wants(NEK_SNAPSHOT))
      hooks_.failed(components_[component].plugin->id +
                    ": broken filter: it did not send on all records that it did not refuse, and "
                    "stream '" +
                    node.streams[stream].name +
                    "' is declared NEK_PASS; one that leaves records out is NEK_SUBSET");
  }
}

void Executor::encode(Worker& worker, uint32_t component, Task& task) {
  task.blocks.clear();
  for (const Edge& edge : sources_of(component, task))
    for (Batch* batch : task.streams[edge.first][edge.second])
      encode_batch(worker, component, task, *batch, name_of(edge, component));
  if (task.replayed && !task.replayed->encoded.empty() && task.replayed->route->entry == component)
    add_encoded(component, task);
}

// Records that this output had refused, with the bytes that it had refused.
void Executor::add_encoded(uint32_t component, Task& task) {
  const std::vector<std::string>& encoded = task.replayed->encoded;
  const auto rows = static_cast<uint32_t>(encoded.size());
  size_t bytes = 0;
  for (const std::string& record : encoded) bytes += record.size();
  auto block = components_[component].output->new_block(rows);
  if (bytes > block->c.capacity) grow(block->c, bytes);
  for (uint32_t row = 0; row < rows; row++) {
    std::memcpy(block->c.data + block->c.used, encoded[row].data(), encoded[row].size());
    block->c.used += encoded[row].size();
    block->ends[row] = static_cast<uint32_t>(block->c.used);
  }
  task.ledger.outputs[component].in += rows;
  task.blocks.push_back(std::move(block));
}

void Executor::encode_batch(Worker& worker, uint32_t component, Task& task, Batch& batch,
                            std::string_view stream) {
  Component& of = components_[component];
  Lane& lane = worker.lanes[component];
  OutputLedger& ledger = task.ledger.outputs[component];
  ledger.in += batch.c.rows;
  Visit visit;
  visit.in = &batch;
  visit.stream = stream;
  auto block = of.output->new_block(batch.c.rows);
  if (visit_reads(lane, task, visit, of)) {
    HostCall call(*of.plugin, task, lane.plugin);
    call.strict = strict_;
    call.output_lane = &lane;
    call.over(visit);
    take_failure();
    const nek_output& output = *of.plugin->plugin.output;
    const nek_status status = of.plugin->run([&] {
      return output.encode ? output.encode(of.plugin->self, &call, &block->c)
                           : call.host->encode(&call, nullptr, &block->c);
    });
    if (!call.fault.empty())
      hooks_.failed(of.plugin->id + ": broken output: " + call.fault);
    else if (status == NEK_REFUSE)
      refuse_all(task, visit, of, take_failure().text);
    else if (status != NEK_OK)
      broken(of, "encode");
  }
  if (visit.refused_count == batch.c.rows) block->c.used = 0;
  // Records that were left out take no place among those to be delivered.
  uint32_t count = 0, last = 0;
  const char* fault = nullptr;
  for (uint32_t row = 0; row < batch.c.rows; row++) {
    const uint32_t end = block->c.used ? block->ends[row] : 0;
    if (end > last && visit.refused && bit(visit.refused, row))
      fault = "it wrote a record that it refused";
    if (end < last || end > block->c.used)
      fault = "its records do not end in order within its bytes";
    if (end <= last) continue;
    block->ends[count++] = last = end;
  }
  if (!fault && last != block->c.used) fault = "its records do not end where its bytes do";
  block->c.rows = count;
  ledger.dead += visit.refused_count;
  ledger.dropped += batch.c.rows - visit.refused_count - count;
  if (fault) hooks_.failed(of.plugin->id + ": broken encoder: " + fault);
  if (count && !fault) task.blocks.push_back(std::move(block));
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
