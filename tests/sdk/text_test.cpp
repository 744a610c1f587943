// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <nek/check.hpp>
#include <nek/text.hpp>

using namespace std::string_view_literals;

TEST_CASE("UTF-8 of one to four bytes is valid") {
  CHECK(nek::valid_utf8(""));
  CHECK(nek::valid_utf8("plain"));
  CHECK(nek::valid_utf8("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"));
  CHECK(nek::valid_utf8("\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF"));
  CHECK(nek::valid_utf8("a\0b"sv));
}

TEST_CASE("what is not UTF-8 is found") {
  for (const auto bad :
       {"\x80"sv, "\xC3"sv, "\xC0\xAF"sv, "\xC1\xBF"sv, "\xE0\x9F\xBF"sv, "\xE2\x82"sv,
        "\xED\xA0\x80"sv, "\xF0\x8F\xBF\xBF"sv, "\xF0\x9F\x98"sv, "\xF4\x90\x80\x80"sv,
        "\xF5\x80\x80\x80"sv, "\xFF"sv, "\xC3\x28"sv, "\xE2\x28\xA1"sv}) {
    CHECK_FALSE(nek::valid_utf8(bad));
  }
}

TEST_CASE("a wrong byte is found at every place of a long text") {
  for (size_t size : {63u, 64u, 65u, 130u, 200u}) {
    const std::string good(size, 'x');
    REQUIRE(nek::valid_utf8(good));
    for (size_t at = 0; at < size; at++) {
      std::string bad = good;
      bad[at] = '\xE9';
      CHECK_FALSE(nek::valid_utf8(bad));
    }
  }
}

TEST_CASE("a number is the whole text or none") {
  CHECK(nek::parse_number<uint16_t>("65535") == uint16_t{65535});
  CHECK_FALSE(nek::parse_number<uint16_t>("65536"));
  CHECK_FALSE(nek::parse_number<uint16_t>("-1"));
  CHECK_FALSE(nek::parse_number<int>("12 "));
  CHECK_FALSE(nek::parse_number<int>(""));
  CHECK(nek::parse_number<double>("1e3") == 1000.0);
}

TEST_CASE("JSON texts are told from others") {
  for (const auto good : {"{}"sv, " [1, -2.5e+3, 0.1] "sv,
                          R"({"a":{"b":[true,false,null,"\u00e9\n"]}})"sv, "\"x\""sv, "0"sv}) {
    CHECK(nek::valid_json(good));
  }
  for (const auto bad :
       {""sv, "{"sv, "[1,]"sv, "{a:1}"sv, "01"sv, "1."sv, "+1"sv, "nul"sv, "\"\n\""sv, "\"\\x\""sv,
        "\"\\u12g4\""sv, "{} {}"sv, "[1 2]"sv, "\"open"sv, "-"sv}) {
    CHECK_FALSE(nek::valid_json(bad));
  }
}

TEST_CASE("deeply nested JSON is refused, not followed") {
  CHECK(nek::valid_json(std::string(200, '[') + std::string(200, ']')));
  CHECK_FALSE(nek::valid_json(std::string(100'000, '[')));
}
