// SPDX-License-Identifier: Apache-2.0
#include "pipeline/options.h"

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "fakes.h"
#include "nek/config.hpp"
#include "nek/text.hpp"

using namespace nek;
using fake::check;
using fake::with_filter;

namespace {

// "key=value" of all that the plugin gets, kinds by their marks: "text", 12, 1.5, true, [..], {..}.
std::string flat(const nek_value& value) {
  std::string out;
  switch (value.kind) {
    case NEK_FLAG: return value.integer ? "true" : "false";
    case NEK_INTEGER: return std::to_string(value.integer);
    case NEK_REAL: return std::to_string(value.real);
    case NEK_STRING: return "\"" + std::string(to_view(value.string)) + "\"";
    default: break;
  }
  for (uint32_t i = 0; i < value.count; i++) {
    const nek_value& item = value.items[i];
    out +=
        (i ? " " : "") + std::string(to_view(item.key)) + (item.key.size ? "=" : "") + flat(item);
  }
  return value.kind == NEK_MAP ? "{" + out + "}" : "[" + out + "]";
}

const nek_value& root_of(const fake::Result& result, size_t component) {
  CHECK(result.messages == "");
  REQUIRE(result.config);
  return result.config->components[component].config->root();
}

std::string geoip(const std::string& options) {
  return flat(root_of(check(with_filter("geoip", "database: d\n" + options)), 1));
}

std::string error_of(const std::string& option) {
  const auto result = check(with_filter("geoip", "database: d\n" + option));
  CHECK_FALSE(result.config);
  return result.messages;
}

const std::string kDefaults =
    "fields={sa=\"sc\" da=\"dc\"} cache=1000 ratio=0.500000 reload=5000 memory=1048576}";

std::string es(const std::string& options, const fake::Variables& variables = {}) {
  const auto result =
      check("inputs: [csv: {path: a}]\noutputs:\n  - es:\n      " + options + "\n", variables);
  return flat(root_of(result, 1));
}

std::string es_error(const std::string& options, const fake::Variables& variables = {}) {
  return check("inputs: [csv: {path: a}]\noutputs:\n  - es:\n      " + options + "\n", variables)
      .messages;
}

struct TemporaryFile {
  std::string path =
      (std::filesystem::temp_directory_path() / ("nek_options_test_" + std::to_string(getpid())))
          .string();
  explicit TemporaryFile(const std::string& text) { std::ofstream(path) << text; }
  ~TemporaryFile() { std::remove(path.c_str()); }
};

}  // namespace

TEST_CASE("options that are not written get their defaults, behind those that are") {
  CHECK(geoip("") == "{database=\"d\" " + kDefaults);
  CHECK(
      geoip("memory: 64KiB\ncache: 7\nfields: {b: c, a: d}\n") ==
      "{database=\"d\" memory=65536 cache=7 fields={b=\"c\" a=\"d\"} ratio=0.500000 reload=5000}");
}

TEST_CASE("a value that is left empty counts as not written") {
  CHECK(geoip("cache:\nallow: ~\n") == "{database=\"d\" " + kDefaults);
  CHECK(check(with_filter("geoip", "database:\n")).messages ==
        "3:5: geoip: option 'database' is required: An mmdb file.\n");
}

TEST_CASE("types come from the option: NO and 007 are texts in a list of texts") {
  CHECK(geoip("allow: [NO, 007, 1.0, 'null', true]\n").substr(0, 60) ==
        "{database=\"d\" allow=[\"NO\" \"007\" \"1.0\" \"null\" \"true\"] fields=");
  CHECK(geoip("allow: CH\n").substr(0, 28) == "{database=\"d\" allow=[\"CH\"] f");
  CHECK(geoip("allow: []\n").substr(0, 24) == "{database=\"d\" allow=[] f");
}

