// SPDX-License-Identifier: Apache-2.0
// Any header through parse_record_id: what is taken for an id is written as it came.
#include <cstdlib>
#include <string_view>

#include "kafka/record_id.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto id = nek::parse_record_id(text);
  if (!id) return 0;
  char digits[nek::kRecordIdDigits];
  const char* end = nek::write_record_id(digits, *id);
  if (std::string_view(digits, static_cast<size_t>(end - digits)) != text) std::abort();
  return 0;
}
