// SPDX-License-Identifier: Apache-2.0
// Text eight or sixteen bytes at a time: digits to a number, the view of a text of a chunk.
// Without a branch on how long a text is, because short and long ones come in no order.
// Thread-safe: functions without state.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "nek/plugin.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace nek {

static_assert(std::endian::native == std::endian::little, "the first character is the lowest byte");

template <class T>
T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

constexpr uint64_t kOnes = 0x0101010101010101, kHighBits = 0x8080808080808080;

// The first n of eight bytes.
constexpr std::array<uint64_t, 9> kFirstBytes = {0,
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

// The number that eight digits make, one a byte, the first in the lowest.
inline uint64_t value_of_eight(uint64_t digits) {
  digits = digits * 10 + (digits >> 8);
  const uint64_t mask = 0x000000FF000000FF;
  return (((digits & mask) * 0x000F424000000064) +
          (((digits >> 16) & mask) * 0x0000271000000001)) >>
         32;
}

// The first bytes of a text of up to sixteen, and 0 behind its end; sixteen can be read.
struct Sixteen {
  uint64_t first, rest;

#ifdef __SSE2__
  static __m128i load(const char* text, uint32_t size) {
    alignas(16) static constexpr auto kMasks = [] {
      std::array<uint8_t, 32> masks{};
      for (size_t i = 0; i < 16; i++) masks[i] = 0xFF;
      return masks;
    }();
    const auto* mask = reinterpret_cast<const __m128i*>(kMasks.data() + 16 - size);
    const auto* bytes = reinterpret_cast<const __m128i*>(text);
    return _mm_and_si128(_mm_loadu_si128(bytes), _mm_loadu_si128(mask));
  }
  static Sixteen of(const char* text, uint32_t size) {
    const __m128i all = load(text, size);
    return {static_cast<uint64_t>(_mm_cvtsi128_si64(all)),
            static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(all, all)))};
  }
#else
  static Sixteen of(const char* text, uint32_t size) {
    return {load<uint64_t>(text) & kFirstBytes[std::min(size, 8u)],
            load<uint64_t>(text + 8) & kFirstBytes[std::max(size, 8u) - 8]};
  }
#endif
};

constexpr uint32_t kMostInView = sizeof nek_view{}.in.bytes;

// The view of chunk text, whose column's buffer 0 is the chunk; 16 bytes behind its beginning can
// be read. Without a branch on the size, as IPv4 addresses have 7 to 15.
inline nek_view view_of_chunk(const char* chunk, uint32_t begin, uint32_t size) {
  // Of a text that stands in its view all, of another one four bytes and the place; that choice is
  // a mask, because the compiler makes a branch of a condition.
  nek_view view;
#ifdef __SSE2__
  const __m128i text = Sixteen::load(chunk + begin, std::min(size, 16u));
  const auto number = [](uint32_t value) { return _mm_cvtsi32_si128(static_cast<int>(value)); };
  const __m128i in = _mm_or_si128(_mm_slli_si128(text, 4), number(size));
  const __m128i limits = _mm_setr_epi32(INT32_MAX, INT32_MAX, kMostInView, kMostInView);
  const __m128i is_out = _mm_cmpgt_epi32(_mm_shuffle_epi32(number(size), 0), limits);
  const __m128i out = _mm_and_si128(is_out, _mm_slli_si128(number(begin), 12));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&view),
                   _mm_or_si128(_mm_andnot_si128(is_out, in), out));
#else
  const uint64_t is_out = uint64_t{0} - (size > kMostInView);
  const Sixteen text = Sixteen::of(chunk + begin, std::min(size, 16u));
  const uint64_t rest = text.first >> 32 | text.rest << 32;
  const uint64_t words[2] = {size | text.first << 32,
                             (rest & ~is_out) | (uint64_t{begin} << 32 & is_out)};
  std::memcpy(&view, words, sizeof view);
#endif
  return view;
}

}  // namespace nek
