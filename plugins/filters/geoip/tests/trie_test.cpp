// SPDX-License-Identifier: Apache-2.0
#include "../trie.h"

#include <catch2/catch.hpp>
#include <vector>

using nek::Network;
using nek::Trie;

namespace {

nek::Address v4(uint32_t bits) {
  nek::Address address;
  for (int i = 0; i < 4; i++) address.bytes[i] = static_cast<uint8_t>(bits >> (24 - 8 * i));
  return address;
}

// Network i of `count`, all of them `prefix` long and side by side from 1.0.0.0 on, is record i +
// 1; all others are record 0.
Trie side_by_side(uint32_t count, unsigned prefix) {
  Trie trie;
  for (uint32_t i = 0; i < count; i++) {
    const Network network = {v4((1u << 24) + (i << (32 - prefix))), prefix};
    trie.overlay(network, [i](uint32_t) { return i + 1; });
  }
  trie.finish();
  return trie;
}

uint32_t found_in_two_steps(const Trie& trie, uint32_t address) {
  const std::vector<uint32_t> addresses = {0, address};
  std::vector<int32_t> found(2);
  trie.begin_v4(addresses, found);
  return found[1] >= 0 ? static_cast<uint32_t>(found[1]) : trie.go_on_v4(found[1], address);
}

void check(uint32_t count, unsigned prefix) {
  const Trie trie = side_by_side(count, prefix);
  for (uint32_t i = 0; i <= count; i++) {
    const uint32_t address = (1u << 24) + (i << (32 - prefix)) + 3;
    const uint32_t expected = i < count ? i + 1 : 0;
    const bool is_found =
        trie.find(v4(address)) == expected && found_in_two_steps(trie, address) == expected;
    CAPTURE(i);
    REQUIRE(is_found);
  }
  const bool is_found_before = found_in_two_steps(trie, (1u << 24) - 1) != 0;
  REQUIRE_FALSE(is_found_before);
}

}  // namespace

TEST_CASE("records are found by the first 24 bits, be they few or more than 16 bits can number") {
  check(5, 24);
  check(40'000, 24);
}

TEST_CASE("networks longer than 24 bits are found, be they few or more than 16 bits can number") {
  check(40, 28);
  check(600'000, 28);
}
