// SPDX-License-Identifier: Apache-2.0
// Writes integers as decimal text, eight digits at a time, and columns of them many at a time.
// Most numbers of a record are short, and std::to_chars pays for the general case.
// Thread-safe: functions without state.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

namespace nek {

static_assert(std::endian::native == std::endian::little);

constexpr size_t kMaxDigits = 20;     // of the longest number, sign included
constexpr size_t kDigitsOverrun = 8;  // bytes that may be written behind the last digit

namespace detail {

constexpr uint64_t kEight = 100'000'000;

// The eight digits of value < 10^8, one a byte, the first in the lowest byte.
inline uint64_t eight_digits(uint32_t value) {
  const uint64_t fours = value / 10000 | uint64_t{value % 10000} << 32;
  const uint64_t hundreds = ((fours * 10486) >> 20) & 0x0000007F0000007F;
  const uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
  const uint64_t tens = ((twos * 103) >> 10) & 0x000F000F000F000F;
  return tens | (twos - tens * 10) << 8;
}
inline char* put_eight(char* out, uint64_t digits) {
  const uint64_t text = digits | 0x3030303030303030;
  std::memcpy(out, &text, sizeof text);
  return out + 8;
}
// A value below 10^8 without leading zeros; 0 has one digit.
inline char* put_short(char* out, uint32_t value) {
  const uint64_t digits = eight_digits(value);
  const int zeros = std::countr_zero(digits | uint64_t{1} << 56) / 8;
  put_eight(out, digits >> (8 * zeros));
  return out + 8 - zeros;
}
inline char* put_long(char* out, uint64_t value) {
  const uint64_t high = value / kEight;
  if (high >= kEight) {
    out = put_short(out, static_cast<uint32_t>(high / kEight));
    out = put_eight(out, eight_digits(static_cast<uint32_t>(high % kEight)));
  } else {
    out = put_short(out, static_cast<uint32_t>(high));
  }
  return put_eight(out, eight_digits(static_cast<uint32_t>(value % kEight)));
}

}  // namespace detail

// Returns the end; `out` has room for kMaxDigits + kDigitsOverrun bytes.
inline char* write_unsigned(char* out, uint64_t value) {
  if (value >= detail::kEight) [[unlikely]]
    return detail::put_long(out, value);
  return detail::put_short(out, static_cast<uint32_t>(value));
}

inline char* write_signed(char* out, int64_t value) {
  if (value >= 0) return write_unsigned(out, static_cast<uint64_t>(value));
  *out = '-';
  return write_unsigned(out + 1, -static_cast<uint64_t>(value));
}

// Numbers below 10^8 as text.
struct ShortNumbers {
  static constexpr uint32_t kMost = 32;
  uint64_t text[kMost];  // first digit in the lowest byte; what is behind the last is of no meaning
  uint32_t size[kMost];

  // `values`: readable 64 bytes past their end, as those of columns. False: one of them, or of
  // those up to the next multiple of eight, is not below 10^8.
  bool set(const uint64_t* values, uint32_t count);
};

namespace detail {
bool set_scalar(ShortNumbers& to, const uint64_t* values, uint32_t count);
#ifdef __x86_64__
bool set_avx2(ShortNumbers& to, const uint64_t* values, uint32_t count);
#endif
}  // namespace detail

}  // namespace nek
