// SPDX-License-Identifier: Apache-2.0
// Bitmaps of where certain characters stand, 64 bytes at a time: what scanning begins with.
// Most bytes are neither delimiter nor line end, and a vector unit passes over them many at once.
// Thread-safe: functions without state.
#pragma once
#include <cstddef>
#include <cstdint>

namespace nek::csv {

// The lowest bit is the first byte.
struct Masks {
  uint64_t delimiters, newlines, quotes;
};

// Of `count` blocks of 64 bytes, all of which can be read.
using MaskFunction = void (*)(const char* bytes, size_t count, char delimiter, Masks* masks);
void masks_by_bytes(const char* bytes, size_t count, char delimiter, Masks* masks);
#ifdef __x86_64__
void masks_by_sse2(const char* bytes, size_t count, char delimiter, Masks* masks);
void masks_by_avx2(const char* bytes, size_t count, char delimiter, Masks* masks);
#endif
// The fastest that this processor has.
MaskFunction best_masks();

}  // namespace nek::csv
