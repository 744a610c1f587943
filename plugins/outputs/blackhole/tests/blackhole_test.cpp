// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "nek/testing.hpp"

namespace nek {
namespace {

const std::string kTable = "{\"a\": \"text\"}\n{\"a\": \"x\"}\n{\"a\": \"y\"}\n";

TEST_CASE("it keeps the contract") {
  const nek_plugin& plugin = testing::find_plugin("blackhole");
  CHECK(testing::check_contract(plugin) == "");
  CHECK(testing::check_contract(plugin, "encode: false\n") == "");
}

TEST_CASE("it encodes records, takes them and counts them") {
  testing::Output output(testing::find_plugin("blackhole"), "");
  REQUIRE(output.write({kTable, kTable}) == NEK_OK);
  CHECK(output.host().metric("records") == 4);
  CHECK(output.host().metric("bytes") == 40);  // {"a":"x"} and a line break, four times
}

TEST_CASE("without encoding each record is one byte, so that none counts as left out") {
  testing::Output output(testing::find_plugin("blackhole"), "encode: false\n");
  CHECK(output.encode(kTable).ends == std::vector<uint32_t>{1, 2});
  REQUIRE(output.write({kTable}) == NEK_OK);
  CHECK(output.host().metric("records") == 2);
}

}  // namespace
}  // namespace nek
