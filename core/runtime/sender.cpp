// SPDX-License-Identifier: Apache-2.0
#include "runtime/sender.h"

#include <algorithm>

// One request: what send() was given, valid until it completes.
struct nek_token {
  nek::Sender* sender = nullptr;
  nek::Pace::Clock::time_point sent{};
  std::vector<nek::Sender::Ref> refs;
  std::vector<nek_record> records;
  size_t bytes = 0;
  bool busy = false;  // the last one that might be in flight
};

namespace nek {
namespace {

constexpr size_t kMaxRecords = 10000;
constexpr size_t kMaxRequestBytes = size_t{4} << 20;  // unless the plugin says otherwise
constexpr std::chrono::milliseconds kPause{5000};
constexpr uint16_t kMostDoubts = 10;  // half a minute or so
constexpr uint32_t kFewAttempts = 2;  // as if it were so many: where the next one should do
// While something is in flight, less than a whole request waits so long for more.
constexpr std::chrono::milliseconds kFill{50};

// What a server names is not believed beyond an hour.
std::chrono::milliseconds at_most(uint64_t after_ms) {
  return std::chrono::milliseconds(std::min<uint64_t>(after_ms, 3'600'000));
}

size_t most_bytes(const nek_shape& shape) {
  const bool says = NEK_HAS(&shape, max_request_bytes) && shape.max_request_bytes;
  return says ? static_cast<size_t>(shape.max_request_bytes) : kMaxRequestBytes;
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

Sender::Sender(Instance& instance, OutputBuffer buffer, RetryPolicy retry, Budget& budget,
               DeadLetters& dead_letters)
    : Output(instance, buffer, retry, budget, dead_letters, 0),
      pace_(instance.shape->max_in_flight, most_bytes(*instance.shape)),
      in_order_(instance.shape->max_in_flight <= 1) {}

Sender::~Sender() {
  abort();
  join();
}

// ---- The thread ---------------------------------------------------------------------------------

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
    take_blocks();
    const auto now = Clock::now();
    const auto due = next_due();
    if (due <= now) {
      nek_token* token = make_request(now);
      in_flight_++;
      lock.unlock();
      const nek_status status = instance_.run([&] {
        instance_.plugin.output->send(instance_.self, token, token->records.data(),
                                      static_cast<uint32_t>(token->records.size()));
        return NEK_OK;
      });
      if (status != NEK_OK) failed("send: " + take_failure().text);
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

// Taken at once: what waits here is in open_.
void Sender::take_blocks() {
  while (!queue_.empty() && queue_.front().block) {
    if (fresh_bytes_ == 0) fresh_since_ = Clock::now();
    fresh_bytes_ += queue_.front().block->c.used;
    open_.push_back(std::move(queue_.front().block));
    queue_.pop_front();
  }
}

// ---- Requests -----------------------------------------------------------------------------------

Sender::Clock::time_point Sender::next_due() const {
  if (in_flight_ >= pace_.in_flight()) return Clock::time_point::max();
  auto due = fresh_due();
  for (const Waiting& group : waiting_) {
    due = std::min(due, group.due);
    if (in_order_) break;
  }
  return std::max(due, hold_until_);
}

Sender::Clock::time_point Sender::fresh_due() const {
  const bool permitted = in_flight_ + waiting_.size() < pace_.in_flight();
  if (fresh_ == open_.size() || !permitted) return Clock::time_point::max();
  const bool whole = fresh_bytes_ >= pace_.request_bytes();
  return whole || in_flight_ == 0 ? Clock::time_point::min() : fresh_since_ + kFill;
}

bool Sender::add_record(nek_token& request, Ref ref) const {
  const nek_record record = record_of(ref);
  const bool full =
      request.bytes + record.size > pace_.request_bytes() || request.refs.size() >= kMaxRecords;
  if (full && !request.refs.empty()) return false;
  request.bytes += record.size;
  request.refs.push_back(ref);
  request.records.push_back(record);
  return true;
}

nek_token* Sender::make_request(Clock::time_point now) {
  auto request = std::make_unique<nek_token>();
  request->sender = this;
  request->sent = now;
  bool room = true;
  for (auto group = waiting_.begin(); room && group != waiting_.end();) {
    if (group->due > now) {
      room = !in_order_;
      ++group;
      continue;
    }
    while (room && group->next < group->refs.size()) {
      room = add_record(*request, group->refs[group->next]);
      if (room) group->next++;
    }
    if (group->next == group->refs.size()) group = waiting_.erase(group);
  }
  while (room && fresh_ < open_.size()) {
    Block* block = open_[fresh_].get();
    while (room && fresh_row_ < block->c.rows) {
      room = add_record(*request, {block, fresh_row_, 0});
      if (!room) break;
      fresh_bytes_ -= request->records.back().size;
      fresh_row_++;
    }
    if (fresh_row_ < block->c.rows) break;
    fresh_++;
    fresh_row_ = 0;
  }
  if (fresh_ == open_.size()) fresh_bytes_ = 0;  // what a block holds beside its records
  fresh_since_ = now;
  request->busy = in_flight_ + waiting_.size() + 1 >= pace_.in_flight();
  return request.release();
}

void Sender::wait(std::vector<Ref> refs, std::chrono::milliseconds time) {
  if (refs.empty()) return;
  for (Ref& ref : refs)
    if (ref.attempts < UINT16_MAX) ref.attempts++;
  Waiting group{Clock::now() + time, std::move(refs)};
  if (in_order_)
    waiting_.push_front(std::move(group));  // those that wait already come behind it
  else
    waiting_.push_back(std::move(group));
}

// ---- Verdicts -----------------------------------------------------------------------------------

// Adds up what becomes of a request's records, so that they are counted in one go.
class Sender::Settling {
 public:
  explicit Settling(Sender& sender) : sender_(sender) {}
  ~Settling() { count(); }
  Settling(const Settling&) = delete;
  Settling& operator=(const Settling&) = delete;

  void settle(Ref ref, const nek_result& result) {
    const bool doubt = result.verdict == NEK_DOUBT;
    if (doubt && ++ref.doubts >= kMostDoubts) return settle(ref, {NEK_REJECT, result.reason});
    if (result.verdict != NEK_DELIVERED && result.verdict != NEK_DUPLICATE &&
        result.verdict != NEK_REJECT) {
      if (again_.empty()) again_reason_ = {result.reason.data, result.reason.size};
      attempts_ = std::max<uint32_t>(attempts_, ref.attempts);
      too_much_ |= !doubt;
      again_.push_back(ref);
      return;
    }
    if (ref.block->epoch != epoch_) count();
    epoch_ = ref.block->epoch;
    if (result.verdict == NEK_DELIVERED) add_.delivered++;
    if (result.verdict == NEK_DUPLICATE) add_.duplicate++;
    if (result.verdict == NEK_REJECT)
      sender_.dead_letter(epoch_, {result.reason.data, result.reason.size},
                          text_of(record_of(ref)));
    ref.block->done++;
    any_settled_ = true;
  }
  // Records that the server could not take now; they are given away once.
  std::vector<Ref>& again() { return again_; }
  std::string_view again_reason() const { return again_reason_; }
  uint32_t attempts() const { return attempts_; }  // of the one among them that was tried most
  bool any() const { return any_settled_; }        // others have their verdict: the server goes on
  bool too_much() const { return too_much_; }      // some are sent again because it had too much

 private:
  void count() {
    if (add_.delivered || add_.duplicate) sender_.count(epoch_, add_);
    add_ = {};
  }
  Sender& sender_;
  uint64_t epoch_ = 0;
  OutputLedger add_;
  std::vector<Ref> again_;
  std::string_view again_reason_;
  uint32_t attempts_ = 0;
  bool any_settled_ = false, too_much_ = false;
};

void Sender::settle_request(nek_token& token, const nek_outcome& outcome, Settling& settling) {
  const std::string_view reason(outcome.reason.data, outcome.reason.size);
  const auto now = Clock::now();
  const auto hold = [&](std::chrono::milliseconds time, const char* what) {
    if (outcome.after_ms) time = at_most(outcome.after_ms);
    warn(what, reason, time);
    hold_until_ = std::max(hold_until_, now + time);
    wait(std::move(token.refs), {});
  };
  switch (outcome.verdict) {
    case NEK_AGAIN: {
      const bool too_much = NEK_HAS(&outcome, too_much) && outcome.too_much;
      const bool gets_less = too_much && pace_.too_much(token.sent, now);
      const uint32_t attempts = failures_++;
      return hold(backoff_.wait(gets_less ? std::min(attempts, kFewAttempts) : attempts),
                  "will send again");
    }
    case NEK_PAUSE: return hold(kPause, "paused");
    case NEK_SPLIT: {
      if (token.refs.size() == 1)
        return settling.settle(token.refs[0], {NEK_REJECT, outcome.reason});
      // Always smaller than what was refused, whatever limit is named: so this ends.
      const size_t limit =
          outcome.max_bytes ? static_cast<size_t>(outcome.max_bytes) : token.bytes / 2;
      pace_.too_large(std::min(limit, token.bytes - 1));
      return wait(std::move(token.refs), {});
    }
    default:
      failures_ = 0;
      pace_.taken(token.bytes, now - token.sent, token.busy);
      for (const Ref& ref : token.refs) settling.settle(ref, {outcome.verdict, outcome.reason});
  }
}

void Sender::complete(nek_token& token, const nek_outcome& outcome) {
  const std::unique_ptr<nek_token> owned(&token);
  std::vector<std::unique_ptr<Block>> finished;
  {
    const std::lock_guard lock(mutex_);
    in_flight_--;
    Settling settling(*this);
    if (!outcome.records) {
      settle_request(token, outcome, settling);
    } else {
      failures_ = 0;
      for (size_t i = 0; i < token.refs.size(); i++)
        settling.settle(token.refs[i], outcome.records[i]);
      const auto now = Clock::now();
      if (settling.again().empty()) {
        pace_.taken(token.bytes, now - token.sent, token.busy);
      } else {
        const bool too_much = settling.too_much();
        const bool gets_less = too_much && (pace_.too_much(token.sent, now) || settling.any());
        const uint32_t attempts =
            gets_less ? std::min(settling.attempts(), kFewAttempts) : settling.attempts();
        const auto time = outcome.after_ms ? at_most(outcome.after_ms) : backoff_.wait(attempts);
        warn("records are sent again", settling.again_reason(), time);
        wait(std::move(settling.again()), time);
      }
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
