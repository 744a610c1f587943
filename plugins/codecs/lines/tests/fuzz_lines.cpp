// SPDX-License-Identifier: Apache-2.0
// Any bytes through the decoder: the same records and refusals wherever bytes are cut.
#include <cstdlib>
#include <iostream>
#include <string>

#include "nek/testing.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  nek::testing::Feed feed;
  feed.chunk = data[0] % 64 + 1;
  const nek_plugin& lines = nek::testing::find_plugin("lines");
  const auto whole = nek::testing::Decoder(lines, "").decode(bytes);
  const auto cut = nek::testing::Decoder(lines, "").decode(bytes, feed);
  if (whole.streams[0] == cut.streams[0] && whole.refused == cut.refused) return 0;
  std::cerr << "records depend on where bytes are cut\n";
  std::abort();
}
