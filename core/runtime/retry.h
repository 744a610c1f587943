// SPDX-License-Identifier: Apache-2.0
// Backoff: how long to wait before the next attempt; exponential with full jitter, so that many
// processes that failed together do not come back together (M. Brooker, Exponential Backoff And
// Jitter, AWS Architecture Blog, 2015). Not thread-safe.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace nek {

struct RetryPolicy {
  std::chrono::milliseconds base{100};  // bound of the first wait
  std::chrono::milliseconds most{30000};
};

class Backoff {
 public:
  Backoff(RetryPolicy policy, uint64_t seed) : policy_(policy), random_(seed) {}

  // Attempts before this one: 0 for the first retry.
  std::chrono::milliseconds wait(uint32_t attempts) {
    const int64_t bound = std::min<int64_t>(
        policy_.most.count(), policy_.base.count() << std::min(attempts, uint32_t{20}));
    return std::chrono::milliseconds(
        std::uniform_int_distribution<int64_t>(1, std::max<int64_t>(bound, 1))(random_));
  }

 private:
  RetryPolicy policy_;
  std::minstd_rand random_;
};

}  // namespace nek