TEST_CASE("numbers, durations and sizes are read with their units") {
  CHECK(geoip("cache: '12'\nratio: 1\nreload: 1.5s\nmemory: 1.5MiB\nfields: {}\n") ==
        "{database=\"d\" cache=12 ratio=1.000000 reload=1500 memory=1572864 fields={}}");
  CHECK(geoip("reload: 1h\nmemory: 65536\nfields: {}\n").substr(0, 46) ==
        "{database=\"d\" reload=3600000 memory=65536 fiel");
}

TEST_CASE("each value knows its line and column, a default those of its component") {
  const auto result = check(with_filter("geoip", "database: d\nallow: [a, b]\n"));
  const nek_value& root = root_of(result, 1);
  CHECK(root.line == 3);
  CHECK(root.column == 5);
  CHECK(std::string(to_view(root.key)) == "geoip");
  const nek_value* allow = find(root, "allow");
  REQUIRE(allow);
  CHECK(allow->line == 5);
  CHECK(allow->items[1].line == 5);
  CHECK(allow->items[1].column == 18);
  const nek_value* fields = find(root, "fields");
  REQUIRE(fields);
  CHECK(fields->items[0].line == 3);
  CHECK(fields->items[0].column == 5);
}

TEST_CASE("a wrong type says what it should be and what it is") {
  CHECK(error_of("cache: x1\n") == "5:14: geoip: 'cache' must be an integer, not 'x1'\n");
  CHECK(error_of("cache: 1.5\n") == "5:14: geoip: 'cache' must be an integer, not '1.5'\n");
  CHECK(error_of("ratio: much\n") == "5:14: geoip: 'ratio' must be a number, not 'much'\n");
  CHECK(error_of("ratio: inf\n") == "5:14: geoip: 'ratio' must be a number, not 'inf'\n");
  CHECK(error_of("fields: sa\n") == "5:15: geoip: 'fields' must be a map, not 'sa'\n");
  CHECK(error_of("fields: {sa: }\n") ==
        "5:20: geoip: 'fields.sa' is empty; a text such as null or ~ must be in quotes\n");
  CHECK(error_of("allow: {a: b}\n") == "5:14: geoip: 'allow' must be a list of texts, not a map\n");
  CHECK(error_of("allow: [{a: b}, ~]\n") ==
        "5:15: geoip: an item of 'allow' must be text, not a map\n"
        "5:23: geoip: an item of 'allow' is empty; a text such as null or ~ must be in quotes\n");
  CHECK(error_of("reload: 5\n") ==
        "5:15: geoip: 'reload' must be a duration such as 200ms, 5s, 10m, 2h or 14d, not '5'\n");
  CHECK(error_of("reload: -5s\n") ==
        "5:15: geoip: 'reload' must be a duration such as 200ms, 5s, 10m, 2h or 14d, not '-5s'\n");
  CHECK(error_of("memory: 64K\n") ==
        "5:15: geoip: 'memory' must be a size such as 4096, 64KiB, 1MiB or 4GB, not '64K'\n");
  CHECK(check("inputs: [csv: {path: [a], follow: yes}]\noutputs: [report: ]\n").messages ==
        "1:22: csv: 'path' must be text, not a list\n"
        "1:35: csv: 'follow' must be true or false, not 'yes'\n");
  CHECK(check("inputs: [csv: a.csv]\noutputs: [report: ]\n").messages ==
        "1:15: csv: the options must be a map, not text\n");
}

TEST_CASE("a value out of its range says the range in the words of the option") {
  CHECK(error_of("cache: 0\n") == "5:14: geoip: 'cache' must be between 1 and 65535, not 0\n");
  CHECK(error_of("cache: 65536\n") ==
        "5:14: geoip: 'cache' must be between 1 and 65535, not 65536\n");
  CHECK(error_of("ratio: 1.01\n") == "5:14: geoip: 'ratio' must be between 0 and 1, not 1.01\n");
  CHECK(error_of("reload: 2h\n") == "5:15: geoip: 'reload' must be between 100ms and 1h, not 2h\n");
  CHECK(error_of("memory: 4GB\n") ==
        "5:15: geoip: 'memory' must be between 64KiB and 1GiB, not 4GB\n");
  CHECK(es_error("{hosts: a, buffer: {max_bytes: 1}}") ==
        "4:38: es: 'buffer.max_bytes' must be at least 64KiB, not 1\n");
}

