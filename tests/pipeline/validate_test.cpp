// SPDX-License-Identifier: Apache-2.0
#include "pipeline/validate.h"

#include <catch2/catch.hpp>

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

TEST_CASE(
    "a component without from reads the one before it, and an output without filters all inputs") {
  const auto result = check(
      "inputs: [csv: {path: a}, csv: {path: b}]\n"
      "outputs: [report: ]\n");
  CHECK(result.messages == "");
  REQUIRE(result.config);
  const auto& c = result.config->components;
  CHECK(c[0].id == "csv");
  CHECK(c[1].id == "csv_2");
  REQUIRE(c[2].from.size() == 2);
  CHECK(c[2].from[0].component == 0);
  CHECK(c[2].from[1].component == 1);
}

TEST_CASE("an id that somebody wrote is never given to another component") {
  const auto result = check(
      "inputs: [csv: {path: a}, csv: {path: b, id: csv}]\n"
      "outputs: [report: ]\n");
  REQUIRE(result.config);
  CHECK(result.config->components[0].id == "csv_2");
  CHECK(result.config->components[1].id == "csv");
}

TEST_CASE("a pipeline is called as its file when it has no name") {
  const auto result = check("inputs: [csv: {path: a}]\noutputs: [report: ]\n");
  REQUIRE(result.config);
  CHECK(result.config->name == "p");
}

TEST_CASE("settings are taken in their units, and keep their defaults where not written") {
  const auto result = check(
      "data_dir: state\n"
      "settings: {workers: 4, memory: 64MiB, chunk_bytes: 64KiB, linger: 5s, snapshot_interval: "
      "2m,\n"
      "           strict: true}\n"
      "inputs: [csv: {path: a}]\n"
      "outputs: [report: {buffer: {max_bytes: 1MB, when_full: drop_newest}}, report: ]\n");
  CHECK(result.messages == "");
  REQUIRE(result.config);
  const PipelineSettings& s = result.config->settings;
  CHECK(s.data_dir == "state");
  CHECK(s.workers == 4);
  CHECK(s.memory == 67108864);
  CHECK(s.chunk_bytes == 65536);
  CHECK(s.max_record_bytes == 1048576);
  CHECK(s.linger_ms == 5000);
  CHECK(s.snapshot_interval_ms == 120000);
  CHECK(s.snapshot_bytes == 67108864);
  CHECK(s.strict);
  const auto& c = result.config->components;
  CHECK(c[1].buffer.max_bytes == 1000000);
  CHECK(c[1].buffer.drop_newest);
  CHECK(c[2].buffer.max_bytes == 25165824);
  CHECK_FALSE(c[2].buffer.drop_newest);
}

TEST_CASE("memory that cannot hold two chunks is an error") {
  CHECK(check("settings: {memory: 1MiB, chunk_bytes: 1MiB}\n"
              "inputs: [csv: {path: a}]\noutputs: [report: ]\n")
            .messages ==
        "1:1: settings: 'memory' must be at least twice 'chunk_bytes' and 'max_record_bytes'\n");
}

TEST_CASE("all errors are reported in one go, in file order, with line and caret") {
  const auto result = check(
      "inputs:\n"
      "  - csv: {path: in.csv}\n"
      "filters:\n"
      "  - geoip:\n"
      "      databse: country.mmdb\n"
      "outputs:\n"
      "  - fil: {path: out}\n"
      "setings: {}\n");
  CHECK_FALSE(result.config);
  CHECK(result.printed ==
        "p.yaml:4:5: geoip: option 'database' is required: An mmdb file.\n"
        "      - geoip:\n"
        "        ^\n"
        "p.yaml:5:7: geoip: unknown option 'databse'; did you mean 'database'?\n"
        "          databse: country.mmdb\n"
        "          ^\n"
        "p.yaml:7:5: unknown output 'fil'; did you mean 'file'?\n"
        "      - fil: {path: out}\n"
        "        ^\n"
        "p.yaml:8:1: unknown key 'setings'; did you mean 'settings'?\n"
        "    setings: {}\n"
        "    ^\n");
}

TEST_CASE("lists of components have at least one entry, each with one key") {
  CHECK(check("name: x\n").messages ==
        "0:0: there are no inputs; a pipeline needs at least one\n"
        "0:0: there are no outputs; a pipeline needs at least one\n");
  CHECK(check("- a\n").messages ==
        "1:1: a pipeline is a map with the keys inputs, filters and outputs\n");
  CHECK(check("inputs: {csv: {path: x}}\noutputs:\n").messages ==
        "1:9: 'inputs' must be a list, not a map; begin each input with '-'\n"
        "2:1: there are no outputs; a pipeline needs at least one\n");
  CHECK(check("inputs:\n  - csv:\n    path: x\noutputs: [report, [a]]\n").messages ==
        "3:5: 'path' stands beside 'csv'; indent it further to make it an option, or begin it with "
        "'-' to make it an input of its own\n"
        "4:19: an output is written as '- NAME:' with its options below, not a list\n");
}

TEST_CASE("a plugin of another kind is named as such, an unknown one gets a suggestion or a list") {
  CHECK(check("inputs: [geoip: ]\nfilters: [geopi: , nope: ]\noutputs: [csv: ]\n").messages ==
        "1:10: unknown input 'geoip'; 'geoip' is a filter\n"
        "2:11: unknown filter 'geopi'; did you mean 'geoip'?\n"
        "2:20: unknown filter 'nope'; there are: flags, geoip, split\n"
        "3:11: unknown output 'csv'; 'csv' is an input\n");
}

