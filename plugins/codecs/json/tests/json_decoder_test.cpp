// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <string>

#include "nek/testing.hpp"

namespace nek {
namespace {

const nek_plugin& json_decoder() { return testing::find_decoder("json"); }

testing::Emitted decode(const std::string& options, const std::string& bytes,
                        testing::Feed feed = {}) {
  return testing::Decoder(json_decoder(), options).decode(bytes, feed);
}
std::string rows(const std::string& options, const std::string& bytes) {
  return decode(options, bytes).streams[0];
}

TEST_CASE("the decoder keeps the contract") {
  CHECK(testing::check_contract(json_decoder()) == "");
  CHECK(testing::check_contract(json_decoder(), "columns: {a: uint64, d: dict}\n") == "");
  CHECK(testing::check_contract(json_decoder(), "columns: {a: list}\nothers: keep\n") == "");
}

TEST_CASE("records of Zeek and Suricata are read as the golden files say") {
  CHECK(testing::run_golden(json_decoder(), "tests/testdata/decode") == "");
}

TEST_CASE("without columns all keys come as they are written") {
  CHECK(rows("", R"({"t":"x","n":1.50,"b":true,"o":{"k":[1, 2]},"l":["a","b"],"z":null})"
                 "\n") == R"({"t":"text","n":"json","b":"json","o":"json","l":"list","z":"text"})"
                          "\n"
                          R"({"t":"x","n":1.50,"b":true,"o":{"k":[1, 2]},"l":["a","b"],"z":null})"
                          "\n");
}

TEST_CASE("columns are of the types that are declared, what is missing is null") {
  CHECK(rows("columns: {t: text, i: int64, u: uint64, d: double, b: bool, ts: time, l: list, "
             "j: json, c: dict}\n",
             R"({"u":18446744073709551615,"t":"x","i":-5,"d":1e3,"b":false,)"
             R"("ts":"2023-01-25T18:35:43.884Z","l":["S"],"j":"q","c":"TCP","other":1})"
             "\n{}\n"
             R"({"t":7,"i":"12","c":null,"j":[1]})"
             "\n") ==
        R"({"t":"text","i":"int64","u":"uint64","d":"double","b":"bool","ts":"time","l":"list",)"
        R"("j":"json","c":"dict_text"})"
        "\n"
        R"({"t":"x","i":-5,"u":18446744073709551615,"d":1000,"b":false,)"
        R"("ts":"2023-01-25T18:35:43.884Z","l":["S"],"j":"q","c":"TCP"})"
        "\n"
        R"({"t":null,"i":null,"u":null,"d":null,"b":null,"ts":null,"l":null,"j":null,"c":null})"
        "\n"
        R"({"t":"7","i":12,"u":null,"d":null,"b":null,"ts":null,"l":null,"j":[1],"c":null})"
        "\n");
}

TEST_CASE("seconds since 1970 may have a fraction, what is below a millisecond is cut off") {
  CHECK(rows("columns: {ts: epoch_s, ms: epoch_ms}\n",
             "{\"ts\":1591367999.305988,\"ms\":1591367999305}\n{\"ts\":-1.5}\n"
             "{\"ts\":1591367999}\n{\"ts\":\"1591367999.9999\"}\n{\"ts\":-0.0019}\n") ==
        "{\"ts\":\"time\",\"ms\":\"time\"}\n"
        "{\"ts\":\"2020-06-05T14:39:59.305Z\",\"ms\":\"2020-06-05T14:39:59.305Z\"}\n"
        "{\"ts\":\"1969-12-31T23:59:58.500Z\",\"ms\":null}\n"
        "{\"ts\":\"2020-06-05T14:39:59.000Z\",\"ms\":null}\n"
        "{\"ts\":\"2020-06-05T14:39:59.999Z\",\"ms\":null}\n"
        "{\"ts\":\"1969-12-31T23:59:59.999Z\",\"ms\":null}\n");
  CHECK(decode("columns: {ts: epoch_s}\n", "{\"ts\":\"1.\"}\n").refused ==
        R"({"raw":"{\"ts\":\"1.\"}","reason":"value","detail":"ts: expected seconds since 1970, )"
        R"(like 1591367999 or 1591367999.305, not 1."})"
        "\n");
}

TEST_CASE("with others: keep, keys that are not declared come as they are written") {
  CHECK(rows("columns: {n: uint64}\nothers: keep\n", "{\"a\":\"x\",\"n\":5,\"m\":6}\n") ==
        "{\"a\":\"text\",\"n\":\"uint64\",\"m\":\"json\"}\n{\"a\":\"x\",\"n\":5,\"m\":6}\n");
}

TEST_CASE("records of another form begin a batch of their own, in order") {
  CHECK(
      rows("", "{\"a\":\"1\"}\n{\"a\":\"2\",\"b\":3}\n{\"a\":\"4\",\"b\":null}\n{\"a\":\"5\"}\n") ==
      "{\"a\":\"text\"}\n{\"a\":\"1\"}\n"
      "{\"a\":\"text\",\"b\":\"json\"}\n{\"a\":\"2\",\"b\":3}\n"
      "{\"a\":\"text\",\"b\":\"text\"}\n{\"a\":\"4\",\"b\":null}\n"
      "{\"a\":\"text\"}\n{\"a\":\"5\"}\n");
}

TEST_CASE("what is in no record's columns that anyone reads does not divide batches") {
  testing::Setup setup;
  setup.wanted = {"a"};
  CHECK(testing::Decoder(json_decoder(), "", setup)
            .rows("{\"a\":\"1\",\"x\":1}\n{\"a\":\"2\",\"x\":\"y\"}\n{\"q\":0,\"a\":\"3\"}\n") ==
        "{\"a\":\"text\"}\n{\"a\":\"1\"}\n{\"a\":\"2\"}\n{\"a\":\"3\"}\n");
}

TEST_CASE("escapes are taken out of texts and keys, half a surrogate pair becomes U+FFFD") {
  CHECK(rows("", R"({"\u0061\"":"\u00e9\n\ud83d\ude00 \ud83d! longer than twelve","l":["\\\"]"]})"
                 "\n") ==
        "{\"a\\\"\":\"text\",\"l\":\"list\"}\n"
        "{\"a\\\"\":\"\xc3\xa9\\n\xf0\x9f\x98\x80 \xef\xbf\xbd! longer than "
        "twelve\",\"l\":[\"\\\\\\\"]\"]}\n");
}

