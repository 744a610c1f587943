// SPDX-License-Identifier: Apache-2.0
#include "numbers.h"

#include "glance.h"

namespace nek::csv {

namespace {

// Becomes part of its callers, and so uses the instructions that each of them may.
[[gnu::always_inline]] inline uint64_t read_all(const uint64_t* __restrict texts, uint32_t count,
                                                uint64_t* __restrict values,
                                                uint64_t* __restrict wrong) {
  uint64_t any = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint64_t value = 0;
    const uint64_t its = read_number(texts[i], value);
    wrong[i] = its;
    any |= its;
    values[i] = value;
  }
  return any;
}

uint64_t read_plain(const uint64_t* texts, uint32_t count, uint64_t* values, uint64_t* wrong) {
  return read_all(texts, count, values, wrong);
}

#ifdef __x86_64__
[[gnu::target("avx2")]] uint64_t read_by_avx2(const uint64_t* texts, uint32_t count,
                                              uint64_t* values, uint64_t* wrong) {
  return read_all(texts, count, values, wrong);
}
// Multiplies numbers of 64 bits, which AVX2 cannot.
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] uint64_t read_by_avx512(const uint64_t* texts,
                                                                              uint32_t count,
                                                                              uint64_t* values,
                                                                              uint64_t* wrong) {
  return read_all(texts, count, values, wrong);
}
#endif

}  // namespace

std::vector<NumbersReader> numbers_readers() {
  std::vector<NumbersReader> readers = {read_plain};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) readers.push_back(read_by_avx2);
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    readers.push_back(read_by_avx512);
#endif
  return readers;
}

}  // namespace nek::csv
