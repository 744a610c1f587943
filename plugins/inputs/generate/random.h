// SPDX-License-Identifier: Apache-2.0
// Random: numbers that a seed and a row decide, the same on every machine.
// Not thread-safe; one a row.
#pragma once
#include <cstdint>

namespace nek {

// SplitMix64: each row begins its own sequence.
class Random {
 public:
  Random(uint64_t seed, uint64_t row) : state_(mix(seed) ^ row * kStep) {}
  static constexpr uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
  }
  uint64_t next() { return mix(state_ += kStep); }
  uint64_t below(uint64_t bound) { return product(next(), bound); }
  // Small ones are more frequent; in integers, so that it is the same on every machine.
  uint64_t skewed_below(uint64_t bound, uint32_t skew) {
    const uint64_t share = next();
    uint64_t power = share;
    for (uint32_t i = 1; i < skew; i++) power = product(power, share);
    return product(power, bound);
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  // Of a fraction of 2^64 and a number.
  static uint64_t product(uint64_t fraction, uint64_t number) {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(fraction) * number >> 64);
  }
  static constexpr uint64_t kStep = 0x9E3779B97F4A7C15;
  uint64_t state_;
};

}  // namespace nek
