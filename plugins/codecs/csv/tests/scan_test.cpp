// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "plain_scan.h"

using nek::csv::bitmap_units;
using nek::csv::Dialect;
using nek::csv::fast_scan;
using nek::csv::last_record_end;
using nek::csv::plain_scan;

namespace {

// Fields in brackets, a line a record.
std::string fields_of(const std::string& text, Dialect dialect = {}) {
  std::string all;
  for (const auto& record : fast_scan(text, dialect, nek::csv::bitmap_units().back())) {
    for (const auto& field : record) all += "[" + field + "]";
    all += "\n";
  }
  return all;
}

}  // namespace

TEST_CASE("fields end at delimiters, records at line ends of both kinds") {
  CHECK(fields_of("a,b\nc,d\r\n,\n") == "[a][b]\n[c][d]\n[][]\n");
  CHECK(fields_of("a,b\nc") == "[a][b]\n[c]\n");
  CHECK(fields_of("a;b,c\n", {';', true}) == "[a][b,c]\n");
}

TEST_CASE("blank lines are no records") {
  CHECK(fields_of("\n\na\n\r\n\nb\n") == "[a]\n[b]\n");
  CHECK(fields_of("") == "");
}

TEST_CASE("delimiters and line ends within quotes are text") {
  CHECK(fields_of("\"a,\nb\",c\n") == "[\"a,\nb\"][c]\n");
  CHECK(fields_of("\"a\"\",\"\"b\",c\n") == "[\"a\"\",\"\"b\"][c]\n");
  CHECK(fields_of("\"a,b\n", {',', false}) == "[\"a][b]\n");
}

TEST_CASE("a quote within a field opens nothing") {
  CHECK(fields_of("5\" disk,x\ny,z\n") == "[5\" disk][x]\n[y][z]\n");
}

TEST_CASE("whole records end at the last line end outside of quotes") {
  CHECK(last_record_end("", {}) == 0);
  CHECK(last_record_end("abc", {}) == 0);
  CHECK(last_record_end("a,b\nc", {}) == 4);
  CHECK(last_record_end("a,\"b\nc", {}) == 0);
  CHECK(last_record_end("a\nb,\"b\nc", {}) == 2);
  CHECK(last_record_end("a\n\"b\n\"\nc", {}) == 7);
  CHECK(last_record_end("a\n\"b\n\"\"\n\"\nc", {}) == 10);
  CHECK(last_record_end("5\" disk\nx", {}) == 8);
  CHECK(last_record_end("\"b\nc\n", {',', false}) == 5);
}

TEST_CASE("records are the same whether they come whole or up to the last one that ended") {
  std::mt19937 random(1);
  const std::string letters = "ab,,\"\"\n\n\r";
  for (int i = 0; i < 20000; i++) {
    std::string text(random() % 40, ' ');
    for (char& c : text) c = letters[random() % letters.size()];
    const size_t whole = last_record_end(text, {});
    CHECK(fields_of(text.substr(0, whole)) + fields_of(text.substr(whole)) == fields_of(text));
  }
}

TEST_CASE("vector units, blocks and bit tricks find the records that a plain loop finds") {
  std::mt19937 random(2);
  const std::string letters = "aaaaaaaaaaaaaaaa,,,\"\n\r";
  for (int i = 0; i < 3000; i++) {
    std::string text(random() % 300, ' ');
    for (char& c : text) c = letters[random() % letters.size()];
    const Dialect dialect = {',', i % 2 == 0};
    for (const auto& unit : bitmap_units()) {
      REQUIRE(fast_scan(text, dialect, unit) == plain_scan(text, dialect));
    }
  }
}

TEST_CASE("records longer than a piece of the scan are whole") {
  std::string text = "\"" + std::string(10000, ',') + "\"," + std::string(5000, 'x') + "\ny\n";
  for (const auto& unit : bitmap_units()) {
    CHECK(fast_scan(text, {}, unit) == plain_scan(text, {}));
    CHECK(fast_scan(text, {}, unit).size() == 2);
  }
}
