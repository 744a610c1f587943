// SPDX-License-Identifier: Apache-2.0
#include "masks.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace nek::csv {

void masks_by_bytes(const char* bytes, size_t count, char delimiter, Masks* masks) {
  for (size_t block = 0; block < count; block++, bytes += 64) {
    Masks all{};
    for (unsigned i = 0; i < 64; i++) {
      all.delimiters |= uint64_t{bytes[i] == delimiter} << i;
      all.newlines |= uint64_t{bytes[i] == '\n'} << i;
      all.quotes |= uint64_t{bytes[i] == '"'} << i;
    }
    masks[block] = all;
  }
}

#ifdef __x86_64__

namespace {

uint64_t equal_sse2(const __m128i (&block)[4], char c) {
  const __m128i wanted = _mm_set1_epi8(c);
  uint64_t mask = 0;
  for (unsigned i = 0; i < 4; i++) {
    const auto bits = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(block[i], wanted)));
    mask |= uint64_t{bits} << 16 * i;
  }
  return mask;
}
[[gnu::target("avx2")]] uint64_t equal_avx2(__m256i low, __m256i high, __m256i wanted) {
  const auto a = static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)));
  const auto b = static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)));
  return uint64_t{b} << 32 | a;
}

}  // namespace

void masks_by_sse2(const char* bytes, size_t count, char delimiter, Masks* masks) {
  for (size_t block = 0; block < count; block++, bytes += 64) {
    const auto* at = reinterpret_cast<const __m128i*>(bytes);
    const __m128i loaded[4] = {_mm_loadu_si128(at), _mm_loadu_si128(at + 1),
                               _mm_loadu_si128(at + 2), _mm_loadu_si128(at + 3)};
    masks[block] = {equal_sse2(loaded, delimiter), equal_sse2(loaded, '\n'),
                    equal_sse2(loaded, '"')};
  }
}

[[gnu::target("avx2")]] void masks_by_avx2(const char* bytes, size_t count, char delimiter,
                                           Masks* masks) {
  const __m256i delimiters = _mm256_set1_epi8(delimiter), newlines = _mm256_set1_epi8('\n'),
                quotes = _mm256_set1_epi8('"');
  for (size_t block = 0; block < count; block++, bytes += 64) {
    const auto* at = reinterpret_cast<const __m256i*>(bytes);
    const __m256i low = _mm256_loadu_si256(at), high = _mm256_loadu_si256(at + 1);
    masks[block] = {equal_avx2(low, high, delimiters), equal_avx2(low, high, newlines),
                    equal_avx2(low, high, quotes)};
  }
}

MaskFunction best_masks() { return __builtin_cpu_supports("avx2") ? masks_by_avx2 : masks_by_sse2; }

#else

MaskFunction best_masks() { return masks_by_bytes; }

#endif

}  // namespace nek::csv