TEST_CASE("of a key that is there twice the last value counts") {
  CHECK(rows("", "{\"a\":\"1\",\"a\":\"2\"}\n") == "{\"a\":\"text\"}\n{\"a\":\"2\"}\n");
  CHECK(rows("columns: {a: uint64}\n", "{\"a\":1,\"a\":null}\n") ==
        "{\"a\":\"uint64\"}\n{\"a\":null}\n");
}

TEST_CASE("blank lines, blanks and a last line without a line break are read") {
  CHECK(rows("", "\r\n  \n {\"a\":\"1\"} \r\n{\"a\":\"2\"}{\"a\":\"3\"}") ==
        "{\"a\":\"text\"}\n{\"a\":\"1\"}\n{\"a\":\"2\"}\n{\"a\":\"3\"}\n");
}

TEST_CASE("a message may hold several objects, each over several lines") {
  testing::Feed feed;
  feed.messages = true;
  CHECK(decode("", "{\n \"a\": \"1\"\n}\n{\"a\":\n\"2\"}\n", feed).streams[0] ==
        "{\"a\":\"text\"}\n{\"a\":\"1\"}\n{\"a\":\"2\"}\n");
}

TEST_CASE("what is no object is refused with the place and the reason, the next line is read") {
  const auto all =
      decode("",
             "{\"a\":\"1\"}\n{\"a\":}\n[1]\n{\"a\":01}\n{\"a\":\"\t\"}\n"
             "{\"a\":\"\\x\"}\n{\"a\":tru}\n{\"a\":\"\xff\"}\n{\"a\" 1}\n{\"a\":\"2\"}\n"
             "{\"a\":\"3");
  CHECK(all.streams[0] == "{\"a\":\"text\"}\n{\"a\":\"1\"}\n{\"a\":\"2\"}\n");
  CHECK(all.refused ==
        R"({"raw":"{\"a\":}","reason":"json","detail":"at byte 6: expected a value"}
{"raw":"[1]","reason":"json","detail":"at byte 1: expected an object"}
{"raw":"{\"a\":01}","reason":"json","detail":"at byte 7: expected ',' or '}'"}
{"raw":"{\"a\":\"\t\"}","reason":"json","detail":"at byte 7: a control character in a text"}
{"raw":"{\"a\":\"\\x\"}","reason":"json","detail":"at byte 9: no such escape"}
{"raw":"{\"a\":tru}","reason":"json","detail":"at byte 6: expected a value"}
{"raw":"{\"a\":\")"
        "\xff"
        R"(\"}","reason":"utf8","detail":"is not UTF-8"}
{"raw":"{\"a\" 1}","reason":"json","detail":"at byte 6: expected ':'"}
{"raw":"{\"a\":\"3","reason":"json","detail":"at byte 8: a text does not end"}
)");
}

