// SPDX-License-Identifier: Apache-2.0
#include "../parse.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <string>

#include "../glance.h"
#include "../numbers.h"

using namespace nek::csv;

namespace {

// With the padding that chunks have on both sides here.
struct Padded {
  explicit Padded(const std::string& text, const char* before = "12345678")
      : bytes(before + text + std::string(64, '9')),
        begin(static_cast<uint32_t>(std::strlen(before))),
        end(begin + static_cast<uint32_t>(text.size())) {}
  std::string bytes;
  uint32_t begin, end;
};
std::optional<uint64_t> glanced_number(const std::string& text, const char* before) {
  const Padded padded(text, before);
  const uint64_t last_eight = number_text(padded.bytes.data(), padded.begin, padded.end);
  std::vector<std::optional<uint64_t>> found;
  for (const NumbersReader read : numbers_readers()) {
    // Of several, at a place that no vector begins with.
    const uint64_t texts[] = {0, 0, 0, 0, 0, last_eight, 0};
    uint64_t values[7], wrong[7];
    uint64_t all_wrong = 0;
    const uint64_t any_wrong = read(texts, 7, values, wrong);
    for (const uint64_t its : wrong) all_wrong |= its;
    CHECK(any_wrong == all_wrong);
    found.push_back(wrong[5] ? std::nullopt : std::optional(values[5]));
    CHECK(found.back() == found.front());
  }
  return found.front();
}
// Wherever it stands: sixteen bytes behind the beginning, or before it.
std::optional<uint64_t> glanced_number(const std::string& text) {
  const auto found = glanced_number(text, "0123456789012345");
  CHECK(glanced_number(text, "") == found);
  return found;
}
std::optional<int64_t> glanced_time(const std::string& text, MinuteCache cache = {}) {
  const Padded padded(text);
  int64_t ms = 0;
  if (!glance_time(padded.bytes.data() + padded.begin, padded.end - padded.begin, cache, ms))
    return std::nullopt;
  return ms;
}

}  // namespace

