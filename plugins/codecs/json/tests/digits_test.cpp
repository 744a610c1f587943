// SPDX-License-Identifier: Apache-2.0
#include "digits.h"

#include <catch2/catch.hpp>
#include <string>

namespace nek {
namespace {

std::string digits(uint64_t value) {
  char out[kMaxDigits + kDigitsOverrun];
  return {out, write_unsigned(out, value)};
}
std::string signed_digits(int64_t value) {
  char out[kMaxDigits + kDigitsOverrun];
  return {out, write_signed(out, value)};
}

TEST_CASE("digits: the limits") {
  CHECK(digits(0) == "0");
  CHECK(digits(18446744073709551615u) == "18446744073709551615");
  CHECK(signed_digits(-9223372036854775807 - 1) == "-9223372036854775808");
  CHECK(signed_digits(9223372036854775807) == "9223372036854775807");
  CHECK(signed_digits(-1) == "-1");
}

TEST_CASE("digits: around every power of ten, as the standard library writes them") {
  for (uint64_t power = 1;; power *= 10) {
    for (const uint64_t value : {power - 1, power, power + 1, power * 2 + 7, power * 9 + 99}) {
      CHECK(digits(value) == std::to_string(value));
    }
    if (power == 10'000'000'000'000'000'000u) break;
  }
}

TEST_CASE("digits: every number of four digits in every place") {
  bool same = true;
  for (uint64_t value = 0; value < 10'000; value++) {
    for (const uint64_t number : {value, value * 10'000 + 1234, value * 100'000'000 + 56'789}) {
      same &= digits(number) == std::to_string(number);
    }
  }
  CHECK(same);
}

}  // namespace
}  // namespace nek
