// SPDX-License-Identifier: Apache-2.0
// code_column() makes a dictionary column of codes, a negative one of which is null.
// Most columns have no null: then there is no bitmap to write, and none to look at for who reads
// it. Thread-safe: a function without state.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "nek/plugin.hpp"

namespace nek {

inline const nek_column& code_column(const Call& call, nek_type type,
                                     std::span<const int32_t> codes,
                                     const nek_dictionary* dictionary) {
  int32_t signs = 0;
  for (const int32_t code : codes) signs |= code;
  const bool nulls = signs < 0;
  nek_column& column = call.column(type, {.nulls = nulls, .dictionary = dictionary});
  auto* values = static_cast<int32_t*>(column.values);
  for (size_t row = 0; row < codes.size(); row++) values[row] = std::max(codes[row], 0);
  if (!nulls) return column;
  for (size_t row = 0; row < codes.size(); row += 8) {
    const size_t left = std::min<size_t>(8, codes.size() - row);
    uint32_t bits = 0;
    for (size_t i = 0; i < left; i++) bits |= (~static_cast<uint32_t>(codes[row + i]) >> 31) << i;
    column.validity[row / 8] = static_cast<uint8_t>(bits);
  }
  return column;
}

}  // namespace nek
