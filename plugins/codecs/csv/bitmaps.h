// SPDX-License-Identifier: Apache-2.0
// Bitmaps of where certain characters stand, 64 bytes at a time, and the positions of their bits.
// Most bytes are neither delimiter nor line end, and a vector unit passes over them many at once.
// Thread-safe: functions without state.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nek::csv {

// Of 64 bytes; the lowest bit is the first.
struct Bitmaps {
  uint64_t delimiters, newlines, quotes;
};

// Where positions are written. There is room for 64 more than there are bits.
struct BitPositions {
  uint32_t* all;       // of delimiters and line ends
  uint32_t* newlines;  // which of them are line ends: their index
  uint32_t count, newline_count;
};

// The same for different processors.
struct BitmapUnit {
  // Of `count` blocks of 64 bytes, all of which can be read.
  void (*find)(const char* bytes, size_t count, char delimiter, Bitmaps* bitmaps);
  // Appends the positions of bits, counted from `base`. Stops before a block with a bit of `quotes`
  // in quotes (all or none); returns how many blocks were done.
  size_t (*flatten)(const Bitmaps* bitmaps, size_t count, uint32_t base, uint64_t quotes,
                    BitPositions& positions);
};

// Those that this processor has, the fastest last.
std::vector<BitmapUnit> bitmap_units();

}  // namespace nek::csv
