// SPDX-License-Identifier: Apache-2.0
#include "pipeline/validate.h"

#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>

#include "fakes.h"
#include "nek/config.hpp"

using namespace nek;
using fake::check;
using fake::with_filter;

namespace {

std::string text_of(const nek_value& map, std::string_view key) {
  const nek_value* item = find(map, key);
  return item ? std::string(to_view(item->string)) : "(absent)";
}

}  // namespace

TEST_CASE("a good pipeline becomes components in the order inputs, filters, outputs") {
  const auto result = check(
      "name: portscan\n"
      "outputs:\n"
      "  - file: {path: out.ndjson, from: split.all}\n"
      "filters:\n"
      "  - geoip: {database: c.mmdb}\n"
      "  - split:\n"
      "inputs:\n"
      "  - csv:\n"
      "      id: flows\n"
      "      path: in.csv\n"
      "      format: nfdump\n");
  CHECK(result.messages == "");
  REQUIRE(result.config);
  const auto& c = result.config->components;
  REQUIRE(c.size() == 4);
  CHECK(result.config->name == "portscan");
  CHECK(c[0].id == "flows");
  CHECK(c[0].kind == Kind::kInput);
  CHECK(c[0].line == 8);
  CHECK(c[0].column == 5);
  CHECK(c[0].from.empty());
  CHECK(c[0].codec == fake::plugins().find(PluginKind::kDecoder, "csv"));
  CHECK(text_of(c[0].config->root(), "path") == "in.csv");
  CHECK(text_of(c[0].config->root(), "format") == "(absent)");
  CHECK(text_of(c[0].codec_config->root(), "format") == "nfdump");
  CHECK(text_of(c[0].codec_config->root(), "separator") == ",");
  CHECK(c[1].id == "geoip");
  REQUIRE(c[1].from.size() == 1);
  CHECK(c[1].from[0].component == 0);
  REQUIRE(c[2].from.size() == 1);
  CHECK(c[2].from[0].component == 1);
  CHECK(c[2].from[0].stream == "");
  CHECK(c[3].kind == Kind::kOutput);
  REQUIRE(c[3].from.size() == 1);
  CHECK(c[3].from[0].component == 2);
  CHECK(c[3].from[0].stream == "all");
  CHECK(c[3].codec == fake::plugins().find(PluginKind::kEncoder, "json"));
}
