// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "nek/testing.hpp"

namespace nek {
namespace {

const nek_plugin& json_encoder() { return testing::find_encoder("json"); }

std::string encode(const std::string& options, const std::string& table) {
  return testing::Encoder(json_encoder(), options).encode(table).all;
}

TEST_CASE("the encoder keeps the contract") {
  CHECK(testing::check_contract(json_encoder()) == "");
  CHECK(testing::check_contract(json_encoder(), "fields: [c1, c2]\nnulls: omit\n") == "");
}

TEST_CASE("records come out as the golden files say") {
  CHECK(testing::run_golden(json_encoder(), "tests/testdata/encode") == "");
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

const std::string kAllTypes =
    R"({"b": "bool", "i": "int64", "u": "uint64", "d": "double", "ts": "time", "t": "text",)"
    R"( "j": "json", "l": "list", "dt": "dict_text", "dl": "dict_list"})"
    "\n";

TEST_CASE("a value of every type, and its null") {
  const std::string table =
      kAllTypes +
      R"({"b": true, "i": -9223372036854775808, "u": 18446744073709551615, "d": 0.1,)"
      R"( "ts": "2026-01-02T03:04:05.678Z", "t": "a", "j": {"k": [1, null]}, "l": ["a", "b"],)"
      R"( "dt": "TCP", "dl": ["S", "A"]})"
      "\n{}\n";
  const std::string first =
      R"({"b":true,"i":-9223372036854775808,"u":18446744073709551615,"d":0.1,)"
      R"("ts":"2026-01-02T03:04:05.678Z","t":"a","j":{"k": [1, null]},"l":["a","b"],)"
      R"("dt":"TCP","dl":["S","A"]})"
      "\n";
  CHECK(encode("", table) ==
        first + R"({"b":null,"i":null,"u":null,"d":null,"ts":null,"t":null,"j":null,"l":null,)"
                R"("dt":null,"dl":null})"
                "\n");
  CHECK(encode("nulls: omit\n", table) == first + "{}\n");
}

TEST_CASE("columns are chosen, put in order and renamed, one that is not there is null") {
  const std::string table = "{\"a\": \"text\", \"b\": \"uint64\"}\n{\"a\": \"x\", \"b\": 1}\n";
  CHECK(encode("fields: [b, none, a]\nrename: {b: bytes, a: \"the \\\"a\\\"\"}\n", table) ==
        "{\"bytes\":1,\"none\":null,\"the \\\"a\\\"\":\"x\"}\n");
  CHECK(encode("rename: {b: bytes}\n", table) == "{\"a\":\"x\",\"bytes\":1}\n");
}

TEST_CASE("names that would be written twice, or that nothing has, are errors") {
  const auto error = [](const std::string& options) {
    return testing::Instance(json_encoder(), options).error();
  };
  CHECK(error("fields: [a, a]\n") == "1:9: fields: 'a' would be written twice");
  CHECK(error("fields: [a, b]\nrename: {a: b}\n") == "1:9: fields: 'b' would be written twice");
  testing::Encoder late(json_encoder(), "rename: {a: b, c: b}\n");
  CHECK(late.encode("{\"c\":\"text\"}\n{\"c\":\"1\"}\n").all == "{\"b\":\"1\"}\n");
  for (int batch = 0; batch < 2; batch++) {
    CHECK_THROWS_WITH(
        late.encode("{\"a\":\"text\",\"b\":\"text\"}\n{\"a\":\"1\",\"b\":\"2\"}\n"),
        Catch::Contains("'b' would be written twice: 'rename' makes it, and there is a column of "
                        "that name"));
  }
  CHECK(error("fields: [a]\nrename: {b: c}\n") == "2:13: rename: 'b' is not in 'fields'");
}

TEST_CASE("texts are escaped as RFC 8259 asks, wherever the character stands") {
  const std::string table = "{\"a\": \"text\"}\n";
  CHECK(encode("", table + R"({"a": "\"\\\b\f\n\r\t\u0001\u001f\u007f/é😀"})") ==
        "{\"a\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f/é😀\"}\n");
  for (size_t size = 0; size < 40; size++) {
    for (size_t at = 0; at < size; at++) {
      std::string text(size, 'x');
      text.replace(at, 1, "\\n");
      CHECK(encode("", table + "{\"a\": \"" + text + "\"}") == "{\"a\":\"" + text + "\"}\n");
    }
  }
}

TEST_CASE("texts of any length fit, however little room there was") {
  for (const size_t size : {0, 11, 12, 13, 100, 5000, 300000}) {
    const std::string text(size, 'y');
    const std::string row = "{\"a\": \"" + text + "\", \"b\": \"" + text + "\"}\n";
    CHECK(encode("", "{\"a\": \"text\", \"b\": \"dict_text\"}\n" + row + row) ==
          "{\"a\":\"" + text + "\",\"b\":\"" + text + "\"}\n{\"a\":\"" + text + "\",\"b\":\"" +
              text + "\"}\n");
  }
}

TEST_CASE("doubles are the shortest text that reads back as the same number") {
  const std::string table =
      "{\"d\": \"double\"}\n{\"d\": 5e-324}\n{\"d\": 1.7976931348623157e308}\n{\"d\": 100}\n"
      "{\"d\": -0.5}\n{\"d\": 3.3333333333333335}\n{\"d\": 1e22}\n";
  CHECK(encode("", table) ==
        "{\"d\":5e-324}\n{\"d\":1.7976931348623157e+308}\n{\"d\":100}\n{\"d\":-0.5}\n"
        "{\"d\":3.3333333333333335}\n{\"d\":1e+22}\n");
}

TEST_CASE("JSON has no NaN and no infinity: they are nulls") {
  const std::string table = "{\"d\": \"double\"}\n{\"d\": nan}\n{\"d\": inf}\n{\"d\": -inf}\n";
  CHECK(encode("", table) == "{\"d\":null}\n{\"d\":null}\n{\"d\":null}\n");
  CHECK(encode("nulls: omit\n", table) == "{}\n{}\n{}\n");
}

TEST_CASE("times are written by the format that is asked for") {
  const std::string table =
      "{\"ts\": \"time\"}\n{\"ts\": \"2014-06-10T00:38:02.007Z\"}\n"
      "{\"ts\": \"2014-06-10T00:38:02.999Z\"}\n{\"ts\": \"1969-12-31T23:59:59.001Z\"}\n";
  CHECK(encode("time_format: \"%Y-%m-%d %H:%M:%S\"\n", table) ==
        "{\"ts\":\"2014-06-10 00:38:02\"}\n{\"ts\":\"2014-06-10 00:38:02\"}\n"
        "{\"ts\":\"1969-12-31 23:59:59\"}\n");
  CHECK(encode("", table) ==
        "{\"ts\":\"2014-06-10T00:38:02.007Z\"}\n{\"ts\":\"2014-06-10T00:38:02.999Z\"}\n"
        "{\"ts\":\"1969-12-31T23:59:59.001Z\"}\n");
  CHECK(encode("time_format: epoch_millis\n", table) ==
        "{\"ts\":1402360682007}\n{\"ts\":1402360682999}\n{\"ts\":-999}\n");
}

TEST_CASE("a format of times that is not known is an error") {
  const auto error = [](const std::string& format) {
    return testing::Instance(json_encoder(), "time_format: '" + format + "'\n").error();
  };
  CHECK(error("%Q") == "1:14: time_format: %Q is not known");
  CHECK(error("%") == "1:14: time_format: it ends with a single %; write %% for it");
  CHECK(error("%L%L") == "1:14: time_format: %L may stand in it once");
  CHECK(error("\"") == "1:14: time_format: may not hold quotes or backslashes");
}

TEST_CASE("times are written in the zone that is asked for, and that is printed") {
  testing::Encoder encoder(json_encoder(), "timezone: Europe/Zurich\n");
  CHECK(encoder.encode("{\"ts\": \"time\"}\n{\"ts\": \"2014-06-10T00:38:02.007Z\"}\n").all ==
        "{\"ts\":\"2014-06-10T02:38:02.007+02:00\"}\n");
  CHECK(encoder.host().logs() == std::vector<std::string>{"times are written in Europe/Zurich"});
  CHECK(testing::Encoder(json_encoder(), "").host().logs().empty());  // UTC needs no word
  CHECK(testing::Instance(json_encoder(), "timezone: Europe/Bern\n").error() ==
        "1:11: timezone: no time zone 'Europe/Bern' in /usr/share/zoneinfo/; it should be like UTC "
        "or "
        "Europe/Zurich");
}

TEST_CASE("JSON over several lines becomes one line") {
  testing::Encoder encoder(json_encoder(), "");
  testing::Host& host = encoder.host();
  const nek_field field = {"j", NEK_JSON, 0};
  const nek_schema schema = {1, &field};
  const auto call = host.begin_call(&encoder.shape(), nullptr);
  nek_make make{};
  make.type = NEK_JSON;
  make.rows = 1;
  make.text_bytes = 100;
  nek_column* column = make_column(call->arena, make);
  TextWriter(*column).set(0, "{\n  \"k\": \"a\\nb\",\r\n  \"l\": []\n}");
  const nek_batch batch = {&schema, 1, &column};
  host.bind(*call, &batch);
  call->lane = json_encoder().lane_new(encoder.self());
  testing::detail::EncodedBytes bytes(1);
  REQUIRE(json_encoder().encoder->encode(encoder.self(), call.get(), nullptr, bytes.c()) == NEK_OK);
  json_encoder().lane_free(encoder.self(), call->lane);
  CHECK(bytes.all() == "{\"j\":{   \"k\": \"a\\nb\",    \"l\": [] }}\n");
}

TEST_CASE("what is to stand in front of a record does") {
  testing::Encoder encoder(json_encoder(), "");
  const auto records =
      encoder.encode("{\"a\": \"text\"}\n{\"a\": \"x\"}\n{\"a\": \"y\"}\n", {"one\n", ""});
  CHECK(records.record(0) == "one\n{\"a\":\"x\"}\n");
  CHECK(records.record(1) == "{\"a\":\"y\"}\n");
}

TEST_CASE("a lane keeps what it rendered apart by dictionary and by schema") {
  testing::Encoder encoder(json_encoder(), "");
  const std::string a = "{\"a\": \"dict_text\"}\n", b = "{\"b\": \"uint64\"}\n";
  CHECK(encoder.encode(a + "{\"a\": \"x\"}\n{\"a\": \"y\"}\n{\"a\": \"x\"}\n").all ==
        "{\"a\":\"x\"}\n{\"a\":\"y\"}\n{\"a\":\"x\"}\n");
  CHECK(encoder.encode(b + "{\"b\": 1}\n").all == "{\"b\":1}\n");
  CHECK(encoder.encode(a + "{\"a\": \"z\"}\n{}\n").all == "{\"a\":\"z\"}\n{\"a\":null}\n");
}

// A row of random values of all types, as the test harness writes it.
std::string random_row(std::mt19937& random) {
  const auto chance = [&](uint32_t percent) { return random() % 100 < percent; };
  const auto text = [&] {
    static const std::string kParts[] = {"a", "é", "\\n", "\\\"", "\\\\", "\\u0001", "0123456789"};
    std::string all;
    for (uint32_t parts = chance(90) ? random() % 4 : random() % 30; parts > 0; parts--)
      all += kParts[chance(80) ? 0 : random() % 7];
    return "\"" + all + "\"";
  };
  const auto list = [&] {
    std::string all;
    for (uint32_t items = random() % 4; items > 0; items--)
      all += (all.empty() ? "" : ",") + text();
    return "[" + all + "]";
  };
  const auto number = [&] { return random() >> random() % 32; };
  const std::pair<const char*, std::string> cells[] = {
      {"b", chance(50) ? "true" : "false"},
      {"i", (chance(50) ? "-" : "") + std::to_string(number() + 1)},
      {"u", std::to_string(chance(90) ? number() : number() << 32)},
      {"d", std::to_string(number()) + (chance(50) ? ".5" : "")},
      {"ts",
       "\"" + testing::format_time(static_cast<int64_t>(number() * 1000 + random() % 1000)) + "\""},
      {"t", text()},
      {"j", list()},
      {"l", list()},
      {"dt", text()},
      {"dl", list()}};
  std::string row;
  for (const auto& [name, value] : cells)
    row +=
        (row.empty() ? "{\"" : ",\"") + std::string(name) + "\":" + (chance(80) ? value : "null");
  return row + "}\n";
}

TEST_CASE(
    "many records of all types, quick ones and slow ones, come out as the harness writes them") {
  std::mt19937 random(1);
  for (uint32_t rows : {1, 7, 31, 32, 33, 500}) {
    std::string table;
    for (uint32_t row = 0; row < rows; row++) table += random_row(random);
    CHECK(encode("", kAllTypes + table) == table);
  }
}

}  // namespace
}  // namespace nek
