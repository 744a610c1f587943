// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "nek/testing.hpp"

using nek::testing::check_contract;
using nek::testing::Decoder;
using nek::testing::Encoder;
using nek::testing::find_decoder;

namespace {

const nek_plugin& encoder() { return nek::testing::find_encoder("csv"); }
std::string encode(const std::string& options, const std::string& table) {
  Encoder one(encoder(), options);
  return one.header() + one.encode(table).all;
}
std::string error(const std::string& options) { return Encoder(encoder(), options).error(); }

}  // namespace

TEST_CASE("the csv encoder keeps the contract of plugins") {
  CHECK(check_contract(encoder(), "fields: [c1, c2]") == "");
  CHECK(check_contract(encoder(), "fields: [c1, c2, c3, c4, c5, c6, c7, c8, c9, c10]") == "");
}

TEST_CASE("values of every type become fields, none an empty one") {
  CHECK(
      encode(
          "fields: [b, i, u, d, t, x, j, l, m, n]",
          R"({"b": "bool", "i": "int64", "u": "uint64", "d": "double", "t": "time", "x": "text", "j": "json", "l": "list", "m": "dict_text", "n": "dict_list"}
{"b": true, "i": -5, "u": 18446744073709551615, "d": 0.25, "t": "2023-01-25T18:35:43.884Z", "x": "a text longer than twelve", "j": {"a": [1]}, "l": ["a", "b"], "m": "TCP", "n": ["S", "A"]}
{}
{"x": "", "m": "", "l": [], "d": 1e300}
)") == "b,i,u,d,t,x,j,l,m,n\n"
       "true,-5,18446744073709551615,0.25,2023-01-25T18:35:43.884Z,a text longer than twelve,"
       "\"{\"\"a\"\": [1]}\",a b,TCP,S A\n"
       ",,,,,,,,,\n"
       ",,,1e+300,,\"\",,\"\",\"\",\n");
}

TEST_CASE("delimiters, quotes and line ends are quoted") {
  CHECK(encode("fields: [x, y]", R"({"x": "text", "y": "text"}
{"x": "a,b", "y": "say \"hi\""}
{"x": "two\nlines", "y": " blanks "}
)") == "x,y\n\"a,b\",\"say \"\"hi\"\"\"\n\"two\nlines\", blanks \n");
  CHECK(encode("{fields: [x], delimiter: ';', header: false}", R"({"x": "text"}
{"x": "a,b"}
{"x": "a;b"}
)") == "a,b\n\"a;b\"\n");
}

TEST_CASE(
    "columns have the order and names that are given, and those that nobody makes are empty") {
  CHECK(encode("{fields: [b, c, a], rename: {b: 'the, b'}}", R"({"a": "int64", "b": "int64"}
{"a": 1, "b": 2}
)") == "\"the, b\",c,a\n2,,1\n");
}

TEST_CASE("without a header a column may be written twice") {
  CHECK(encode("{fields: [a, a], header: false}", "{\"a\": \"int64\"}\n{\"a\": 1}\n") == "1,1\n");
}

TEST_CASE("values of dictionaries are written the same again, whatever their length") {
  const std::string two(200, 'y');
  CHECK(encode("{fields: [d, l], header: false}", R"({"d": "dict_text", "l": "dict_list"}
{"d": "x", "l": ["a", "b"]}
{"d": ")" + two + R"(", "l": []}
{"d": "a,\"b", "l": null}
{"d": ")" + two + R"(", "l": ["a", "b"]}
{"d": null, "l": ["a", "b"]}
)") == "x,a b\n" + two + ",\"\"\n\"a,\"\"b\",\n" + two + ",a b\n,a b\n");
}

TEST_CASE("lists and times are written as one likes") {
  CHECK(encode("{fields: [l, t], list_separator: '|', time_format: '%Y-%m-%d %H:%M:%S', "
               "timezone: Europe/Zurich}",
               R"({"l": "list", "t": "time"}
{"l": ["a", "b"], "t": "2023-01-25T18:35:43.884Z"}
)") == "l,t\na|b,2023-01-25 19:35:43\n");
}

TEST_CASE("a record of one column without a value is a record all the same") {
  CHECK(encode("{fields: [x], header: false}", "{\"x\": \"text\"}\n{}\n{\"x\": \"a\"}\n") ==
        "\"\"\na\n");
}

TEST_CASE("what the encoder writes the decoder reads, nulls and empty texts too") {
  const std::string table = R"({"x":"text","y":"dict_text","n":"uint64","t":"time"}
{"x":"a,b","y":"\"","n":7,"t":"2023-01-25T18:35:43.884Z"}
{"x":"","y":null,"n":null,"t":null}
{"x":null,"y":"","n":0,"t":"1969-12-31T23:59:59.999Z"}
{"x":"two\nlines, and long","y":"\r","n":18446744073709551615,"t":"1970-01-01T00:00:00.000Z"}
)";
  const std::string bytes = encode("fields: [x, y, n, t]", table);
  Decoder decoder(find_decoder("csv"), "columns: {x: text, y: dict, n: uint64, t: time}");
  CHECK(decoder.rows(bytes) == table);
}

TEST_CASE("options of the encoder that make no sense are explained at their place") {
  CHECK(error("fields: []") == "1:9: fields: names no column");
  CHECK(error("{fields: [a], rename: {b: c}}") == "1:27: rename: 'b' is not in 'fields'");
  CHECK(error("{fields: [a, b], rename: {a: b}}") == "1:10: fields: 'b' would be written twice");
  CHECK(error("{fields: [a], delimiter: '\"'}") ==
        "1:26: delimiter: must be one ASCII character, no quote");
  CHECK(error("{fields: [a], time_format: '%H,%M'}") ==
        "1:28: time_format: may not hold the delimiter or quotes");
  CHECK(error("{fields: [a], timezone: Mars}").starts_with("1:25: timezone: no time zone 'Mars'"));
}
