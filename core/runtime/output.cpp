// SPDX-License-Identifier: Apache-2.0
#include "runtime/output.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "nek/arena.hpp"
#include "runtime/call.h"
#include "runtime/origin.h"
#include "runtime/sender.h"
#include "runtime/snapshot.h"
#include "util/log.h"
#include "util/thread.h"

namespace nek {
namespace {

constexpr size_t kBlocksAWrite = 64;
constexpr size_t kPooledBlocks = 64;
// A write of less is hardly worth the change of threads; records do not wait longer than this.
constexpr uint64_t kDueBytes = 256 * 1024;
constexpr std::chrono::milliseconds kDueTime{50};

// Outputs with write(): blocks in order, tried again until they are taken.
class Writer final : public Output {
 public:
  Writer(Instance& instance, OutputBuffer buffer, RetryPolicy retry, Budget& budget,
         DeadLetters& dead_letters)
      : Output(instance, buffer, retry, budget, dead_letters, kDueBytes) {}
  ~Writer() override {
    abort();
    join();
  }

 private:
  void run() override {
    std::vector<std::unique_ptr<Block>> blocks;
    for (;;) {
      Control next;
      if (!take(blocks, next)) return;
      if (blocks.empty())
        control(next);
      else if (!write(blocks))
        return;
      blocks.clear();
    }
  }
  // The next blocks, or the next control message; false: abort.
  bool take(std::vector<std::unique_ptr<Block>>& blocks, Control& control) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return aborting_ || due_; });
    if (aborting_) return false;
    while (!queue_.empty() && queue_.front().block && blocks.size() < kBlocksAWrite) {
      blocks.push_back(std::move(queue_.front().block));
      queue_.pop_front();
    }
    if (blocks.empty()) {
      control = std::move(queue_.front().control);
      queue_.pop_front();
    }
    due_ = !queue_.empty();
    return true;
  }
  bool write(std::vector<std::unique_ptr<Block>>& blocks) {
    std::vector<const nek_encoded*> pointers;
    pointers.reserve(blocks.size());
    for (const auto& block : blocks) pointers.push_back(&block->c);
    for (uint32_t attempts = 0;; attempts++) {
      take_failure();
      const nek_status status = instance_.run([&] {
        return instance_.plugin.output->write(instance_.self, pointers.data(),
                                              static_cast<uint32_t>(pointers.size()));
      });
      if (status == NEK_OK) return done(blocks);
      const Failure failure = take_failure();
      if (status == NEK_REFUSE) return refuse(blocks, failure.text);
      if (status != NEK_RETRY) {
        failed(failure.text.empty() ? "write failed" : failure.text);
        return false;
      }
      const auto wait = backoff_.wait(attempts);
      warn("cannot write, will try again", failure.text, wait);
      if (!pause(wait)) return false;
    }
  }
  bool done(std::vector<std::unique_ptr<Block>>& blocks) {
    for (auto& block : blocks) {
      OutputLedger add;
      add.delivered = block->c.rows;
      count(block->epoch, add);
      accepted(std::move(block));
    }
    return true;
  }
  bool refuse(std::vector<std::unique_ptr<Block>>& blocks, const std::string& reason) {
    for (auto& block : blocks) {
      uint32_t begin = 0;
      for (uint32_t i = 0; i < block->c.rows; begin = block->ends[i++]) {
        const auto* data = reinterpret_cast<const char*>(block->c.data) + begin;
        dead_letter(block->epoch, reason, {data, block->ends[i] - begin});
      }
      accepted(std::move(block));
    }
    return true;
  }
};

}  // namespace

void grow(nek_encoded& encoded, size_t bytes) {
  size_t capacity = std::max(bytes, encoded.capacity + encoded.capacity / 2);
  capacity = (capacity + 4095) / 4096 * 4096;
  auto* data = static_cast<uint8_t*>(std::realloc(encoded.data, capacity + Arena::kPadding));
  if (!data) throw std::bad_alloc();
  encoded.data = data;
  encoded.capacity = capacity;
}

std::unique_ptr<Output> Output::make(Instance& instance, OutputBuffer buffer, RetryPolicy retry,
                                     Budget& budget, DeadLetters& dead_letters) {
  if (instance.plugin.output->send)
    return std::make_unique<Sender>(instance, buffer, retry, budget, dead_letters);
  return std::make_unique<Writer>(instance, buffer, retry, budget, dead_letters);
}

Output::Output(Instance& instance, OutputBuffer buffer, RetryPolicy retry, Budget& budget,
               DeadLetters& dead_letters, uint64_t due_bytes)
    : instance_(instance),
      backoff_(retry, hash64(instance.id)),
      max_bytes_(buffer.max_bytes),
      due_bytes_(std::min(due_bytes, buffer.max_bytes)),
      drop_newest_(buffer.drop_newest),
      budget_(budget),
      dead_letters_(dead_letters) {}

Output::~Output() = default;

void Output::start(Hooks hooks) {
  hooks_ = std::move(hooks);
  thread_ = start_thread("out " + instance_.id, [this] { run(); });
}

std::unique_ptr<Block> Output::new_block(uint32_t rows) {
  std::unique_ptr<Block> block;
  {
    const std::lock_guard lock(pool_mutex_);
    if (!pool_.empty()) {
      block = std::move(pool_.back());
      pool_.pop_back();
    }
  }
  if (!block) block = std::make_unique<Block>();
  block->c.used = 0;
  block->ends.assign(rows, 0);
  block->c.rows = rows;
  block->c.ends = block->ends.data();
  block->done = 0;
  return block;
}

