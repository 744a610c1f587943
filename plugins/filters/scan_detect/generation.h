// SPDX-License-Identifier: Apache-2.0
// What one generation knows of a source's pairs: exactly up to 64 pairs, then by sketches.
// The exact list is what keeps chance out of the decision. Thread-safe: functions without state.
#pragma once
#include <cstdint>
#include <cstring>

#include "records.h"
#include "sketch.h"

namespace nek::scan {

inline uint64_t pair_hash(const Pair& pair) {
  return pair_hash(pair.target, pair.port, pair.protocol());
}

// True: some sketch changed, so there is something new in it.
inline bool add_to_sketches(const Pair& pair, uint8_t (&registers)[kSketches][kRegisters]) {
  bool changed = false;
  if (pair.is(Pair::kProbed)) {
    changed |= add(registers[kHosts], host_hash(pair.target));
    changed |= add(registers[kPorts], port_hash(pair.port, pair.protocol()));
    changed |= add(registers[kProbedPairs], pair_hash(pair));
  }
  if (pair.is(Pair::kGood | Pair::kStreamed | Pair::kAnswered))
    changed |= add(registers[kGoodPairs], pair_hash(pair));
  return changed;
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
    if (pair.is(Pair::kShort) && pair.target == (target & ShortPair::kTargetBits)) {
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

// What was known of a pair before it was noted; of what is sketched: perhaps.
struct Noted {
  bool is_new = false;  // nothing was
  bool was_probed = false, was_answered = false, was_streamed = false;
};

// `flags`: what is now known of the pair. The order does not matter: an answer may come first.
inline Noted note(Generation& generation, uint32_t target, uint16_t port, uint8_t protocol,
                  uint8_t flags, uint8_t slot) {
  const Pair noted = {target, port, static_cast<uint8_t>(flags | protocol), slot};
  if (!generation.sketched) {
    if (Pair* pair = find(generation, target, port, protocol)) {
      const Pair was = *pair;
      pair->flags |= flags;
      if (flags & Pair::kProbed) pair->slot = slot;
      return {false, was.is(Pair::kProbed), was.is(Pair::kAnswered), was.is(Pair::kStreamed)};
    }
    if (generation.count < kPairs) {
      generation.pairs[generation.count++] = noted;
      return {.is_new = true};
    }
    to_sketches(generation);
  }
  const uint64_t hash = pair_hash(noted);
  const bool probed = has(generation.registers[kProbedPairs], hash);
  const bool answered = has(generation.registers[kGoodPairs], hash);
  return {add_to_sketches(noted, generation.registers), probed, answered, false};
}

}  // namespace nek::scan