TEST_CASE("counts have nfdump's units, exactly") {
  CHECK(parse_count("0") == 0);
  CHECK(parse_count("18446744073709551615") == 18446744073709551615u);
  CHECK(parse_count("4.5 M") == 4'500'000);
  CHECK(parse_count("5.5 G") == 5'500'000'000);
  CHECK(parse_count("8286623.3 T") == 8286623300000000000u);
  CHECK(parse_count("1 K") == 1000);
  for (const auto* bad :
       {"", "-1", "x", "4.5", "4.5M", "4.5 X", ".5 M", "5. M", " M", "1.2345 K",
        "18446744073709551616", "18446744073.8 G", "99999999999999999999999999 T"}) {
    CHECK_FALSE(parse_count(bad));
  }
}

TEST_CASE("a port may be ICMP's type and code") {
  CHECK(parse_port("443")->number == 443);
  CHECK_FALSE(parse_port("443")->code);
  CHECK(parse_port("3.10")->number == 3);
  CHECK(parse_port("3.10")->code == 10);
  CHECK(parse_port("3.1")->code == 1);
  CHECK(icmp_port(1697).number == 6);
  CHECK(icmp_port(1697).code == 161);
  for (const auto* bad : {"", ".", "3.", ".3", "3.1.4", "-3", "x", "65536", "256.1", "3.256"})
    CHECK_FALSE(parse_port(bad));
}

TEST_CASE("times are exact to the millisecond, and say whether they are local") {
  CHECK(parse_plain_time("2023-01-25 18:35:43.884")->ms == 1674671743884);
  CHECK(parse_plain_time("2023-01-25 18:35:43.884")->is_local);
  CHECK(parse_plain_time("2023-01-25T18:35:43Z")->ms == 1674671743000);
  CHECK_FALSE(parse_plain_time("2023-01-25T18:35:43Z")->is_local);
  CHECK(parse_plain_time("2023-01-25T18:35:43.5-03:00")->ms == 1674682543500);
  CHECK(parse_plain_time("1969-12-31 23:59:59.999")->ms == -1);
  CHECK(parse_flow_time("1674671743.884")->ms == 1674671743884);
  CHECK(parse_flow_time("1674671743884")->ms == 1674671743884);
  CHECK(parse_flow_time("0000-00-00 00:00:00.000")->ms == 0);
  for (const auto* bad :
       {"", "2023-01-25", "2023-13-25 18:35:43", "2023-02-29 18:35:43", "2023-01-25 24:35:43",
        "2023-01-25 18:35:43.", "2023-01-25 18:35:43 Zurich", "2023/01/25 18:35:43"}) {
    CHECK_FALSE(parse_plain_time(bad));
  }
  for (const auto* bad : {"-1", "1674671743.88", "99999999999999999", "1.5e3"})
    CHECK_FALSE(parse_flow_time(bad));
}

TEST_CASE("seconds since 1970 are exact to the millisecond, wherever they fit") {
  using nek::parse_epoch_seconds;
  CHECK(parse_epoch_seconds("1591367999") == 1591367999000);
  CHECK(parse_epoch_seconds("1591367999.3") == 1591367999300);
  CHECK(parse_epoch_seconds("1591367999.305988") == 1591367999305);
  CHECK(parse_epoch_seconds("-0.5") == -500);
  CHECK(parse_epoch_seconds("9223372036854775.807999") == INT64_MAX);
  CHECK(parse_epoch_seconds("-9223372036854775.808") == INT64_MIN);
  for (const auto* bad : {"", ".", "-", "1.", ".5", "-.5", "+1", "1.2.3", "1e3", "1.5 ", "1,5",
                          "9223372036854775.808", "-9223372036854775.809", "9223372036854776"})
    CHECK_FALSE(parse_epoch_seconds(bad));
}

TEST_CASE("numbers with blanks before them are seen at a glance") {
  CHECK(glanced_number("7") == 7);
  CHECK(glanced_number("    443") == 443);
  CHECK(glanced_number("12345678") == 12345678);
  CHECK(glanced_number(" 12345678") == 12345678);
  CHECK(glanced_number("                 0") == 0);
}

TEST_CASE("what is no plain number is left to the parser") {
  for (const auto* text :
       {"", " ", "x", "-1", "1 ", "1.5", "4.5 M", "x1", "1 2", "123456789", "a 1",
        "\xff"
        "1",
        ":", "/"}) {
    CHECK_FALSE(glanced_number(text));
  }
  CHECK_FALSE(glanced_number("1                 0"));
  CHECK_FALSE(glanced_number("        1        0"));
}

TEST_CASE("a glance agrees with the parser wherever it knows the answer") {
  std::mt19937 random(1);
  const std::string letters = "0123456789    .:-TM,\xff";
  const auto one_of = [&](size_t n) { return random() % n; };
  MinuteCache minutes;  // of all before
  for (int i = 0; i < 200000; i++) {
    std::string text(one_of(24), ' ');
    for (char& c : text) c = letters[one_of(letters.size())];
    if (const auto value = glanced_number(text)) {
      CHECK(value == nek::parse_number<uint64_t>(trim(text)));
    }
    std::string time = "2023-01-25 18:35:43.884";
    for (size_t changes = one_of(4); changes > 0; changes--)
      time[one_of(time.size())] = letters[one_of(letters.size())];
    if (one_of(2)) time.resize(19);
    int64_t ms_after_others = 0;
    const Padded padded(time);
    const bool is_known = glance_time(padded.bytes.data() + padded.begin, padded.end - padded.begin,
                                      minutes, ms_after_others);
    const auto ms = glanced_time(time);
    CHECK((is_known ? std::optional(ms_after_others) : std::nullopt) == ms);
    if (ms) {
      CHECK(ms == parse_plain_time(time)->ms);
    }
  }
}

TEST_CASE("usual times are seen at a glance") {
  CHECK(glanced_time("2023-01-25 18:35:43.884") == 1674671743884);
  CHECK(glanced_time("2023-01-25 18:35:43") == 1674671743000);
  CHECK(glanced_time("1970-01-01 00:00:00.000") == 0);
  CHECK(glanced_time("1970-01-01 00:01:00") == 60000);
  CHECK_FALSE(glanced_time("2023-01-25 18:35:43.88x"));
  CHECK_FALSE(glanced_time(std::string(16, '\0') + ":43.884"));
  // Found by fuzzing: a date of zeros was that of a cache without one.
  CHECK_FALSE(glanced_time(std::string(10, '\0') + " 18:35:43.884"));
}

TEST_CASE("views of short texts hold the text and zeros, those of long ones point to it") {
  for (size_t size = 1; size <= 40; size++) {
    const std::string text =
        std::string("2804:3714:4058:ff30:157a:998d:9033:a1b5/").substr(0, size);
    const Padded padded(text);
    const nek_view view =
        nek::view_of_chunk(padded.bytes.data(), padded.begin, padded.end - padded.begin);
    nek_view expected{};
    expected.in.size = static_cast<uint32_t>(size);
    if (size <= 12) {
      std::memcpy(expected.in.bytes, text.data(), size);
    } else {
      std::memcpy(expected.out.prefix, "2804", 4);
      expected.out.offset = 8;
    }
    CHECK(std::memcmp(&view, &expected, sizeof view) == 0);
  }
}