TEST_CASE("a value of another type than declared is refused with the column's name") {
  const auto all = decode("columns: {n: uint64, t: text, ts: time}\n",
                          "{\"n\":-1}\n{\"t\":[1]}\n{\"ts\":\"now\"}\n{\"n\":2}\n");
  CHECK(all.streams[0] ==
        "{\"n\":\"uint64\",\"t\":\"text\",\"ts\":\"time\"}\n"
        "{\"n\":2,\"t\":null,\"ts\":null}\n");
  CHECK(
      all.refused ==
      R"({"raw":"{\"n\":-1}","reason":"value","detail":"n: expected a whole number from 0 to 18446744073709551615, not -1"}
{"raw":"{\"t\":[1]}","reason":"value","detail":"t: expected a text, not [1]"}
{"raw":"{\"ts\":\"now\"}","reason":"value","detail":"ts: expected a time like 2023-01-25T18:35:43.884Z, not now"}
)");
}

TEST_CASE("records of too many forms are refused, because their schemas stay in memory") {
  std::string bytes;
  for (int i = 0; i < 1001; i++) bytes += "{\"k" + std::to_string(i) + "\":\"v\"}\n";
  const auto all = decode("", bytes);
  CHECK(
      all.refused ==
      R"({"raw":"{\"k1000\":\"v\"}","reason":"keys","detail":"is of one form too many; say with 'columns' what is to be read"})"
      "\n");
  CHECK(decode("columns: {k1000: text}\n", bytes).refused == "");
}

TEST_CASE("a key with a zero byte can be no column") {
  CHECK(decode("", R"({"a\u0000":1})").refused ==
        R"({"raw":"{\"a\\u0000\":1}","reason":"keys","detail":"a key holds a zero byte"})"
        "\n");
}

TEST_CASE("nesting ends at a depth that no stack minds") {
  CHECK(decode("", "{\"a\":" + std::string(100000, '[') + "\n")
            .refused.ends_with("\"detail\":\"at byte 262: nested too deeply\"}\n"));
}

TEST_CASE("an unknown type is an error at its place") {
  testing::Instance instance(json_decoder(), "columns: {a: number}\n");
  CHECK(instance.error() ==
        "1:14: columns: 'a' has the unknown type 'number'; there are text, dict, int64, uint64, "
        "double, bool, time, epoch_s, epoch_ms, list and json");
}

TEST_CASE("what comes out does not depend on where the bytes are cut") {
  const std::string bytes =
      "{\"a\":\"x\",\"n\":1}\n{\"a\":\"a text longer than twelve\",\"n\":2}\n{\"a\":3}\nno\n{}\n";
  for (const size_t chunk : {1, 7, 64}) {
    testing::Feed feed;
    feed.chunk = chunk;
    for (const std::string options : {"", "columns: {a: text, n: int64}\n"}) {
      const auto whole = decode(options, bytes), cut = decode(options, bytes, feed);
      CHECK(cut.streams[0] == whole.streams[0]);
      CHECK(cut.refused == whole.refused);
      CHECK(cut.raw == whole.raw);
    }
  }
}

}  // namespace
}  // namespace nek
