// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "nek/testing.hpp"

using nek::testing::find_plugin;
using nek::testing::Input;

TEST_CASE("the generate input keeps the contract of plugins") {
  CHECK(nek::testing::check_contract(find_plugin("generate"), "rows: 10") == "");
}

TEST_CASE("the flows are the same whatever the size of chunks") {
  const auto bytes = [](uint32_t capacity) {
    Input input(find_plugin("generate"), "{rows: 1000, seed: 7}");
    return input.read_all(capacity);
  };
  const auto whole = bytes(1 << 20);
  CHECK(whole.begin()->second.size() == 121000);
  CHECK(bytes(1000) == whole);
  CHECK(bytes(7) == whole);
}
