// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "nek/testing.hpp"

using nek::testing::Decoder;
using nek::testing::find_plugin;

TEST_CASE("the decoders keep the contract of plugins") {
  CHECK(nek::testing::check_contract(find_plugin("csv")) == "");
  CHECK(nek::testing::check_contract(find_plugin("csv"), "format: nfdump") == "");
  CHECK(nek::testing::check_contract(find_plugin("nfdump")) == "");
}

TEST_CASE("a flow of nfdump becomes ten typed columns") {
  CHECK(
      Decoder(find_plugin("csv"), "format: nfdump")
          .rows("2023-01-25 18:35:43.884,       52.5.7.161,    443,    170.80.156.33,  57358,"
                "      930,        9,     10, 6    , ...AP...\n") ==
      R"({"ts":"time","sa":"text","sp":"uint64","da":"text","dp":"uint64","byte":"uint64","pkt":"uint64","out":"uint64","pr":"dict_text","flg":"dict_text"}
{"ts":"2023-01-25T18:35:43.884Z","sa":"52.5.7.161","sp":443,"da":"170.80.156.33","dp":57358,"byte":930,"pkt":9,"out":10,"pr":"6","flg":"...AP..."}
)");
}
