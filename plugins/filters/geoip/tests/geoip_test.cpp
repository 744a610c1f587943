// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "nek/testing.hpp"

using nek::testing::check_contract;
using nek::testing::Filter;
using nek::testing::find_plugin;
using nek::testing::run_golden;

TEST_CASE("geoip keeps the contract of all plugins") {
  REQUIRE(check_contract(find_plugin("geoip"),
                         "{database: tests/testdata/GeoIP2-Country-Test.mmdb, fields: {sa: sc, da: dc}}") == "");
}

TEST_CASE("geoip makes what its golden files say") {
  REQUIRE(run_golden(find_plugin("geoip"), "tests/testdata") == "");
}
