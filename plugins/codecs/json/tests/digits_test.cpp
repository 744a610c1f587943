// SPDX-License-Identifier: Apache-2.0
#include "digits.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

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

using Set = bool (*)(ShortNumbers&, const uint64_t*, uint32_t);

// The numbers that begin at `values`, which has some behind them to be read.
void check_many(Set set, const uint64_t* values, uint32_t count) {
  ShortNumbers numbers;
  REQUIRE(set(numbers, values, count));
  for (uint32_t i = 0; i < count; i++) {
    const std::string text(reinterpret_cast<const char*>(&numbers.text[i]), numbers.size[i]);
    if (text != std::to_string(values[i])) CHECK(text == std::to_string(values[i]));
  }
}

void check_set(Set set) {
  std::vector<uint64_t> values;
  for (uint64_t i = 0; i < 10'000; i++) {
    for (const uint64_t value : {i, i * 10'000, i * 10'000 + 9'999, 99'999'999 - i})
      values.push_back(value);
  }
  const auto all = static_cast<uint32_t>(values.size());
  values.resize(all + 8);
  for (uint32_t i = 0; i < all; i += 32) check_many(set, &values[i], 32);
  for (uint32_t count = 0; count < 32; count++) check_many(set, &values[1000], count);
  ShortNumbers numbers;
  for (const uint64_t large : {uint64_t{100'000'000}, uint64_t{4'294'967'301}}) {
    for (uint32_t at = 0; at < 32; at++) {
      std::vector<uint64_t> some(40, 7);
      some[at] = large;
      CHECK_FALSE(set(numbers, some.data(), 32));
      some[at] = UINT64_MAX - large;
      CHECK_FALSE(set(numbers, some.data(), 32));
    }
  }
}

TEST_CASE("digits: many at once, one after the other") { check_set(detail::set_scalar); }
#ifdef __x86_64__
TEST_CASE("digits: many at once, with AVX2") {
  if (__builtin_cpu_supports("avx2")) check_set(detail::set_avx2);
}
#endif

}  // namespace
}  // namespace nek
