// SPDX-License-Identifier: Apache-2.0
#include "pipeline/print_effective.h"

#include <catch2/catch.hpp>

#include "fakes.h"

using namespace nek;

namespace {

constexpr nek_field kColumns[] = {{"sa", NEK_TEXT, 0}};
constexpr nek_stream kDecoded = {"out", NEK_DERIVED, 1, kColumns};
constexpr nek_shape kInput = {sizeof kInput, false, 0, 1, nullptr, &kDecoded, 0, 0, false};
constexpr nek_stream kStreams[] = {{"syn", NEK_SUBSET, 0, nullptr},
                                   {"rest", NEK_SUBSET, 0, nullptr}};
constexpr nek_shape kSplit = {sizeof kSplit, false, 0, 2, nullptr, kStreams, 0, 0, false};
constexpr nek_need kReads[] = {{"sa", NEK_TYPE_BIT(NEK_TEXT), false}};
constexpr nek_shape kReader = {sizeof kReader, false, 1, 0, kReads, nullptr, 0, 0, false};

std::string print(const std::string& yaml, const fake::Variables& variables,
                  std::vector<ComponentShape> shapes) {
  const auto checked = fake::check(yaml, variables);
  CHECK(checked.messages == "");
  REQUIRE(checked.config);
  Diagnostics diagnostics("p.yaml", yaml);
  const auto graph = make_graph(*checked.config, shapes, diagnostics);
  REQUIRE(graph);
  return print_effective(*checked.config, *graph);
}

}  // namespace

TEST_CASE("the effective pipeline shows all defaults, masks secrets and lists the edges") {
  const std::string printed = print(
      "name: p\n"
      "settings: {linger: 1s}\n"
      "inputs: [csv: {id: flows, path: a.csv}]\n"
      "filters: [split: ]\n"
      "outputs:\n"
      "  - es: {from: split.syn, hosts: ['http://u:pw@h:9200/'], password: '${PW}', tls: {ca: x},\n"
      "         any: {a.password: pw, 'b c': $$d}}\n"
      "  - report: {from: [split.syn, split.rest]}\n",
      {{"PW", "pw"}},
      {{nullptr, &kInput}, {&kSplit, nullptr}, {&kReader, nullptr}, {&kReader, nullptr}});
  CHECK(printed ==
        "name: p\n"
        "settings:\n"
        "  workers: 0\n"
        "  memory: 256MiB\n"
        "  chunk_bytes: 256KiB\n"
        "  max_record_bytes: 1MiB\n"
        "  linger: 1s\n"
        "  snapshot_interval: 1s\n"
        "  snapshot_bytes: 64MiB\n"
        "  shutdown_timeout: 30s\n"
        "  dead_letters: {max_bytes: 1GiB, when_full: stop}\n"
        "  strict: false\n"
        "inputs:\n"
        "  - csv:\n"
        "      id: flows\n"
        "      codec: csv\n"
        "      spool: {max_bytes: 1GiB, fsync_interval: 1s, when_full: block}\n"
        "      path: a.csv\n"
        "      follow: false\n"
        "      format: header\n"
        "      separator: \",\"\n"
        "filters:\n"
        "  - split:\n"
        "      id: split\n"
        "      from: [flows]\n"
        "outputs:\n"
        "  - es:\n"
        "      id: es\n"
        "      from: [split.syn]\n"
        "      codec: json\n"
        "      buffer: {max_bytes: 24MiB, when_full: block}\n"
        "      hosts: [\"http://u:***@h:9200/\"]\n"
        "      password: '***'\n"
        "      tls:\n"
        "        ca: x\n"
        "        verify: true\n"
        "      levels: [low, high]\n"
        "      any: {a.password: '***', \"b c\": \"$$d\"}\n"
        "  - report:\n"
        "      id: report\n"
        "      from: [split.syn, split.rest]\n"
        "      buffer: {max_bytes: 24MiB, when_full: block}\n"
        "# What flows where, and which of its columns are read there or further down:\n"
        "#   flows -> split: sa\n"
        "#   split.syn -> es, report: sa\n"
        "#   split.rest -> report: sa\n");
}

TEST_CASE("what is printed can be read again and prints the same") {
  const std::vector<ComponentShape> shapes = {
      {nullptr, &kInput}, {&kSplit, nullptr}, {&kReader, nullptr}};
  const std::string printed = print(
      "data_dir: \"a b\"\n"
      "inputs: [csv: {path: \"${P}\", separator: \"\\t\"}]\n"
      "filters: [split: ]\n"
      "outputs: [es: {from: [split.syn, split.rest], hosts: [null x, '', '*a', \"q\\\"\\\\\", "
      "'NULL'],\n"
      "               any: {'$$k': {}, l: [a, [b]]}}]\n",
      {{"P", "$x ${y} é: # \n"}}, shapes);
  CHECK(print(printed, {}, shapes) == printed);
  CHECK(printed.find("path: \"$$x $${y} é: # \\n\"\n") != std::string::npos);
}
