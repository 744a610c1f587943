// SPDX-License-Identifier: Apache-2.0
#include "bitmaps.h"

#include <array>
#include <bit>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace nek::csv {

namespace {

void find_by_bytes(const char* bytes, size_t count, char delimiter, Bitmaps* bitmaps) {
  for (size_t block = 0; block < count; block++, bytes += 64) {
    Bitmaps all{};
    for (unsigned i = 0; i < 64; i++) {
      all.delimiters |= uint64_t{bytes[i] == delimiter} << i;
      all.newlines |= uint64_t{bytes[i] == '\n'} << i;
      all.quotes |= uint64_t{bytes[i] == '"'} << i;
    }
    bitmaps[block] = all;
  }
}

// Writes the places of bits, counted from `base`, eight at a time without a branch for each; what
// is too many is overwritten.
struct PlacesByEight {
  [[gnu::always_inline]] static void put(uint64_t bits, uint32_t count, uint32_t base,
                                         uint32_t* to) {
    for (uint32_t done = 0; done < count; done += 8) {
      for (uint32_t i = 0; i < 8; i++) {
        to[done + i] = base + static_cast<uint32_t>(std::countr_zero(bits));
        bits &= bits - 1;
      }
    }
  }
};

// Becomes part of its callers, and so uses the instructions that each of them may.
template <class Places>
[[gnu::always_inline]] inline size_t flatten_bits(const Bitmaps* bitmaps, size_t count,
                                                  uint32_t base, uint64_t quotes,
                                                  BitPositions& positions) {
  uint32_t* to = positions.all;
  uint32_t index = positions.count, newline_count = positions.newline_count;
  size_t block = 0;
  for (; block < count && !(bitmaps[block].quotes & quotes); block++, base += 64) {
    const uint64_t all = bitmaps[block].delimiters | bitmaps[block].newlines;
    const auto bits = static_cast<uint32_t>(std::popcount(all));
    Places::put(all, bits, base, to + index);
    // Of line ends a block has one or none, in no order.
    uint64_t newlines = bitmaps[block].newlines;
    do {
      const uint64_t before = (newlines & -newlines) - 1;
      positions.newlines[newline_count] =
          index + static_cast<uint32_t>(std::popcount(all & before));
      newline_count += newlines != 0;
      newlines &= newlines - 1;
    } while (newlines);
    index += bits;
  }
  positions.count = index;
  positions.newline_count = newline_count;
  return block;
}

size_t flatten(const Bitmaps* bitmaps, size_t count, uint32_t base, uint64_t quotes,
               BitPositions& positions) {
  return flatten_bits<PlacesByEight>(bitmaps, count, base, quotes, positions);
}

#ifdef __x86_64__

uint64_t equal_sse2(const __m128i (&block)[4], char c) {
  const __m128i wanted = _mm_set1_epi8(c);
  uint64_t bits = 0;
  for (unsigned i = 0; i < 4; i++) {
    const auto some = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(block[i], wanted)));
    bits |= uint64_t{some} << 16 * i;
  }
  return bits;
}
void find_by_sse2(const char* bytes, size_t count, char delimiter, Bitmaps* bitmaps) {
  for (size_t block = 0; block < count; block++, bytes += 64) {
    const auto* at = reinterpret_cast<const __m128i*>(bytes);
    const __m128i loaded[4] = {_mm_loadu_si128(at), _mm_loadu_si128(at + 1),
                               _mm_loadu_si128(at + 2), _mm_loadu_si128(at + 3)};
    bitmaps[block] = {equal_sse2(loaded, delimiter), equal_sse2(loaded, '\n'),
                      equal_sse2(loaded, '"')};
  }
}