TEST_CASE("a word out of a list of words is checked, with a suggestion") {
  CHECK(check("inputs: [csv: {path: a, format: nfdmp}]\noutputs: [report: ]\n").messages ==
        "1:33: csv: 'format' must be header or nfdump, not 'nfdmp'; did you mean 'nfdump'?\n");
  CHECK(es_error("{hosts: a, levels: [low, middle]}") ==
        "4:32: es: 'levels' must be low or high, not 'middle'\n");
}

TEST_CASE("an unknown option gets the nearest name, or the list of all") {
  CHECK(check(with_filter("split", "x: 1\n")).messages ==
        "4:7: split: unknown option 'x'; there are: id, from\n");
  CHECK(es_error("{hosts: a, tls: {ca: c, verfy: true}}") ==
        "4:31: es: unknown option 'tls.verfy'; did you mean 'verify'?\n");
}

TEST_CASE("a deprecated option is a warning that says what to use instead") {
  const auto result = check(with_filter("geoip", "database: d\ndb: d\n"));
  CHECK(result.config);
  CHECK(result.messages == "5:7: warning: geoip: option 'db' is deprecated; use 'database'\n");
}

TEST_CASE("a map with options of its own is checked and filled like the component's") {
  CHECK(es("{hosts: [a], tls: {ca: c.pem}}") ==
        "{hosts=[\"a\"] tls={ca=\"c.pem\" verify=true} levels=[\"low\" \"high\"]}");
  CHECK(es("{hosts: a}") == "{hosts=[\"a\"] levels=[\"low\" \"high\"]}");
  CHECK(es_error("{hosts: a, tls: {}}") ==
        "4:23: es: option 'tls.ca' is required: Documentation.\n");
}

TEST_CASE("a secret comes from a variable, or from a file without its last line end") {
  CHECK(es("{hosts: a, password: '${PW}'}", {{"PW", "hunter2"}}) ==
        "{hosts=[\"a\"] password=\"hunter2\" levels=[\"low\" \"high\"]}");
  const TemporaryFile file("hunter2\n\n");
  CHECK(es("{hosts: a, password_file: " + file.path + "}") ==
        "{hosts=[\"a\"] password=\"hunter2\n\" levels=[\"low\" \"high\"]}");
}

TEST_CASE("a secret that stands in the file is refused, and its line is not shown") {
  const std::string begin = "inputs: [csv: {path: a}]\noutputs:\n  - es:\n      hosts: a\n";
  CHECK(check(begin + "      password: hunter2\n").printed ==
        "p.yaml:5:17: es: 'password' is a secret and may not stand in the file; write ${VARIABLE}, "
        "or 'password_file' and the path of a file that holds it\n");
  CHECK(check(begin + "      passwrd: hunter2\n").printed ==
        "p.yaml:5:7: es: unknown option 'passwrd'; did you mean 'password'?\n");
  CHECK(check(begin + "      tls: {ca: 1, x: 2}\n      password: [hunter2]\n")
            .printed.find("hunter2") == std::string::npos);
}

TEST_CASE("a secret's file that cannot be read, or both ways at once, are errors") {
  CHECK(es_error("{hosts: a, password_file: /nonexistent/pw}") ==
        "4:33: es: 'password_file': cannot read '/nonexistent/pw': No such file or directory\n");
  CHECK(es_error("{hosts: a, password: '${PW}', password_file: /nonexistent/pw}", {{"PW", "x"}}) ==
        "4:37: es: 'password_file' and 'password' say the same thing; write one of them\n");
  CHECK(es_error("{hosts: a, password_file: /dev/null}") ==
        "4:33: es: 'password_file': cannot read '/dev/null': Not a regular file\n");
}
