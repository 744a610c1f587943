// SPDX-License-Identifier: Apache-2.0
// Numbers to text by each implementation, and by the standard library.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "digits.h"

namespace {

using Set = bool (*)(nek::ShortNumbers&, const uint64_t*, uint32_t);

void check(Set set, const std::vector<uint64_t>& values, uint32_t count, bool small) {
  nek::ShortNumbers numbers;
  if (set(numbers, values.data(), count) != small) std::abort();
  for (uint32_t i = 0; small && i < count; i++) {
    const std::string_view text(reinterpret_cast<const char*>(&numbers.text[i]), numbers.size[i]);
    if (text != std::to_string(values[i])) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto count = static_cast<uint32_t>(std::min<size_t>(size / 8, 32));
  std::vector<uint64_t> values(40);
  if (count) std::memcpy(values.data(), data, count * 8);
  bool small = true;
  for (uint32_t i = 0; i < count; i++) {
    if (size % 2) values[i] %= 200'000'000;
    small &= values[i] < 100'000'000;
    char text[nek::kMaxDigits + nek::kDigitsOverrun];
    if (std::string(text, nek::write_unsigned(text, values[i])) != std::to_string(values[i]))
      std::abort();
  }
  check(nek::detail::set_scalar, values, count, small);
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) check(nek::detail::set_avx2, values, count, small);
#endif
  return 0;
}
