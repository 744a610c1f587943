// SPDX-License-Identifier: Apache-2.0
// What one generation knows of a source's pairs: exactly up to 64 pairs, then by sketches.
// The exact list is what keeps chance out of the decision. Thread-safe: functions without state.
#pragma once
#include <cstdint>
#include <cstring>

#include "records.h"
#include "sketch.h"

namespace nek::scan {

// The exact pairs into sketches, whose registers may have something in them.
inline void add_to_sketches(const Pair& pair, uint8_t (&registers)[kSketches][kRegisters]) {
  if (pair.is(Pair::kProbed)) {
    add(registers[kHosts], host_hash(pair.target));
    add(registers[kPorts], port_hash(pair.port, pair.protocol()));
  }
  const uint64_t hash = pair_hash(pair.target, pair.port, pair.protocol());
  add(registers[kAllPairs], hash);
  if (pair.is(Pair::kGood)) add(registers[kGoodPairs], hash);
}

inline void to_sketches(Generation& generation) {
  Pair pairs[kPairs];
  std::memcpy(pairs, generation.pairs, sizeof pairs);
  std::memset(generation.registers, 0, sizeof generation.registers);
  for (uint8_t i = 0; i < generation.count; i++) add_to_sketches(pairs[i], generation.registers);
  generation.count = 0;
  generation.sketched = 1;
}

// While exact; nullptr: not there. A pair that a suspect brought along gets its whole hash.
inline Pair* find(Generation& generation, uint32_t target, uint16_t port, uint8_t protocol) {
  for (uint8_t i = 0; i < generation.count; i++) {
    Pair& pair = generation.pairs[i];
    if (pair.is(Pair::kShort) && pair.target == (target & 0xFFFF)) {
      pair.target = target;
      pair.flags &= static_cast<uint8_t>(~Pair::kShort);
    }
  }
  for (uint8_t i = 0; i < generation.count; i++) {
    Pair& pair = generation.pairs[i];
    if (pair.target == target && pair.port == port && pair.protocol() == protocol) return &pair;
  }
  return nullptr;
}

// `flags`: kProbed, kGood. True: a pair that was not known.
inline bool note(Generation& generation, uint32_t target, uint16_t port, uint8_t protocol,
                 uint8_t flags, uint8_t slot) {
  const auto all = static_cast<uint8_t>(flags | protocol);
  if (!generation.sketched) {
    if (Pair* pair = find(generation, target, port, protocol)) {
      pair->flags |= flags;
      if (flags & Pair::kProbed) pair->slot = slot;
      return false;
    }
    if (generation.count < kPairs) {
      generation.pairs[generation.count++] = {target, port, all, slot};
      return true;
    }
    to_sketches(generation);
  }
  const uint64_t hash = pair_hash(target, port, protocol);
  const bool is_new = add(generation.registers[kAllPairs], hash);
  add_to_sketches({target, port, all, slot}, generation.registers);
  return is_new;
}

// A probe was answered. What was never asked for counts only where nobody can tell any more.
inline void note_answer(Generation& generation, uint32_t target, uint16_t port, uint8_t protocol) {
  if (generation.sketched) {
    add(generation.registers[kGoodPairs], pair_hash(target, port, protocol));
  } else if (Pair* pair = find(generation, target, port, protocol)) {
    pair->flags |= Pair::kGood;
  }
}

}  // namespace nek::scan
