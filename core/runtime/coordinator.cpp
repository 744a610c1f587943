// SPDX-License-Identifier: Apache-2.0
// Pipeline's coordinator, on its own thread: ticks, snapshots one after the other, and the end when
// all inputs have ended. What the others report to it is in pipeline.cpp.
#include <algorithm>

#include "runtime/pipeline.h"
#include "runtime/restore.h"
#include "util/log.h"

namespace nek {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLook{20};              // how often the coordinator looks at the clock
constexpr milliseconds kFirstSnapshot{10000};  // how long reading waits for it

}  // namespace

void Pipeline::submit_control(Control control, const std::function<void()>& prepare) {
  auto task = executor_->new_task();
  task->control = std::move(control);
  executor_->submit(std::move(task), [&](Task&) {
    if (prepare) prepare();
  });
}

bool Pipeline::snapshot_due(Clock::time_point now) const {
  {
    const std::lock_guard lock(mutex_);
    if (forced_ > epoch_) return true;
  }
  if (executor_->chunks() == chunks_at_marker_ && !tick_made_records_) return false;
  const auto since = now - last_marker_;
  const milliseconds interval(std::max(config_.settings.snapshot_interval_ms, least_interval_ms_));
  if (since >= interval) return true;
  return since >= milliseconds(least_interval_ms_) &&
         read_bytes() - bytes_at_marker_ >= config_.settings.snapshot_bytes;
}

void Pipeline::begin_snapshot() {
  uint32_t answers = 1;  // the marker's own way through
  std::vector<std::string> ids;
  for (const Component& component : components_) {
    ids.push_back(component.plugin->id);
    if (component.output ||
        (component.kind == Kind::kFilter && component.plugin->wants(NEK_SNAPSHOT)))
      answers++;
  }
  ids.emplace_back();  // the pipeline itself
  uint64_t epoch = 0;
  {
    const std::lock_guard lock(mutex_);
    epoch = epoch_++;
  }
  snapshot_ = std::make_shared<Snapshot>(*options_.env, data_dir_.state_path(), epoch,
                                         std::move(ids), answers, [this] {
                                           const std::lock_guard lock(mutex_);
                                           answered_ = true;
                                           wake();
                                         });
  snapshot_->write(static_cast<uint32_t>(components_.size()), restored_.own_file);
  last_marker_ = Clock::now();
  Control control;
  control.kind = NEK_SNAPSHOT;
  control.snapshot = snapshot_;
  submit_control(std::move(control), [&] {
    chunks_at_marker_ = executor_->chunks();
    tick_made_records_ = false;
    bytes_at_marker_ = read_bytes();
    if (replay_) replay_head_ = replay_->head();
    for (const auto& reader : readers_) {
      if (!reader) continue;
      const auto states = reader->states();
      snapshot_->sources.insert(snapshot_->sources.end(), states.begin(), states.end());
    }
  });
}

Status Pipeline::publish(Snapshot& snapshot) {
  Status status = snapshot.outcome();
  if (!status.ok()) return status;
  auto letters = dead_letters_->commit(snapshot.epoch(), replay_ ? &replay_head_ : nullptr);
  if (!letters.ok()) return letters.status();
  State rest;
  Ledger ledger;
  {
    const std::lock_guard lock(ledger_mutex_);
    ledger = marker_ledger_;
    rest.clock = marker_clock_;
  }
  for (size_t i = 0; i < components_.size(); i++)
    if (components_[i].output) ledger.outputs[i] = components_[i].output->ledger(snapshot.epoch());
  rest.sources = snapshot.sources;
  rest.dead_letters = *letters;
  // What was counted when the records came first stays; a replay's own ledger is only shown.
  rest.ledger = replay_ ? restored_.state.ledger : saved_ledger(config_, graph_, ledger);
  rest.finished = finish_sent_ ? finished_ : restored_.state.finished && bytes_at_marker_ == 0;
  status = snapshot.publish(rest);
  if (status.ok()) dead_letters_->forget(snapshot.epoch());
  return status;
}

// Waits until the snapshot that was published is durable. Nothing may go on before: neither is it
// known which of the two a crash of the machine would leave, nor could it be taken back. False: the
// end came first.
bool Pipeline::keep(Snapshot& snapshot) {
  for (bool told = false;; told = true) {
    const Status status = snapshot.keep();
    if (status.ok()) return true;
    if (!told) log_line(NEK_WARN, "", status.message() + "; no snapshot is complete until it can");
    std::unique_lock lock(mutex_);
    const auto ends = [&] {
      return shutting_down_ || !failure_.empty() || (stop_asked_ && !reading_);
    };
    if (changed_.wait_for(lock, options_.retry.base * 10, ends)) return false;
  }
}

