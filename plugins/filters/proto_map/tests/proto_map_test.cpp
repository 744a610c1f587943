// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <string>

#include "nek/testing.hpp"

using nek::testing::check_contract;
using nek::testing::Filter;
using nek::testing::find_plugin;
using nek::testing::run_golden;

TEST_CASE("proto_map keeps the contract of all plugins") {
  REQUIRE(check_contract(find_plugin("proto_map")) == "");
}

TEST_CASE("proto_map makes what its golden files say") {
  REQUIRE(run_golden(find_plugin("proto_map"), "tests/testdata") == "");
}

TEST_CASE("proto_map takes a new dictionary with each batch") {
  Filter filter(find_plugin("proto_map"), "");
  const std::string types = "{\"pr\": \"dict_text\"}\n", made = "{\"pr\":\"dict_text\"}\n";
  for (int batch = 0; batch < 20; batch++) {  // more than are remembered
    const std::string odd = "odd " + std::to_string(batch);
    REQUIRE(filter.rows(types + "{\"pr\": \"" + odd + "\"}\n{\"pr\": \"6\"}\n") ==
            made + "{\"pr\":\"" + odd + "\"}\n{\"pr\":\"TCP\"}\n");
  }
}

TEST_CASE("proto_map goes on with more unknown names than it remembers") {
  Filter filter(find_plugin("proto_map"), "");
  for (int batch = 0; batch < 10; batch++) {
    std::string table = "{\"pr\": \"text\"}\n", expected = "{\"pr\":\"dict_text\"}\n";
    for (int row = 0; row < 1000; row++) {
      const std::string name = "name " + std::to_string(batch * 1000 + row);
      table += "{\"pr\": \"" + name + "\"}\n";
      expected += "{\"pr\":\"" + name + "\"}\n";
    }
    REQUIRE(filter.rows(table) == expected);
  }
}
