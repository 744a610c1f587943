// SPDX-License-Identifier: Apache-2.0
#include "bitmaps.h"

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

// Becomes part of its callers, and so uses the instructions that each of them may.
[[gnu::always_inline]] inline size_t flatten_bits(const Bitmaps* bitmaps, size_t count,
                                                  uint32_t base, uint64_t quotes,
                                                  BitPositions& positions) {
  uint32_t* to = positions.all;
  uint32_t index = positions.count, newline_count = positions.newline_count;
  size_t block = 0;
  for (; block < count && !(bitmaps[block].quotes & quotes); block++, base += 64) {
    const uint64_t all = bitmaps[block].delimiters | bitmaps[block].newlines;
    const auto bits = static_cast<uint32_t>(std::popcount(all));
    // Eight at a time without a branch for each; what is too many is overwritten.
    uint64_t left = all;
    for (uint32_t done = 0; done < bits; done += 8) {
      for (uint32_t i = 0; i < 8; i++) {
        to[index + done + i] = base + static_cast<uint32_t>(std::countr_zero(left));
        left &= left - 1;
      }
    }
    // The same for line ends, of which a block has one or none, in no order.
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
  return flatten_bits(bitmaps, count, base, quotes, positions);
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
  return flatten_bits(bitmaps, count, base, quotes, positions);
}

#endif

}  // namespace

std::vector<BitmapUnit> bitmap_units() {
  std::vector<BitmapUnit> units = {{find_by_bytes, flatten}};
#ifdef __x86_64__
  units.push_back({find_by_sse2, flatten});
  const bool has_bits = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
  if (has_bits && __builtin_cpu_supports("avx2")) units.push_back({find_by_avx2, flatten_by_bmi});
#endif
  return units;
}

}  // namespace nek::csv
