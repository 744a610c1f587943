// SPDX-License-Identifier: Apache-2.0
#include "numbers.h"

#include "glance.h"

namespace nek::csv {

namespace {

// Becomes part of its callers, and so uses the instructions that each of them may.
[[gnu::always_inline]] inline void read_all(const uint64_t* __restrict texts, uint32_t count,
                                            uint64_t* __restrict values,
                                            uint64_t* __restrict wrong) {
  for (uint32_t i = 0; i < count; i++) {
    uint64_t value = 0;
    wrong[i] = read_number(texts[i], value);
    values[i] = value;
  }
}

void read_plain(const uint64_t* texts, uint32_t count, uint64_t* values, uint64_t* wrong) {
  read_all(texts, count, values, wrong);
}

#ifdef __x86_64__
[[gnu::target("avx2")]] void read_by_avx2(const uint64_t* texts, uint32_t count, uint64_t* values,
                                          uint64_t* wrong) {
  read_all(texts, count, values, wrong);
}
#endif

}  // namespace

std::vector<NumbersReader> numbers_readers() {
  std::vector<NumbersReader> readers = {read_plain};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) readers.push_back(read_by_avx2);
#endif
  return readers;
}

}  // namespace nek::csv
