// SPDX-License-Identifier: Apache-2.0
#include "runtime/sender.h"

#include <algorithm>

// One request: what send() was given, valid until it completes.
struct nek_token {
  nek::Sender* sender = nullptr;
  std::vector<nek::Sender::Ref> refs;
  std::vector<nek_record> records;
};

namespace nek {
namespace {

constexpr size_t kMaxRecords = 10000;
constexpr std::chrono::milliseconds kPause{5000};

// What a server names is not believed beyond an hour.
std::chrono::milliseconds at_most(uint64_t after_ms) {
  return std::chrono::milliseconds(std::min<uint64_t>(after_ms, 3'600'000));
}

nek_record record_of(const Sender::Ref& ref) {
  const uint32_t begin = ref.row ? ref.block->ends[ref.row - 1] : 0;
  return {ref.block->c.data + begin, ref.block->ends[ref.row] - begin};
}

std::string_view text_of(const nek_record& record) {
  return {reinterpret_cast<const char*>(record.data), record.size};
}

}  // namespace

void complete_request(nek_token* token, const nek_outcome& outcome) {
  token->sender->complete(*token, outcome);
}

Sender::~Sender() {
  abort();
  join();
}

void Sender::run() {
  std::unique_lock lock(mutex_);
  while (!aborting_) {
    const auto passed = take_passed();
    if (!passed.empty()) {
      lock.unlock();
      for (const Control& each : passed) control(each);
      lock.lock();
      continue;
    }
    const auto now = Clock::now();
    while (!queue_.empty() && queue_.front().block) {  // taken at once: what waits here is in open_
      open_.push_back(std::move(queue_.front().block));
      queue_.pop_front();
    }
    if (can_send(now)) {
      nek_token* token = make_request(now);
      in_flight_++;
      lock.unlock();
      instance_.plugin.output->send(instance_.self, token, token->records.data(),
                                    static_cast<uint32_t>(token->records.size()));
      lock.lock();
      continue;
    }
    if (control_ready()) {
      Control next = std::move(queue_.front().control);
      queue_.pop_front();
      if (!instance_.wants(next.kind) && next.kind != NEK_FINISH) {
        barriers_.push_back({finished_blocks_ + open_.size(), std::move(next)});
        continue;
      }
      lock.unlock();
      control(next);
      lock.lock();
      continue;
    }
    due_ = false;
    const auto due = next_due(now);
    if (due == Clock::time_point::max())
      changed_.wait(lock);
    else
      changed_.wait_until(lock, due);
  }
}

// An output without state answers a snapshot when all before it is accepted, without holding up
// what follows.
std::vector<Control> Sender::take_passed() {
  std::vector<Control> passed;
  while (!barriers_.empty() && barriers_.front().blocks <= finished_blocks_) {
    passed.push_back(std::move(barriers_.front().control));
    barriers_.pop_front();
  }
  return passed;
}

// Every other control message waits until all before it is accepted.
bool Sender::control_ready() const {
  if (queue_.empty() || queue_.front().block) return false;
  const Control& next = queue_.front().control;
  return open_.empty() || (!instance_.wants(next.kind) && next.kind != NEK_FINISH);
}

Sender::Clock::time_point Sender::next_due(Clock::time_point now) const {
  const bool fresh = fresh_ < open_.size();
  const uint32_t window = std::max(instance_.shape->max_in_flight, 1u);
  if (in_flight_ >= window || (!fresh && again_.empty())) return Clock::time_point::max();
  auto due = fresh ? now : Clock::time_point::max();
  for (const Again& record : again_) due = std::min(due, record.due);
  return std::max(due, hold_until_);
}

bool Sender::can_send(Clock::time_point now) const { return !aborting_ && next_due(now) <= now; }

bool Sender::add_record(nek_token& request, Ref ref, size_t& bytes) const {
  const nek_record record = record_of(ref);
  const bool full = bytes + record.size > max_request_bytes_ || request.refs.size() >= kMaxRecords;
  if (full && !request.refs.empty()) return false;
  bytes += record.size;
  request.refs.push_back(ref);
  request.records.push_back(record);
  return true;
}

nek_token* Sender::make_request(Clock::time_point now) {
  auto request = std::make_unique<nek_token>();
  request->sender = this;
  size_t bytes = 0;
  bool room = true;
  for (auto at = again_.begin(); room && at != again_.end();) {
    if (at->due > now) {
      ++at;
      continue;
    }
    room = add_record(*request, at->ref, bytes);
    if (room) at = again_.erase(at);
  }
  while (room && fresh_ < open_.size()) {
    Block* block = open_[fresh_].get();
    while (room && fresh_row_ < block->c.rows) {
      room = add_record(*request, {block, fresh_row_, 0}, bytes);
      if (room) fresh_row_++;
    }
    if (fresh_row_ < block->c.rows) break;
    fresh_++;
    fresh_row_ = 0;
  }
  return request.release();
}

void Sender::again(const Ref& ref, std::chrono::milliseconds wait) {
  Ref next = ref;
  next.attempts++;
  again_.push_back({Clock::now() + wait, next});
}

void Sender::settle(const Ref& ref, const nek_result& result, uint64_t after_ms) {
  OutputLedger add;
  switch (result.verdict) {
    case NEK_DELIVERED: add.delivered = 1; break;
    case NEK_DUPLICATE: add.duplicate = 1; break;
    case NEK_REJECT:
      dead_letter(ref.block->epoch, {result.reason.data, result.reason.size},
                  text_of(record_of(ref)));
      break;
    default: {
      const auto given = at_most(after_ms);
      const auto wait = after_ms ? given : backoff_.wait(ref.attempts);
      warn("records are sent again", {result.reason.data, result.reason.size}, wait);
      again(ref, wait);
      return;
    }
  }
  count(ref.block->epoch, add);
  ref.block->done++;
}

void Sender::settle_request(nek_token& token, const nek_outcome& outcome) {
  const std::string_view reason(outcome.reason.data, outcome.reason.size);
  const auto hold = [&](std::chrono::milliseconds wait, const char* what) {
    if (outcome.after_ms) wait = at_most(outcome.after_ms);
    warn(what, reason, wait);
    hold_until_ = Clock::now() + wait;
    for (const Ref& ref : token.refs) again(ref, {});
  };
  switch (outcome.verdict) {
    case NEK_AGAIN: hold(backoff_.wait(failures_++), "will send again"); return;
    case NEK_PAUSE: hold(kPause, "paused"); return;
    case NEK_SPLIT: {
      if (token.refs.size() == 1) {
        settle(token.refs[0], {NEK_REJECT, outcome.reason}, 0);
        return;
      }
      size_t bytes = 0;
      for (const nek_record& record : token.records) bytes += record.size;
      // Always smaller than what was refused, whatever limit is named: so this ends.
      const size_t limit = outcome.max_bytes ? static_cast<size_t>(outcome.max_bytes) : bytes / 2;
      max_request_bytes_ = std::min(limit, bytes - 1);
      for (const Ref& ref : token.refs) again(ref, {});
      return;
    }
    default:
      failures_ = 0;
      for (const Ref& ref : token.refs) settle(ref, {outcome.verdict, outcome.reason}, 0);
  }
}

void Sender::complete(nek_token& token, const nek_outcome& outcome) {
  const std::unique_ptr<nek_token> owned(&token);
  std::vector<std::unique_ptr<Block>> finished;
  {
    const std::lock_guard lock(mutex_);
    in_flight_--;
    if (!outcome.records) {
      settle_request(token, outcome);
    } else {
      failures_ = 0;
      for (size_t i = 0; i < token.refs.size(); i++)
        settle(token.refs[i], outcome.records[i], outcome.after_ms);
    }
    while (!open_.empty() && fresh_ > 0 && open_.front()->done == open_.front()->c.rows) {
      finished.push_back(std::move(open_.front()));
      open_.pop_front();
      fresh_--;
      finished_blocks_++;
    }
  }
  for (auto& block : finished) accepted(std::move(block));
  changed_.notify_all();
}

}  // namespace nek