[[gnu::target("avx2")]] uint64_t equal_avx2(__m256i low, __m256i high, __m256i wanted) {
  const auto a = static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)));
  const auto b = static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)));
  return uint64_t{b} << 32 | a;
}
[[gnu::target("avx2")]] void find_by_avx2(const char* bytes, size_t count, char delimiter,
                                          Bitmaps* bitmaps) {
  const __m256i delimiters = _mm256_set1_epi8(delimiter), newlines = _mm256_set1_epi8('\n'),
                quotes = _mm256_set1_epi8('"');
  for (size_t block = 0; block < count; block++, bytes += 64) {
    const auto* at = reinterpret_cast<const __m256i*>(bytes);
    const __m256i low = _mm256_loadu_si256(at), high = _mm256_loadu_si256(at + 1);
    bitmaps[block] = {equal_avx2(low, high, delimiters), equal_avx2(low, high, newlines),
                      equal_avx2(low, high, quotes)};
  }
}
[[gnu::target("bmi,popcnt")]] size_t flatten_by_bmi(const Bitmaps* bitmaps, size_t count,
                                                    uint32_t base, uint64_t quotes,
                                                    BitPositions& positions) {
  return flatten_bits<PlacesByEight>(bitmaps, count, base, quotes, positions);
}

#define NEK_AVX512 [[gnu::target("avx512bw,avx512vbmi2,bmi,popcnt")]]

NEK_AVX512 void find_by_avx512(const char* bytes, size_t count, char delimiter, Bitmaps* bitmaps) {
  const __m512i delimiters = _mm512_set1_epi8(delimiter), newlines = _mm512_set1_epi8('\n'),
                quotes = _mm512_set1_epi8('"');
  for (size_t block = 0; block < count; block++, bytes += 64) {
    const __m512i all = _mm512_loadu_si512(bytes);
    bitmaps[block] = {_mm512_cmpeq_epi8_mask(all, delimiters),
                      _mm512_cmpeq_epi8_mask(all, newlines), _mm512_cmpeq_epi8_mask(all, quotes)};
  }
}
// The places of all bits of a block at once, of which sixteen are written at a time. With masks
// that leave nothing out, because gcc 12 warns of what its header does for those without.
struct PlacesByAvx512 {
  NEK_AVX512 static void put(uint64_t bits, uint32_t count, uint32_t base, uint32_t* to) {
    alignas(64) static constexpr auto kPlaces = [] {
      std::array<uint8_t, 64> places{};
      for (uint8_t i = 0; i < 64; i++) places[i] = i;
      return places;
    }();
    const __m512i places = _mm512_maskz_compress_epi8(bits, _mm512_load_si512(kPlaces.data()));
    const __m512i from = _mm512_set1_epi32(static_cast<int>(base));
    put_16(_mm512_maskz_extracti32x4_epi32(0xF, places, 0), from, to);
    if (count <= 16) return;
    put_16(_mm512_maskz_extracti32x4_epi32(0xF, places, 1), from, to + 16);
    if (count <= 32) return;
    put_16(_mm512_maskz_extracti32x4_epi32(0xF, places, 2), from, to + 32);
    put_16(_mm512_maskz_extracti32x4_epi32(0xF, places, 3), from, to + 48);
  }
  NEK_AVX512 static void put_16(__m128i places, __m512i from, uint32_t* to) {
    _mm512_storeu_si512(to, _mm512_add_epi32(_mm512_maskz_cvtepu8_epi32(0xFFFF, places), from));
  }
};
NEK_AVX512 size_t flatten_by_avx512(const Bitmaps* bitmaps, size_t count, uint32_t base,
                                    uint64_t quotes, BitPositions& positions) {
  return flatten_bits<PlacesByAvx512>(bitmaps, count, base, quotes, positions);
}

#endif

}  // namespace

std::vector<BitmapUnit> bitmap_units() {
  std::vector<BitmapUnit> units = {{find_by_bytes, flatten}};
#ifdef __x86_64__
  units.push_back({find_by_sse2, flatten});
  const bool has_bits = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
  if (has_bits && __builtin_cpu_supports("avx2")) units.push_back({find_by_avx2, flatten_by_bmi});
  if (has_bits && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2"))
    units.push_back({find_by_avx512, flatten_by_avx512});
#endif
  return units;
}

}  // namespace nek::csv
