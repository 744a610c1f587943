// SPDX-License-Identifier: Apache-2.0
// HyperLogLog with 128 registers: how many distinct values there were, with an error of 9 %.
// Adding is idempotent and needs no order, so what is read twice counts once. Thread-safe:
// functions.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

#include "records.h"

namespace nek::scan {

using Registers = std::span<uint8_t, kRegisters>;

// `hash`: of the value, all bits alike. True: the sketch changed, so the value is new.
inline bool add(Registers registers, uint64_t hash) {
  const auto rank = static_cast<uint8_t>(std::countl_zero(hash << 7 | 64) + 1);
  uint8_t& at = registers[hash >> 57];
  if (at >= rank) return false;
  at = rank;
  return true;
}

// False: it was never added. True: perhaps it was.
inline bool has(std::span<const uint8_t, kRegisters> registers, uint64_t hash) {
  return registers[hash >> 57] > std::countl_zero(hash << 7 | 64);
}

inline double estimate(std::span<const uint8_t, kRegisters> registers) {
  constexpr double kAll = kRegisters, kAlpha = 0.7213 / (1 + 1.079 / kAll);
  double sum = 0;
  uint32_t zeros = 0;
  for (const uint8_t rank : registers) {
    sum += std::bit_cast<double>((uint64_t{1023} - rank) << 52);  // 2 to the power of -rank
    zeros += rank == 0;
  }
  const double raw = kAlpha * kAll * kAll / sum;
  return raw <= 2.5 * kAll && zeros ? kAll * std::log(kAll / zeros) : raw;
}

inline uint64_t port_hash(uint16_t port, uint8_t protocol) {
  return mix(uint64_t{protocol} << 16 | port, 2);
}
inline uint64_t host_hash(uint32_t target) { return mix(target, 1); }
inline uint64_t pair_hash(uint32_t target, uint16_t port, uint8_t protocol) {
  return mix(uint64_t{target} << 32 | uint64_t{protocol} << 16 | port, 3);
}

}  // namespace nek::scan
