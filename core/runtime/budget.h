// SPDX-License-Identifier: Apache-2.0
// Budget: the bound of the memory in flight. It is admitted at one place, by readers, in their
// order of asking; what comes after never waits for memory, so nothing can lock up on it.
// Thread-safe.
#pragma once
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace nek {

// Bytes in flight for each byte that is read: itself, its columns, its encoded form.
constexpr uint64_t kExpansion = 4;

class Budget {
 public:
  explicit Budget(uint64_t max_bytes) : max_(max_bytes) {}

  // Waits until it is this caller's turn and the bytes fit, at most `wait`. One request always fits
  // when nothing is in flight, so that a record larger than the bound passes.
  bool admit(uint64_t bytes, std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    const uint64_t ticket = last_ticket_++;
    const auto fits = [&] { return used_ == 0 || used_ + carried_ + bytes <= max_; };
    const bool in_turn = changed_.wait_for(lock, wait, [&] { return ticket == turn_ && fits(); });
    if (ticket == turn_)
      turn_++;
    else
      abandoned_.push_back(ticket);
    skip_abandoned();
    if (in_turn) charge_locked(bytes);
    changed_.notify_all();
    return in_turn;
  }
  // Adds what turned out to be needed beyond the admitted; never waits.
  void charge(uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    charge_locked(bytes);
  }
  void release(uint64_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      used_ -= bytes;
    }
    changed_.notify_all();
  }
  // Bytes of unfinished records that a reader keeps instead of those before. They take memory from
  // others, but never hold up the chunk that would finish them.
  void carry(uint64_t before, uint64_t now) {
    if (before == now) return;
    {
      const std::lock_guard lock(mutex_);
      carried_ += now - before;
      peak_ = std::max(peak_, used_ + carried_);
    }
    if (now < before) changed_.notify_all();
  }
  uint64_t used() const {
    const std::lock_guard lock(mutex_);
    return used_ + carried_;
  }
  uint64_t peak() const {
    const std::lock_guard lock(mutex_);
    return peak_;
  }

 private:
  void charge_locked(uint64_t bytes) {
    used_ += bytes;
    peak_ = std::max(peak_, used_ + carried_);
  }
  void skip_abandoned() {
    for (auto at = std::find(abandoned_.begin(), abandoned_.end(), turn_); at != abandoned_.end();
         at = std::find(abandoned_.begin(), abandoned_.end(), turn_)) {
      abandoned_.erase(at);
      turn_++;
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  const uint64_t max_;
  uint64_t used_ = 0, carried_ = 0, peak_ = 0;
  uint64_t last_ticket_ = 0, turn_ = 0;
  std::vector<uint64_t> abandoned_;
};

}  // namespace nek
