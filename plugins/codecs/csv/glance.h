// SPDX-License-Identifier: Apache-2.0
// Values in their usual form, recognised eight bytes at a time: what a loop over a column tries
// first. False says nothing about the text; parse.h has the last word, and both agree where both
// know it. Thread-safe: functions without state; a DateCache is one thread's.
#pragma once
#include <algorithm>
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

// A number of up to eight digits at the end of bytes[begin, end), blanks before it.
inline bool glance_number(const char* bytes, uint32_t begin, uint32_t end, uint64_t& value) {
  if (end < 8 || begin == end) return false;
  const uint64_t text = load<uint64_t>(bytes + end - 8);
  const uint64_t digits = text ^ '0' * kOnes;
  const uint32_t size = end - begin;
  const auto known = static_cast<uint32_t>(std::countl_zero(above_nine(digits))) / 8;
  const uint32_t count = std::min(known, size);
  if (count == 0) return false;
  for (uint32_t at = begin; at + count < end; at++) {
    if (bytes[at] != ' ') return false;
  }
  value = eight_digits(digits >> 8 * (8 - count) << 8 * (8 - count));
  return true;
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
  const auto two = [&](unsigned first) {
    return (clock >> 8 * first & 15) * 10 + (clock >> 8 * (first + 1) & 15);
  };
  const uint64_t hour = two(0), minute = two(3), second = two(6);
  if (hour > 23 || minute > 59 || second > 59) return false;
  ms = cache.ms + static_cast<int64_t>(((hour * 60 + minute) * 60 + second) * 1000);
  if (size == 19) return true;
  const uint32_t fraction = load<uint32_t>(at + 19) ^ 0x3030302E;  // ".000"
  if (above_nine(fraction) || (fraction & 255)) return false;
  ms += (fraction >> 8 & 15) * 100 + (fraction >> 16 & 15) * 10 + (fraction >> 24);
  return true;
}

// The view of chunk text, whose column's buffer 0 is the chunk; 16 bytes from `bytes + begin` on
// can be read.
inline nek_view glance_view(const char* bytes, uint32_t begin, uint32_t size) {
  nek_view view;
  if (size > sizeof view.in.bytes) {
    view.out = {size, {}, 0, begin};
    std::memcpy(view.out.prefix, bytes + begin, sizeof view.out.prefix);
    return view;
  }
  const auto kept = [&](uint32_t from, uint32_t width) {  // how many bits of the text
    return 8 * (size > from ? std::min(size - from, width) : 0);
  };
  const uint32_t low = kept(0, 4), high = kept(4, 8);
  const auto first = load<uint32_t>(bytes + begin);
  const auto rest = load<uint64_t>(bytes + begin + 4);
  const auto kept_first = static_cast<uint32_t>(first & ((uint64_t{1} << low) - 1));
  const uint64_t kept_rest = high == 64 ? rest : rest & ((uint64_t{1} << high) - 1);
  view.in.size = size;
  std::memcpy(view.in.bytes, &kept_first, sizeof kept_first);
  std::memcpy(view.in.bytes + 4, &kept_rest, sizeof kept_rest);
  return view;
}

}  // namespace nek::csv
