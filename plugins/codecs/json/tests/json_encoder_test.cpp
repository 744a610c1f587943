// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <string>

#include "nek/testing.hpp"

namespace nek {
namespace {

const nek_plugin& json_encoder() {
  const auto* list =
      static_cast<const nek_plugin* const*>(nek_plugin_entry.get_factory(NEK_PLUGINS));
  while (!(*list)->encoder) list++;
  return **list;
}

std::string encode(const std::string& options, const std::string& table) {
  return testing::Encoder(json_encoder(), options).encode(table).all;
}

TEST_CASE("the encoder keeps the contract") {
  CHECK(testing::check_contract(json_encoder()) == "");
  CHECK(testing::check_contract(json_encoder(), "fields: [c1, c2]\nnulls: omit\n") == "");
}

TEST_CASE("the first users' record comes out exactly") {
  CHECK(encode("fields: [ts, sa, sp, sc, da, dp, dc, byte, pkt, out, pr, flg]\n"
               "time_format: \"%Y-%m-%d %H:%M:%S\"\n",
               R"({"ts": "time", "sa": "text", "sp": "uint64", "da": "text", "dp": "uint64",)"
               R"( "byte": "uint64", "pkt": "uint64", "out": "uint64", "pr": "dict_text",)"
               R"( "flg": "dict_list", "sc": "dict_text", "dc": "dict_text"})"
               "\n"
               R"({"ts": "2014-06-10T00:38:02.000Z", "sa": "1.2.3.4", "sp": 1250, "da": "5.6.7.8",)"
               R"( "dp": 445, "byte": 192, "pkt": 4, "out": 0, "pr": "TCP", "flg": ["S"],)"
               R"( "sc": "CH", "dc": "TR"})") ==
        R"({"ts":"2014-06-10 00:38:02","sa":"1.2.3.4","sp":1250,"sc":"CH","da":"5.6.7.8","dp":445,)"
        R"("dc":"TR","byte":192,"pkt":4,"out":0,"pr":"TCP","flg":["S"]})"
        "\n");
}

}  // namespace
}  // namespace nek
