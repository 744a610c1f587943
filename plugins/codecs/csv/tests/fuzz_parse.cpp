// SPDX-License-Identifier: Apache-2.0
// What is recognised at a glance is what the parsers say, and no parser reads past its text.
#include <cstdlib>
#include <string>

#include "../glance.h"
#include "../numbers.h"
#include "../parse.h"

using namespace nek::csv;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of its own, so that a read past its end is found; glances get the padding of chunks.
  const std::string text(reinterpret_cast<const char*>(data), std::min<size_t>(size, 64));
  const std::string_view trimmed = trim(text);
  const auto number = nek::parse_number<uint64_t>(trimmed);
  const auto time = parse_plain_time(text);
  (void)parse_count(text);
  (void)parse_port(text);
  (void)parse_flow_time(text);

  const std::string padded = "12345678" + text + std::string(64, '9');
  const auto end = static_cast<uint32_t>(8 + text.size());
  const uint64_t last_eight = number_text(padded.data(), 8, end);
  for (const NumbersReader read : numbers_readers()) {
    uint64_t value = 0, wrong = 0;
    const uint64_t any_wrong = read(&last_eight, 1, &value, &wrong);
    if (any_wrong != wrong || (!wrong && value != number)) std::abort();
  }
  if (number_text(padded.data() + 8, 0, end - 8) != last_eight) std::abort();
  MinuteCache cache;
  for (int times = 0; times < 2; times++) {  // the second time its minute is known
    int64_t ms = 0;
    const bool is_known = glance_time(padded.data() + 8, end - 8, cache, ms);
    if (is_known && (!time || ms != time->ms)) std::abort();
  }
  return 0;
}