void Output::push(std::vector<std::unique_ptr<Block>>& blocks, uint64_t epoch,
                  const OutputLedger& counted) {
  OutputLedger add = counted;
  uint64_t bytes = 0;
  const bool drop = drop_newest_ && queued_bytes_.load() >= max_bytes_;
  for (auto& block : blocks) {
    block->epoch = epoch;
    if (drop)
      add.dropped += block->c.rows;
    else
      bytes += block->c.used;
  }
  count(epoch, add);
  if (drop) {
    blocks.clear();
    return;
  }
  const uint64_t queued = queued_bytes_ += bytes;
  budget_.charge(bytes);
  const auto now = std::chrono::steady_clock::now();
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) waiting_since_ = now;
    for (auto& block : blocks) queue_.push_back({std::move(block), {}, epoch});
    const bool is_due = queued >= due_bytes_ || now - waiting_since_ >= kDueTime;
    if (is_due && !queue_.empty()) wake = !std::exchange(due_, true);
  }
  blocks.clear();
  if (wake) changed_.notify_all();
}

void Output::push(Control control, uint64_t epoch) {
  const bool is_urgent = control.kind != NEK_WATERMARK;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) waiting_since_ = std::chrono::steady_clock::now();
    // Of times that follow each other the newest tells all: else they pile up while nothing is
    // taken.
    const bool is_time = control.kind == NEK_TICK || control.kind == NEK_WATERMARK;
    if (is_time && !queue_.empty() && queue_.back().control.kind == control.kind)
      queue_.back().control = std::move(control);
    else
      queue_.push_back({nullptr, std::move(control), epoch});
  }
  if (is_urgent) flush();
}

void Output::flush() {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty() || due_) return;
    due_ = true;
  }
  changed_.notify_all();
}

void Output::abort() {
  {
    const std::lock_guard lock(mutex_);
    aborting_ = true;
  }
  changed_.notify_all();
}

void Output::join() {
  if (thread_.joinable()) thread_.join();
}

OutputLedger Output::ledger(uint64_t epoch) const {
  const std::lock_guard lock(ledger_mutex_);
  OutputLedger sum;
  for (const auto& [of, counted] : ledger_)
    if (of <= epoch) sum.add(counted);
  return sum;
}

void Output::set_base(const OutputLedger& restored) { count(0, restored); }

void Output::accepted(std::unique_ptr<Block> block) {
  const uint64_t bytes = block->c.used;
  const uint64_t before = queued_bytes_.fetch_sub(bytes);
  budget_.release(bytes);
  {
    const std::lock_guard lock(pool_mutex_);
    if (pool_.size() < kPooledBlocks) pool_.push_back(std::move(block));
  }
  if (before >= max_bytes_ && before - bytes < max_bytes_) hooks_.room();
}

void Output::count(uint64_t epoch, const OutputLedger& add) {
  const std::lock_guard lock(ledger_mutex_);
  ledger_[epoch].add(add);
  // Sums are asked for by epoch, and at most the last two are open: older ones melt together.
  while (ledger_.size() > 4) {
    const auto oldest = ledger_.begin();
    std::next(oldest)->second.add(oldest->second);
    ledger_.erase(oldest);
  }
}

void Output::dead_letter(uint64_t epoch, std::string_view reason, std::string_view encoded) {
  OutputLedger add;
  add.dead = 1;
  count(epoch, add);
  // "WORD: what exactly": reasons are few, to count by.
  const size_t colon = reason.find(": ");
  const bool has_detail = colon != std::string_view::npos;
  const Refusal refusal{instance_.id, reason.substr(0, colon),
                        has_detail ? reason.substr(colon + 2) : std::string_view(),
                        instance_.env.now_ms()};
  const Status status = dead_letters_.add(epoch, dead_letter_of_encoded(refusal, encoded));
  if (!status.ok()) failed(status.message());
}

void Output::control(const Control& control) {
  if (!instance_.wants(control.kind)) {
    hooks_.passed(control);
    return;
  }
  Task none;
  HostCall call(instance_, none, nullptr);
  nek_control message{};
  message.size = sizeof message;
  message.kind = control.kind;
  message.time_ms = control.time_ms;
  message.drain = control.drain;
  if (control.snapshot) message.snapshot = control.snapshot->part(instance_.component);
  take_failure();
  const nek_status status =
      instance_.run([&] { return instance_.control->control(instance_.self, &call, &message); });
  if (!call.fault.empty()) {
    failed("broken output: " + call.fault);
    return;
  }
  if (status != NEK_OK) {
    const Failure failure = take_failure();
    failed(failure.text.empty() ? "failed at a control message" : failure.text);
    return;
  }
  // A snapshot is answered by the plugin, now or later.
  if (control.kind != NEK_SNAPSHOT) hooks_.passed(control);
}

void Output::failed(std::string text) { hooks_.failed(instance_.id + ": " + std::move(text)); }

bool Output::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [&] { return aborting_; });
}

void Output::warn(std::string_view what, std::string_view reason, std::chrono::milliseconds wait) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_warning_ < std::chrono::seconds(10)) return;  // one line tells it
  last_warning_ = now;
  log_line(
      NEK_WARN, instance_.id,
      std::string(what) + " in " + std::to_string(wait.count()) + " ms: " + std::string(reason));
}

}  // namespace nek
