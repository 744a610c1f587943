// SPDX-License-Identifier: Apache-2.0
// Values in their usual form, recognised eight bytes at a time: what a loop over a column tries
// first. False says nothing about the text; parse.h has the last word, and both agree where both
// know it. Thread-safe: functions without state; a DateCache is one thread's.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>

#include "nek/plugin.h"
#include "parse_time.h"

namespace nek::csv {

static_assert(std::endian::native == std::endian::little, "the first character is the lowest byte");

template <class T>
T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

constexpr uint64_t kOnes = 0x0101010101010101, kHighBits = 0x8080808080808080;
constexpr uint64_t kBlanks = ' ' * kOnes;

// The first n of eight bytes.
constexpr std::array<uint64_t, 9> kFirst = {0,
                                            0xFF,
                                            0xFFFF,
                                            0xFFFFFF,
                                            0xFFFFFFFF,
                                            0xFFFFFFFFFF,
                                            0xFFFFFFFFFFFF,
                                            0xFFFFFFFFFFFFFF,
                                            0xFFFFFFFFFFFFFFFF};

// High bit of each byte that is above 9.
inline uint64_t above_nine(uint64_t bytes) { return ((bytes + 0x76 * kOnes) | bytes) & kHighBits; }

// Eight digits, the first in the lowest byte.
inline uint64_t eight_digits(uint64_t digits) {
  digits = digits * 10 + (digits >> 8);
  const uint64_t mask = 0x000000FF000000FF;
  return (((digits & mask) * 0x000F424000000064) +
          (((digits >> 16) & mask) * 0x0000271000000001)) >>
         32;
}

// The last eight characters of bytes[begin, end), blanks in front where it is shorter or padded; 0
// where that is not all of it.
inline uint64_t number_text(const char* bytes, uint32_t begin, uint32_t end) {
  if (end < 8 || begin == end) return 0;
  const uint64_t before = kFirst[8 - std::min(end - begin, 8u)];  // of the field
  for (uint32_t at = begin; at + 8 < end; at++) {
    if (bytes[at] != ' ') return 0;
  }
  return (load<uint64_t>(bytes + end - 8) & ~before) | (kBlanks & before);
}

// Blanks and up to eight digits behind them. Returns what is wrong, 0: nothing. Without a branch on
// how many digits there are, which no processor foretells.
inline uint64_t read_number(uint64_t text, uint64_t& value) {
  const uint64_t shifted = text ^ kBlanks;  // a blank is 0x00, a digit 0x10 to 0x19
  const uint64_t low = shifted & 0x0F * kOnes;
  const uint64_t is_digit = shifted >> 4 & kOnes;
  value = eight_digits(low);
  return (shifted & 0xE0 * kOnes) |                   // neither
         ((low + 0x06 * kOnes) & 0x10 * kOnes) |      // above 9
         (low & ~((is_digit << 4) - is_digit)) |      // neither
         (is_digit & ~(is_digit >> 8) & kFirst[7]) |  // a blank behind a digit
         (is_digit >> 56 ^ 1);                        // no digit at the end
}

// bytes[begin, end) without blanks around it; eight bytes behind it can be read.
inline void glance_trim(const char* bytes, uint32_t& begin, uint32_t& end) {
  while (begin < end) {
    const uint64_t other = load<uint64_t>(bytes + begin) ^ kBlanks;
    const auto blanks = static_cast<uint32_t>(std::countr_zero(other)) / 8;
    begin += blanks;
    if (blanks < 8) break;
  }
  begin = std::min(begin, end);
  if (begin == end || bytes[end - 1] != ' ') return;
  while (begin < end && end >= 8) {
    const uint64_t other = load<uint64_t>(bytes + end - 8) ^ kBlanks;
    const auto blanks = static_cast<uint32_t>(std::countl_zero(other)) / 8;
    end -= blanks;
    if (blanks < 8) break;
  }
  while (begin < end && bytes[end - 1] == ' ') end--;
}

// Most neighbouring times share their date.
struct DateCache {
  uint64_t year_month = 0x2D31302D30373931;  // "1970-01-"
  uint16_t day = 0x3130;                     // "01"
  int64_t ms = 0;
};

// "2023-01-25 18:35:43", with ".884" or not. Of no zone.
inline bool glance_time(const char* at, uint32_t size, DateCache& cache, int64_t& ms) {
  if (size != 19 && size != 23) return false;
  const auto year_month = load<uint64_t>(at);
  const auto day = load<uint16_t>(at + 8);
  if (year_month != cache.year_month || day != cache.day) {
    const auto date = parse_date(at);
    if (!date) return false;
    cache = {year_month, day, *date};
  }
  const uint64_t clock = load<uint64_t>(at + 11) ^ 0x30303A30303A3030;  // "00:00:00"
  if (above_nine(clock) || (clock & 0x0000FF0000FF0000) || (at[10] != ' ' && at[10] != 'T')) {
    return false;
  }
  // Each digit times ten and the next one: the three numbers are in bytes 0, 3 and 6.
  const uint64_t twos = clock * 10 + (clock >> 8);
  const uint64_t hour = twos & 0xFF, minute = twos >> 24 & 0xFF, second = twos >> 48 & 0xFF;
  if (hour > 23 || minute > 59 || second > 59) return false;
  ms = cache.ms + static_cast<int64_t>(((hour * 60 + minute) * 60 + second) * 1000);
  if (size == 19) return true;
  const uint32_t fraction = load<uint32_t>(at + 19) ^ 0x3030302E;  // ".000"
  if (above_nine(fraction) || (fraction & 255)) return false;
  ms += (fraction >> 8 & 15) * 100 + (fraction >> 16 & 15) * 10 + (fraction >> 24);
  return true;
}

// The view of chunk text, whose column's buffer 0 is the chunk; 16 bytes behind its beginning can
// be read. Without a branch on the size, as IPv4 addresses have 7 to 15.
inline nek_view glance_view(const char* bytes, uint32_t begin, uint32_t size) {
  const char* text = bytes + begin;
  const uint64_t first = load<uint32_t>(text) & kFirst[std::min(size, 4u)];
  // Of a text that stands in its view the rest, of another one the place; that choice is a mask,
  // because the compiler makes a branch of a condition.
  const uint64_t is_out = uint64_t{0} - (size > sizeof nek_view{}.in.bytes);
  const uint64_t rest = load<uint64_t>(text + 4) & kFirst[std::min(size, 12u) - std::min(size, 4u)];
  const uint64_t words[2] = {size | first << 32,
                             (rest & ~is_out) | (uint64_t{begin} << 32 & is_out)};
  nek_view view;
  std::memcpy(&view, words, sizeof view);
  return view;
}

}  // namespace nek::csv
