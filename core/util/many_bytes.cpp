// SPDX-License-Identifier: Apache-2.0
#include "util/many_bytes.h"

#include <algorithm>
#include <array>

#include "nek/text.hpp"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace nek {
namespace {

constexpr int kMostCounted = 255;  // in a byte

// In columns of bytes, which the compiler counts many at a time; each holds up to 255.
uint64_t newlines_plain(const uint8_t* data, size_t size) {
  constexpr size_t kColumns = 64;
  uint64_t count = 0;
  const uint8_t* const end = data + size;
  while (data + kColumns <= end) {
    std::array<uint8_t, kColumns> counts{};
    for (int row = 0; row < kMostCounted && data + kColumns <= end; row++, data += kColumns)
      for (size_t i = 0; i < kColumns; i++) counts[i] += data[i] == '\n';
    for (const uint8_t some : counts) count += some;
  }
  return count + static_cast<uint64_t>(std::count(data, end, '\n'));
}

size_t ascii_plain(const uint8_t* data, size_t size) {
  size_t at = 0;
  while (at + 64 <= size && detail::ascii64(data + at)) at += 64;
  return at;
}

#ifdef __x86_64__

[[gnu::target("avx2")]] uint64_t newlines_by_avx2(const uint8_t* data, size_t size) {
  constexpr size_t kStep = 2 * sizeof(__m256i);
  const __m256i newline = _mm256_set1_epi8('\n'), zero = _mm256_setzero_si256();
  __m256i sums = zero;
  const uint8_t* const end = data + size;
  while (data + kStep <= end) {
    __m256i even = zero, odd = zero;  // a match is -1
    for (int row = 0; row < kMostCounted && data + kStep <= end; row++, data += kStep) {
      const auto* at = reinterpret_cast<const __m256i*>(data);
      even = _mm256_sub_epi8(even, _mm256_cmpeq_epi8(_mm256_loadu_si256(at), newline));
      odd = _mm256_sub_epi8(odd, _mm256_cmpeq_epi8(_mm256_loadu_si256(at + 1), newline));
    }
    sums = _mm256_add_epi64(
        sums, _mm256_add_epi64(_mm256_sad_epu8(even, zero), _mm256_sad_epu8(odd, zero)));
  }
  uint64_t lanes[4];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), sums);
  return lanes[0] + lanes[1] + lanes[2] + lanes[3] +
         static_cast<uint64_t>(std::count(data, end, '\n'));
}

[[gnu::target("avx2")]] size_t ascii_by_avx2(const uint8_t* data, size_t size) {
  constexpr size_t kStep = 4 * sizeof(__m256i);
  size_t at = 0;
  for (; at + kStep <= size; at += kStep) {
    const auto* from = reinterpret_cast<const __m256i*>(data + at);
    const __m256i a = _mm256_or_si256(_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1));
    const __m256i b = _mm256_or_si256(_mm256_loadu_si256(from + 2), _mm256_loadu_si256(from + 3));
    if (_mm256_movemask_epi8(_mm256_or_si256(a, b))) break;
  }
  return at;
}

#endif

const ManyBytes& fastest() {
  static const ManyBytes unit = many_bytes_units().back();
  return unit;
}

}  // namespace

std::vector<ManyBytes> many_bytes_units() {
  std::vector<ManyBytes> units = {{newlines_plain, ascii_plain}};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) units.push_back({newlines_by_avx2, ascii_by_avx2});
#endif
  return units;
}

uint64_t count_newlines(const uint8_t* data, size_t size) { return fastest().newlines(data, size); }

bool all_valid_utf8(const uint8_t* data, size_t size) {
  const size_t ascii = fastest().ascii(data, size);
  return valid_utf8({reinterpret_cast<const char*>(data) + ascii, size - ascii});
}

}  // namespace nek
