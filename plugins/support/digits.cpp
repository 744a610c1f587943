// SPDX-License-Identifier: Apache-2.0
#include "digits.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace nek {
namespace detail {

bool set_scalar(ShortNumbers& to, const uint64_t* values, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (values[i] >= kEight) return false;
    char text[8 + kDigitsOverrun];
    const char* end = put_short(text, static_cast<uint32_t>(values[i]));
    std::memcpy(&to.text[i], text, sizeof to.text[i]);
    to.size[i] = static_cast<uint32_t>(end - text);
  }
  return true;
}

#ifdef __x86_64__

// Eight numbers of 32 bits to eight times eight digits, as eight_digits() does it for one.
__attribute__((target("avx2"))) static void digits_of_8(__m256i value, __m256i& first,
                                                        __m256i& second) {
  const __m256i ten_thousand = _mm256_set1_epi32(10000);
  // value / 10000 as value * (2^45 / 10000 + 1) >> 45, in lanes of 64 bits.
  const __m256i inverse = _mm256_set1_epi64x(0xD1B71759);
  const __m256i even = _mm256_srli_epi64(_mm256_mul_epu32(value, inverse), 45);
  const __m256i odd =
      _mm256_srli_epi64(_mm256_mul_epu32(_mm256_srli_epi64(value, 32), inverse), 45);
  const __m256i high = _mm256_or_si256(even, _mm256_slli_epi64(odd, 32));
  const __m256i low = _mm256_sub_epi32(value, _mm256_mullo_epi32(high, ten_thousand));
  const __m256i fours = _mm256_or_si256(high, _mm256_slli_epi32(low, 16));
  const __m256i hundreds = _mm256_srli_epi16(_mm256_mulhi_epu16(fours, _mm256_set1_epi16(5243)), 3);
  const __m256i rest =
      _mm256_sub_epi16(fours, _mm256_mullo_epi16(hundreds, _mm256_set1_epi16(100)));
  const __m256i ten = _mm256_set1_epi16(10), tenth = _mm256_set1_epi16(6554);
  const auto two_digits = [&](__m256i twos) __attribute__((target("avx2"))) {
    const __m256i tens = _mm256_mulhi_epu16(twos, tenth);
    const __m256i ones = _mm256_sub_epi16(twos, _mm256_mullo_epi16(tens, ten));
    return _mm256_or_si256(tens, _mm256_slli_epi16(ones, 8));
  };
  const __m256i a = two_digits(hundreds), b = two_digits(rest);
  first = _mm256_unpacklo_epi16(a, b);   // of values 0 1 4 5
  second = _mm256_unpackhi_epi16(a, b);  // of values 2 3 6 7
}

// How many digits each of eight numbers has.
__attribute__((target("avx2"))) static __m256i sizes_of_8(__m256i value) {
  __m256i size = _mm256_set1_epi32(1);
  for (int power = 10; power < 100'000'000; power *= 10) {
    size = _mm256_sub_epi32(size, _mm256_cmpgt_epi32(value, _mm256_set1_epi32(power - 1)));
  }
  return size;
}

__attribute__((target("avx2"))) bool set_avx2(ShortNumbers& to, const uint64_t* values,
                                              uint32_t count) {
  const __m256i limit = _mm256_set1_epi64x(static_cast<int64_t>(kEight) - 1);
  const __m256i evens = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
  const __m256i zeros = _mm256_set1_epi8('0');
  uint64_t large = 0;
  for (uint32_t i = 0; i < count; i += 8) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values + i));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values + i + 4));
    // Values past 2^63 are negative here, and so is what an or makes of them.
    const __m256i over =
        _mm256_or_si256(_mm256_cmpgt_epi64(a, limit), _mm256_cmpgt_epi64(b, limit));
    const __m256i bad = _mm256_or_si256(over, _mm256_or_si256(a, b));
    const auto lanes = static_cast<uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(bad)));
    large |= lanes;
    const __m256i value = _mm256_permute2x128_si256(_mm256_permutevar8x32_epi32(a, evens),
                                                    _mm256_permutevar8x32_epi32(b, evens), 0x20);
    const __m256i size = sizes_of_8(value);
    __m256i first, second;
    digits_of_8(value, first, second);
    // Each is shifted by its leading zeros.
    const __m256i shift = _mm256_slli_epi32(_mm256_sub_epi32(_mm256_set1_epi32(8), size), 3);
    const __m256i zero = _mm256_setzero_si256();
    first = _mm256_srlv_epi64(_mm256_or_si256(first, zeros), _mm256_unpacklo_epi32(shift, zero));
    second = _mm256_srlv_epi64(_mm256_or_si256(second, zeros), _mm256_unpackhi_epi32(shift, zero));
    auto* text = reinterpret_cast<__m256i*>(to.text + i);
    _mm256_storeu_si256(text, _mm256_permute2x128_si256(first, second, 0x20));
    _mm256_storeu_si256(text + 1, _mm256_permute2x128_si256(first, second, 0x31));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to.size + i), size);
  }
  return large == 0;
}

#endif

}  // namespace detail

bool ShortNumbers::set(const uint64_t* values, uint32_t count) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) return detail::set_avx2(*this, values, count);
#endif
  return detail::set_scalar(*this, values, count);
}

}  // namespace nek
