// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <string>

#include "nek/testing.hpp"

using nek::testing::check_contract;
using nek::testing::Filter;
using nek::testing::find_plugin;

TEST_CASE("set keeps the contract of all plugins") {
  REQUIRE(check_contract(find_plugin("set"), "fields: {exporter: fnf1}") == "");
}

TEST_CASE("every record gets the texts, and keeps what it has") {
  Filter filter(find_plugin("set"), "fields: {exporter: fnf1, site: \"\"}");
  REQUIRE(filter.rows("{\"n\": \"int64\"}\n{\"n\": 1}\n{\"n\": 2}\n") ==
          "{\"n\":\"int64\",\"exporter\":\"dict_text\",\"site\":\"dict_text\"}\n"
          "{\"n\":1,\"exporter\":\"fnf1\",\"site\":\"\"}\n"
          "{\"n\":2,\"exporter\":\"fnf1\",\"site\":\"\"}\n");
}

TEST_CASE("a column that is there is replaced") {
  Filter filter(find_plugin("set"), "fields: {n: x}");
  REQUIRE(filter.rows("{\"n\": \"int64\"}\n{\"n\": 1}\n") ==
          "{\"n\":\"dict_text\"}\n{\"n\":\"x\"}\n");
}

TEST_CASE("nothing to set is an error") {
  REQUIRE(Filter(find_plugin("set"), "fields: {}").error().find("nothing to set") !=
          std::string::npos);
}
