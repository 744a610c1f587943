// SPDX-License-Identifier: Apache-2.0
// What the runtime asks of all bytes that come in: whether they are ASCII, and where lines end.
// Thread-safe: pure functions.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nek {

// One way to look at many bytes at once.
struct ManyBytes {
  uint64_t (*newlines)(const uint8_t* data, size_t size);
  // Bytes at the beginning that are all ASCII: perhaps not up to the last of them.
  size_t (*ascii)(const uint8_t* data, size_t size);
};

// Those that this processor has, the fastest last.
std::vector<ManyBytes> many_bytes_units();

uint64_t count_newlines(const uint8_t* data, size_t size);
bool all_valid_utf8(const uint8_t* data, size_t size);

}  // namespace nek
