// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <nek/testing.hpp>

using nek::testing::find_plugin;

TEST_CASE("the example divides one column by another, null where it cannot") {
  nek::testing::Filter filter(find_plugin(PLUGIN), "{of: ibyt, by: ipkt, target: mean}");
  REQUIRE(filter.error() == "");
  CHECK(filter.rows(R"(
{"ibyt":"uint64","ipkt":"uint64"}
{"ibyt":10,"ipkt":4}
{"ibyt":10,"ipkt":0}
{"ibyt":10}
{"ipkt":4}
)") == R"({"ibyt":"uint64","ipkt":"uint64","mean":"double"}
{"ibyt":10,"ipkt":4,"mean":2.5}
{"ibyt":10,"ipkt":0,"mean":null}
{"ibyt":10,"ipkt":null,"mean":null}
{"ibyt":null,"ipkt":4,"mean":null}
)");
}

TEST_CASE("the example refuses an empty target, with a text") {
  nek::testing::Filter filter(find_plugin(PLUGIN), "{of: ibyt, by: ipkt, target: \"\"}");
  CHECK(filter.error() != "");
}

TEST_CASE("the example keeps the contract") {
  CHECK(nek::testing::check_contract(find_plugin(PLUGIN), "{of: ibyt, by: ipkt}") == "");
}
