// SPDX-License-Identifier: Apache-2.0
// Writes integers as decimal text, eight digits at a time.
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
}  // namespace detail

// Returns the end; `out` has room for kMaxDigits + kDigitsOverrun bytes.
inline char* write_unsigned(char* out, uint64_t value) {
  constexpr uint64_t kEight = 100'000'000;
  if (value >= kEight) {
    out = write_unsigned(out, value / kEight);
    return detail::put_eight(out, detail::eight_digits(static_cast<uint32_t>(value % kEight)));
  }
  const uint64_t digits = detail::eight_digits(static_cast<uint32_t>(value));
  const int zeros = std::countr_zero(digits | uint64_t{1} << 56) / 8;  // leading; 0 has one digit
  detail::put_eight(out, digits >> (8 * zeros));
  return out + 8 - zeros;
}

inline char* write_signed(char* out, int64_t value) {
  if (value >= 0) return write_unsigned(out, static_cast<uint64_t>(value));
  *out = '-';
  return write_unsigned(out + 1, -static_cast<uint64_t>(value));
}

}  // namespace nek
