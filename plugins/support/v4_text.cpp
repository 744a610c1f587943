// SPDX-License-Identifier: Apache-2.0
#include "v4_text.h"

#include <array>

#include "nek/text.hpp"

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace nek {
namespace {

constexpr unsigned kMinText = 7, kMaxText = 15;  // "0.0.0.0", "255.255.255.255"

void parse_rows_plain(const nek_column& texts, std::span<uint32_t> addresses,
                      std::span<uint8_t> is_v4) {
  for (uint32_t row = 0; row < addresses.size(); row++) {
    is_v4[row] = parse_v4(to_view(nek_text_at(&texts, row)), addresses[row]);
  }
}

#ifdef __SSE2__

// Where the three dots stand: how many digits the first three numbers have, 1 to 3 each, as one of
// 27 cases. What is no case has `last` 0, which makes the fourth number too long.
struct Dots {
  uint8_t index, last;  // last: place of the third dot
};
constexpr size_t kDotMasks = 1 << 12;  // the third dot is the twelfth character at most

constexpr std::array<Dots, kDotMasks> make_dots() {
  std::array<Dots, kDotMasks> all{};
  for (unsigned index = 0; index < 27; index++) {
    const unsigned first = index % 3 + 1;
    const unsigned second = first + index / 3 % 3 + 2;
    const unsigned third = second + index / 9 + 2;
    all[1u << first | 1u << second | 1u << third] = {static_cast<uint8_t>(index),
                                                     static_cast<uint8_t>(third)};
  }
  return all;
}
alignas(64) constexpr std::array<Dots, kDotMasks> kDots = make_dots();

// How all four numbers become a number: 81 cases, those of Dots and the digits of the fourth.
struct Pattern {
  // Where each number's hundreds, tens and units stand in the text; 0x80: nowhere. The last number
  // comes first, so that the sums make a number whose highest byte is the first.
  std::array<uint8_t, 16> shuffle;
  std::array<uint32_t, 4> least;  // smaller ones have leading zeros
};

constexpr std::array<Pattern, 81> make_patterns() {
  std::array<Pattern, 81> patterns{};
  for (unsigned index = 0; index < patterns.size(); index++) {
    const unsigned digits[4] = {index % 3 + 1, index / 3 % 3 + 1, index / 9 % 3 + 1,
                                index / 27 + 1};
    Pattern& pattern = patterns[index];
    pattern.shuffle.fill(0x80);
    unsigned at = 0;
    for (unsigned number = 0; number < 4; number++) {
      const unsigned place = 3 - number;
      for (unsigned digit = 0; digit < digits[number]; digit++) {
        const unsigned weight = 3 - digits[number] + digit;  // 0: hundreds
        pattern.shuffle[place * 4 + weight] = static_cast<uint8_t>(at++);
      }
      at++;  // the dot
      pattern.least[place] = digits[number] == 3 ? 100 : digits[number] == 2 ? 10 : 0;
    }
  }
  return patterns;
}
alignas(64) constexpr std::array<Pattern, 81> kPatterns = make_patterns();

#define NEK_TARGET __attribute__((target("ssse3")))

// `text` may be read for 16 bytes.
NEK_TARGET inline bool parse_16(const char* text, uint32_t size, uint32_t& address) {
  if (size < kMinText || size > kMaxText) return false;
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
  const auto is_dot =
      static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('.'))));
  const uint32_t mask = is_dot & ((1u << size) - 1);
  if (mask >= kDotMasks) return false;
  const Dots dots = kDots[mask];
  const uint32_t digits = size - dots.last - 2;  // of the fourth number, less 1
  if (digits > 2) return false;

  const Pattern& pattern = kPatterns[dots.index + 27 * digits];
  const __m128i values =
      _mm_shuffle_epi8(_mm_sub_epi8(bytes, _mm_set1_epi8('0')),
                       _mm_load_si128(reinterpret_cast<const __m128i*>(pattern.shuffle.data())));
  const __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
  const __m128i weights = _mm_set1_epi32(100 | 10 << 8 | 1 << 16);
  const __m128i numbers = _mm_madd_epi16(_mm_maddubs_epi16(values, weights), _mm_set1_epi16(1));
  const __m128i least = _mm_load_si128(reinterpret_cast<const __m128i*>(pattern.least.data()));
  const __m128i wrong =
      _mm_or_si128(_mm_cmpgt_epi32(numbers, _mm_set1_epi32(255)), _mm_cmpgt_epi32(least, numbers));
  const __m128i packed = _mm_packus_epi16(_mm_packs_epi32(numbers, numbers), numbers);
  address = static_cast<uint32_t>(_mm_cvtsi128_si32(packed));
  return _mm_movemask_epi8(_mm_andnot_si128(wrong, is_digit)) == 0xFFFF;
}

// As nek_text_at, but by masks: short and long texts alternate in a way that no branch predicts.
NEK_TARGET inline const char* text_at(const nek_view& view, const nek_buffer* buffers) {
  const uint64_t is_out = view.in.size > sizeof view.in.bytes ? ~uint64_t{0} : 0;
  const auto in = reinterpret_cast<uintptr_t>(view.in.bytes);
  const auto out =
      reinterpret_cast<uintptr_t>(buffers[view.out.buffer & is_out].data) + view.out.offset;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): measured, a quarter quicker than the branch
  return reinterpret_cast<const char*>(in ^ ((in ^ out) & is_out));
}

// Views and texts are readable 64 bytes past their end.
NEK_TARGET void parse_rows_ssse3(const nek_column& texts, std::span<uint32_t> addresses,
                                 std::span<uint8_t> is_v4) {
  static constexpr nek_buffer kNoText = {nullptr, 0};
  const nek_buffer* buffers = texts.text_count ? texts.text : &kNoText;
  const auto* views = static_cast<const nek_view*>(texts.values);
  for (uint32_t row = 0; row < addresses.size(); row++) {
    uint32_t address = 0;
    is_v4[row] = parse_16(text_at(views[row], buffers), views[row].in.size, address);
    addresses[row] = address;
  }
}

#endif

}  // namespace

bool parse_v4(std::string_view text, uint32_t& address) {
  uint32_t value = 0, digits = 0, octets = 0;
  address = 0;
  for (const char c : text) {
    if (c == '.') {
      if (digits == 0 || octets == 3) return false;
      address = address << 8 | value;
      octets++;
      value = digits = 0;
      continue;
    }
    if (c < '0' || c > '9' || (digits && value == 0)) return false;  // no leading zeros
    value = value * 10 + static_cast<uint32_t>(c - '0');
    if (value > 255) return false;
    digits++;
  }
  address = address << 8 | value;
  return octets == 3 && digits;
}

void parse_v4_rows(const nek_column& texts, std::span<uint32_t> addresses,
                   std::span<uint8_t> is_v4) {
#ifdef __SSE2__
  if (__builtin_cpu_supports("ssse3")) return parse_rows_ssse3(texts, addresses, is_v4);
#endif
  parse_rows_plain(texts, addresses, is_v4);
}

}  // namespace nek
