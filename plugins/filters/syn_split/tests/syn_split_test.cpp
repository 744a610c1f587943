// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

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

TEST_CASE("syn_split splits batches of any number of rows") {
  Filter filter(find_plugin("syn_split"), "");
  for (const int rows : {1, 63, 64, 65, 128, 200}) {
    CAPTURE(rows);
    std::string table = "{\"flg\": \"dict_text\"}\n";
    // Every third is a SYN: rows 0, 3, 6, ...
    for (int row = 0; row < rows; row++) {
      table += row % 3 == 0 ? "{\"flg\": \"......S.\"}\n" : "{\"flg\": \"...A..S.\"}\n";
    }
    const auto all = filter.process(table);
    const auto lines = [](const std::string& text) {
      return std::count(text.begin(), text.end(), '\n') - 1;
    };
    REQUIRE(lines(all.streams[0]) == (rows + 2) / 3);
    REQUIRE(lines(all.streams[1]) == rows);
    REQUIRE(lines(all.streams[2]) == rows - (rows + 2) / 3);
  }
}
