// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "nek/testing.hpp"

using nek::testing::check_contract;
using nek::testing::Filter;
using nek::testing::find_plugin;
using nek::testing::run_golden;

TEST_CASE("syn_split keeps the contract of all plugins") {
  REQUIRE(check_contract(find_plugin("syn_split")) == "");
}

TEST_CASE("syn_split makes what its golden files say") {
  REQUIRE(run_golden(find_plugin("syn_split"), "tests/testdata") == "");
}
