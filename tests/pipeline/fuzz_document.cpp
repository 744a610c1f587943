// SPDX-License-Identifier: Apache-2.0
// Any text must come out as a checked configuration or as printable messages, in bounded time and
// memory.
#include "fakes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const nek::fake::Result result = nek::fake::check(text, {{"A", "1"}, {"EMPTY", ""}});
  if (!result.config && result.messages.empty()) __builtin_trap();  // refused without a word
  return 0;
}