TEST_CASE("a codec is chosen by its name, and one error with it does not cause others") {
  const auto good = check(
      "inputs: [fifo: {path: a, codec: json, any: {k: v}}]\n"
      "outputs: [file: {path: o, codec: csv, separator: ;}]\n");
  CHECK(good.messages == "");
  REQUIRE(good.config);
  CHECK(good.config->components[0].codec == fake::plugins().find(PluginKind::kDecoder, "json"));
  CHECK(text_of(good.config->components[1].codec_config->root(), "separator") == ";");
  CHECK(
      check("inputs: [csv: {path: a, codec: jsn, any: {}}, fifo: {path: b, format: nfdump}]\n"
            "outputs: [report: {codec: json}]\n")
          .messages ==
      "1:32: unknown decoder 'jsn'; did you mean 'json'?\n"
      "1:47: fifo: it has no codec of its own; choose one by 'codec'; there are: clash, csv, json\n"
      "2:20: report: it encodes for itself and takes no codec\n");
}

TEST_CASE("a plugin's own defaults of its codec's options stand unless another codec is chosen") {
  const auto separator = [](const std::string& options) {
    const auto result = check("inputs: [csv: {path: a}]\noutputs: [kafka: {" + options + "}]\n");
    CHECK(result.messages == "");
    REQUIRE(result.config);
    return text_of(result.config->components[1].codec_config->root(), "separator") + " " +
           text_of(result.config->components[1].codec_config->root(), "format");
  };
  CHECK(separator("") == "; header");
  CHECK(separator("separator: '|'") == "| header");
  CHECK(separator("format: nfdump") == "; nfdump");
}

TEST_CASE(
    "defaults of a codec may hang on the plugin's options, and a map of the user's adds to them") {
  const auto any = [](const std::string& options) {
    const auto result = check("inputs: [csv: {path: a}]\noutputs: [search: {" + options + "}]\n");
    CHECK(result.messages == "");
    REQUIRE(result.config);
    std::string out;
    const nek_value* map = find(result.config->components[1].codec_config->root(), "any");
    REQUIRE(map);
    for (uint32_t i = 0; i < map->count; i++)
      out += std::string(to_view(map->items[i].key)) + "=" +
             std::string(to_view(map->items[i].string)) + " ";
    return out;
  };
  CHECK(any("") == "n=x ");
  CHECK(any("names: long") == "sa=source da=target ");
  CHECK(any("names: long, any: {sa: from, b: c}") == "sa=from b=c da=target ");
  CHECK(any("names: long, any: {src: source}") == "src=source da=target ");
  CHECK(
      check("inputs: [csv: {path: a}]\noutputs: [search: {names: lang, any: {a: b}}]\n").messages ==
      "2:27: search: 'names' must be short or long, not 'lang'; did you mean 'long'?\n");
}

TEST_CASE("an option that both plugin and codec have is refused") {
  CHECK(
      check("inputs: [csv: {path: a, codec: clash}]\noutputs: [report: ]\n").messages ==
      "1:10: csv: option 'path' is in both the plugin and its codec 'clash'; choose another codec\n"
      "1:10: csv: option 'follow' is in both the plugin and its codec 'clash'; choose another "
      "codec\n");
}

TEST_CASE("ids are plain words and unique") {
  CHECK(check("inputs: [csv: {path: a, id: x}]\n"
              "filters: [split: {id: a.b}, split: {id: x}]\n"
              "outputs: [report: {from: x}]\n")
            .messages ==
        "2:23: id 'a.b' may hold letters, digits, '_' and '-' only\n"
        "2:41: id 'x' is already taken in line 1\n");
}

TEST_CASE("from names components that can be read, each once") {
  CHECK(check("inputs: [csv: {path: a, id: flows}]\n"
              "filters: [split: {from: flws}, split: {from: [flows, flows]}]\n"
              "outputs: [report: {from: [report_2, flows]}, report: {from: []}]\n")
            .messages ==
        "2:25: split: 'from' names 'flws', which no component is called; did you mean 'flows'?\n"
        "2:54: split_2: 'from' names 'flows' twice\n"
        "3:27: report: 'from' names 'report_2', an output; nothing can be read from it\n"
        "3:61: report_2: 'from' is empty\n");
}

TEST_CASE("a from that names a component in error is not a second error") {
  CHECK(check("inputs: [csvv: {id: flows}]\noutputs: [report: {from: flows}]\n").messages ==
        "1:10: unknown input 'csvv'; did you mean 'csv'?\n");
}

TEST_CASE("a missing variable stops the check at once, a set one is like text") {
  CHECK(check("inputs: [csv: {path: '${FLOWS}'}]\noutputs: [report: ]\n").messages ==
        "1:22: variable 'FLOWS' is not set; ${FLOWS:-VALUE} would give it a default\n");
  const auto result =
      check("inputs: [csv: {path: '${FLOWS}'}]\noutputs: [report: ]\n", {{"FLOWS", "a: [b"}});
  REQUIRE(result.config);
  CHECK(text_of(result.config->components[0].config->root(), "path") == "a: [b");
}
