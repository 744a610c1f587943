// SPDX-License-Identifier: Apache-2.0
// Whatever the bytes, a decompressor ends, stays within its buffers and goes on where it stopped.
#include <array>
#include <cstdlib>

#include "../decompress.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t piece = 1 + data[0];
  const auto all = std::span(data + 1, size - 1);
  const std::string_view head(reinterpret_cast<const char*>(all.data()), all.size());
  const auto decompressor = nek::make_decompressor(head);
  if (!decompressor) return 0;
  std::array<uint8_t, 4096> out;
  size_t made = 0;
  for (size_t at = 0; made < size_t{1} << 20;) {
    const auto in = all.subspan(at, std::min(piece, all.size() - at));
    const auto step = decompressor->step(in, out);
    if (!step.ok()) break;
    if (step->taken > in.size() || step->made > out.size()) std::abort();
    if (step->made == 0 && step->taken == in.size() && at + in.size() == all.size()) break;
    if (step->made == 0 && step->taken == 0) std::abort();  // no progress
    at += step->taken;
    made += step->made;
  }
  return 0;
}
