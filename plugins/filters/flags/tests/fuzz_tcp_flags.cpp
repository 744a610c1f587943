// SPDX-License-Identifier: Apache-2.0
// Flags as text: whatever is taken, its letters, its hex and its number are taken for the same.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tcp_flags.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto mask = nek::parse_tcp_flags({reinterpret_cast<const char*>(data), size});
  if (!mask) return 0;
  std::string letters;
  for (size_t bit = nek::kTcpFlagLetters.size(); bit-- > 0;) {
    letters += *mask >> bit & 1 ? nek::kTcpFlagLetters[bit] : '.';
  }
  char hex[8];
  std::snprintf(hex, sizeof hex, "0x%x", unsigned{*mask});
  for (const std::string& text : {letters, std::string(hex), std::to_string(*mask)}) {
    if (nek::parse_tcp_flags(text) != mask) std::abort();
  }
  return 0;
}
