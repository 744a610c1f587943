// SPDX-License-Identifier: Apache-2.0
// Whatever the bytes: what comes out is valid, and the same whether they come whole or in pieces.
#include <cstdio>
#include <cstdlib>

#include "nek/testing.hpp"

using nek::testing::Decoder;
using nek::testing::Emitted;
using nek::testing::Feed;
using nek::testing::find_plugin;

namespace {

constexpr const char* kOptions[] = {
    "format: nfdump",
    "{format: nfdump, icmp: true, timezone: Europe/Zurich}",
    "",
    "{header: no, columns: {t: text, d: dict, i: int64, u: uint64, r: double, b: bool, w: time}}",
    "{header: no, columns: {d: dict, u: uint64}, delimiter: ';', trim: true}",
};

Emitted decode(const char* options, std::string_view bytes, size_t chunk) {
  Feed feed;
  feed.chunk = chunk;
  return Decoder(find_plugin("csv"), options).decode(bytes, feed);
}

void expect_equal(std::string_view a, std::string_view b) {
  if (a == b) return;
  std::fprintf(stderr, "%s", nek::testing::detail::difference(a, b).c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const char* options = kOptions[data[0] % std::size(kOptions)];
  const size_t chunk = 1 + data[1];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Emitted whole = decode(options, bytes, SIZE_MAX), pieces = decode(options, bytes, chunk);
  if (whole.raw != pieces.raw) std::abort();
  expect_equal(whole.streams[0], pieces.streams[0]);
  expect_equal(whole.refused, pieces.refused);
  return 0;
}
