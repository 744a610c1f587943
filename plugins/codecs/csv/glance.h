// SPDX-License-Identifier: Apache-2.0
// Values in their usual form, recognised eight bytes at a time: what a loop over a column tries
// first. False says nothing about the text; parse.h has the last word, and both agree where both
// know it. Thread-safe: functions without state; a MinuteCache is one thread's.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "eight_bytes.h"
#include "parse_time.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace nek::csv {

constexpr uint64_t kBlanks = ' ' * kOnes;

// The last n of eight bytes.
constexpr std::array<uint64_t, 9> kLast = [] {
  std::array<uint64_t, 9> last{};
  for (size_t n = 0; n <= 8; n++) last[n] = ~kFirstBytes[8 - n];
  return last;
}();

// number_text() where no sixteen bytes can be read before the end.
inline uint64_t number_text_at_start(const char* bytes, uint32_t begin, uint32_t end) {
  uint64_t text = kBlanks;
  for (uint32_t at = begin; at < end; at++) {
    if ((text & 0xFF) != ' ') return 0;
    text = text >> 8 | uint64_t{static_cast<uint8_t>(bytes[at])} << 56;
  }
  return text;
}

// The last eight characters of bytes[begin, end), blanks in front where it is shorter or padded; 0
// where that is not all of it.
inline uint64_t number_text(const char* bytes, uint32_t begin, uint32_t end) {
  const uint32_t size = end - begin;
  if (end < 16) [[unlikely]]
    return number_text_at_start(bytes, begin, end);
  const uint64_t last = load<uint64_t>(bytes + end - 8);
  if (size <= 8) return (last & kLast[size]) | (kBlanks & ~kLast[size]);
  // What is before them must be blank.
  const uint64_t other = load<uint64_t>(bytes + end - 16) ^ kBlanks;
  if (other & kLast[std::min(size - 8, 8u)]) return 0;
  for (uint32_t at = begin; at + 16 < end; at++) {
    if (bytes[at] != ' ') return 0;
  }
  return last;
}

// Blanks and up to eight digits behind them. Returns what is wrong, 0: nothing. Without a branch on
// how many digits there are, which no processor foretells.
inline uint64_t read_number(uint64_t text, uint64_t& value) {
  const uint64_t shifted = text ^ kBlanks;  // a blank is 0x00, a digit 0x10 to 0x19
  const uint64_t low = shifted & 0x0F * kOnes;
  const uint64_t is_digit = shifted >> 4 & kOnes;
  value = value_of_eight(low);
  return (shifted & 0xE0 * kOnes) |                        // neither
         ((low + 0x06 * kOnes) & 0x10 * kOnes) |           // above 9
         (low & ~((is_digit << 4) - is_digit)) |           // neither
         (is_digit & ~(is_digit >> 8) & kFirstBytes[7]) |  // a blank behind a digit
         (is_digit >> 56 ^ 1);                             // no digit at the end
}

// How many of the next sixteen characters are blanks before another one comes.
inline uint32_t blanks_of_16(const char* at) {
#ifdef __SSE2__
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const int blanks = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')));
  return static_cast<uint32_t>(std::countr_one(static_cast<uint32_t>(blanks)));
#else
  uint32_t blanks = 0;
  while (blanks < 16 && at[blanks] == ' ') blanks++;
  return blanks;
#endif
}

// bytes[begin, end) without blanks around it; sixteen bytes behind it can be read.
inline void glance_trim(const char* bytes, uint32_t& begin, uint32_t& end) {
  uint32_t blanks = blanks_of_16(bytes + begin);
  begin += blanks;
  while (blanks == 16 && begin < end) {
    blanks = blanks_of_16(bytes + begin);
    begin += blanks;
  }
  begin = std::min(begin, end);
  while (begin < end && bytes[end - 1] == ' ') end--;
}

// Minutes that were parsed: most times are of one of the last few, though in no order.
class MinuteCache {
 public:
  // ms since 1970 of "2023-01-25 18:35". Of no zone. False: it is none.
  bool find(const char* text, int64_t& ms) {
    const uint64_t first = load<uint64_t>(text), rest = load<uint64_t>(text + 8);
    Minute& minute = minutes_[text[15] & (kMinutes - 1)];
    const bool is_known = ((minute.first ^ first) | (minute.rest ^ rest)) == 0;
    if (!is_known && !take_in(minute, text)) [[unlikely]]
      return false;
    ms = minute.ms;
    return true;
  }

 private:
  static constexpr size_t kMinutes = 16;
  struct Minute {
    uint64_t first = 0x2D31302D30373931, rest = 0x30303A3030203130;  // "1970-01-01 00:00"
    int64_t ms = 0;
  };
  [[gnu::noinline]] static bool take_in(Minute& minute, const char* text) {
    if ((text[10] != ' ' && text[10] != 'T') || text[13] != ':') return false;
    const auto date = parse_date(text);
    const unsigned hours = two_digits(text + 11), minutes = two_digits(text + 14);
    if (!date || hours > 23 || minutes > 59) return false;
    minute = {load<uint64_t>(text), load<uint64_t>(text + 8),
              *date + (hours * 60 + minutes) * int64_t{60000}};
    return true;
  }
  std::array<Minute, kMinutes> minutes_;
};

// "2023-01-25 18:35:43", with ".884" or not. Of no zone.
inline bool glance_time(const char* at, uint32_t size, MinuteCache& cache, int64_t& ms) {
  if (size != 19 && size != 23) return false;
  if (!cache.find(at, ms)) return false;
  // ":43.884", each digit in its byte, and 0 in place of the others.
  uint64_t digits = (load<uint64_t>(at + 15) ^ 0x3030302E30303A00) & ~uint64_t{0xFF};
  if (size == 19) digits &= kFirstBytes[4];
  if (above_nine(digits) || (digits & 0x000000FF0000FF00)) return false;
  const uint64_t twos = digits * 10 + (digits >> 8);  // each digit times ten and the next one
  const uint64_t seconds = twos >> 16 & 0xFF, hundredths = twos >> 40 & 0xFF;
  if (seconds > 59) return false;
  ms += static_cast<int64_t>(seconds * 1000 + hundredths * 10 + (digits >> 56));
  return true;
}

}  // namespace nek::csv
