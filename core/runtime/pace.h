// SPDX-License-Identifier: Apache-2.0
// Pace: how many requests are in flight and how large they are, found from how they end. More are
// sent at once until they begin to wait for each other at the server (as TCP Vegas does: L. Brakmo,
// L. Peterson, 1995), half as many when it says that it has too much; larger ones while they are
// answered quickly, smaller ones where even one at a time is too much, and never what it called too
// large. Not thread-safe.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace nek {

class Pace {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kLeastBytes = size_t{64} << 10;
  static constexpr size_t kFirstBytes = size_t{1} << 20;

  Pace(uint32_t most_in_flight, size_t most_bytes)
      : most_in_flight_(std::max(most_in_flight, 1u)),
        most_bytes_(most_bytes),
        window_((most_in_flight_ + 1) / 2.0),
        bytes_(std::min(kFirstBytes, most_bytes)),
        ceiling_(most_bytes) {}

  uint32_t in_flight() const { return static_cast<uint32_t>(window_); }
  size_t request_bytes() const { return bytes_; }

  // The server took a request of this size, so long after it was sent. `busy`: as many as may be
  // were in flight.
  void taken(size_t bytes, Clock::duration time, bool busy) {
    if (bytes < bytes_ / 2) return;  // says little
    if (++calm_ % kCalm == 0) ceiling_ = std::min(ceiling_ * 2, most_bytes_);
    if (time < kQuick) bytes_ = std::max(bytes_, std::min(bytes_ * 2, ceiling_));
    if (time > kSlow) bytes_ = smaller();
    const double cost = std::chrono::duration<double>(time).count() / static_cast<double>(bytes);
    best_ = best_ == 0 ? cost : std::min(best_, cost);
    const double waiting = window_ * (1 - best_ / std::max(cost, best_));
    if (waiting > kTooManyWait) {
      window_ = std::max(1.0, window_ - 1 / window_);
    } else if (busy && waiting < kFewWait) {
      window_ = std::min<double>(most_in_flight_, window_ + 1 / window_);
    }
    if (++taken_ % kForget > 0) return;
    // The server may have become slower: what it can do is measured anew, with fewer that wait.
    best_ = 0;
    window_ = std::max(1.0, window_ / 2);
  }
  // A request that was sent then was not taken, wholly or in part, because there was too much.
  // False: it gets the least already.
  bool too_much(Clock::time_point sent, Clock::time_point now) {
    if (sent < reduced_) return true;  // it was sent before the last time
    const bool least = window_ < 2 && bytes_ <= kLeastBytes;
    reduced_ = now;
    calm_ = 0;
    if (window_ < 2) bytes_ = ceiling_ = smaller();
    window_ = std::max(1.0, window_ / 2);
    return !least;
  }
  void too_large(size_t limit) {
    most_bytes_ = std::min(most_bytes_, limit);
    ceiling_ = std::min(ceiling_, most_bytes_);
    bytes_ = std::min(bytes_, most_bytes_);
  }

 private:
  size_t smaller() const { return std::max(bytes_ / 2, std::min(kLeastBytes, most_bytes_)); }

  static constexpr Clock::duration kQuick = std::chrono::milliseconds(250);
  static constexpr Clock::duration kSlow = std::chrono::seconds(2);
  static constexpr double kFewWait = 2, kTooManyWait = 4;  // requests
  static constexpr uint32_t kForget = 500;                 // requests
  static constexpr uint32_t kCalm = 50;  // requests until what was too much is tried again

  const uint32_t most_in_flight_;
  size_t most_bytes_;
  double window_;
  size_t bytes_, ceiling_;
  uint32_t calm_ = 0;  // requests since there was too much
  double best_ = 0;    // least seconds a byte
  uint32_t taken_ = 0;
  Clock::time_point reduced_{};
};

}  // namespace nek