void Pipeline::finish_snapshot() {
  const auto snapshot = std::exchange(snapshot_, nullptr);
  const Status status = publish(*snapshot);
  if (!status.ok()) {
    log_line(NEK_WARN, "", "snapshot failed, the last complete one stays: " + status.message());
    dead_letters_->postpone(snapshot->epoch());
    chunks_at_marker_ = UINT64_MAX;  // there is something to be saved still
    last_marker_ = Clock::now() + options_.retry.base * 10;
    return;
  }
  if (!keep(*snapshot)) return;
  for (size_t i = 0; i < readers_.size(); i++) {
    if (!readers_[i]) continue;
    std::vector<SourceState> own;
    for (const SourceState& source : snapshot->sources)
      if (source.input == components_[i].plugin->id) own.push_back(source);
    readers_[i]->committed(own);
  }
  {
    const std::lock_guard lock(mutex_);
    published_ = snapshot->epoch() + 1;
    wake();
    committed_left_ = static_cast<uint32_t>(std::count_if(
        components_.begin(), components_.end(), [](const Component& c) { return !!c.output; }));
  }
  last_snapshot_done_ = finish_sent_;
  Control control;
  control.kind = NEK_COMMITTED;
  submit_control(std::move(control));
}

void Pipeline::snapshot_now(milliseconds time) {
  std::unique_lock lock(mutex_);
  forced_ = std::max(forced_, epoch_ + 1);
  const uint64_t want = forced_;
  wake();
  changed_.wait_for(lock, time,
                    [&] { return published_ >= want || !failure_.empty() || shutting_down_; });
}

void Pipeline::coordinate() {
  std::unique_lock lock(mutex_);
  while (!shutting_down_ && failure_.empty()) {
    lock.unlock();
    const bool goes_on = coordinate_once();
    lock.lock();
    if (!goes_on) break;
    changed_.wait_for(lock, kLook, [&] { return std::exchange(event_, false); });
  }
  ended_ = true;
  changed_.notify_all();
}

bool Pipeline::coordinate_once() {
  bool answered, stop_asked, readers_done, committed, published;
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.empty()) return false;  // what failed is not in what was answered
    answered = std::exchange(answered_, false);
    stop_asked = stop_asked_;
    readers_done = readers_left_ == 0;
    committed = committed_left_ == 0;
    published = published_ > 0;
  }
  if (!reading_ && stop_asked) return false;  // nothing is to be delivered or kept
  if (answered) finish_snapshot();
  if (last_snapshot_done_) {
    const std::lock_guard lock(mutex_);
    return committed_left_ > 0;
  }
  const auto now = Clock::now();
  // Else a crash before the first snapshot would leave files that nobody knows to be ours: those of
  // an output that is new, or writes to another path.
  if (!reading_ && (published || now - begun_ >= kFirstSnapshot)) {
    reading_ = true;
    for (auto& reader : readers_)
      if (reader) reader->start();
  }
  // One at a time: behind a full output they would pile up.
  if (wants_ticks_ && !finish_sent_ && now - last_tick_ >= options_.tick &&
      !tick_under_way_.exchange(true)) {
    last_tick_ = now;
    Control control;
    control.kind = NEK_TICK;
    control.time_ms = options_.env->now_ms();
    submit_control(std::move(control));
  }
  if (snapshot_ || !committed) return true;
  if (readers_done && !finish_sent_) {
    finish_sent_ = true;
    Control control;
    control.kind = NEK_FINISH;
    // What was finished before and got nothing new is not finished twice.
    const bool nothing_new = restored_.state.finished && read_bytes() == 0 && !replay_;
    // After a replay the inputs are where they were.
    finished_ = replay_ ? restored_.state.finished && !stop_asked : nothing_new || !stop_asked;
    control.drain =
        replay_ ? !finished_ || replay_->counts().replayed == 0 : nothing_new || stop_asked;
    submit_control(std::move(control));
    begin_snapshot();
  } else if (finish_sent_ ? now >= last_marker_ : snapshot_due(now)) {
    begin_snapshot();
  }
  return true;
}

}  // namespace nek
