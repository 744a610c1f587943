// SPDX-License-Identifier: Apache-2.0
// Values that can't be parsed, and what becomes of their records: dead letters that say why.
// They are rare, so that columns are parsed without them in mind and once more when there are some.
// Thread-safe: functions without state.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "columns.h"

namespace nek::csv {

// Reasons of dead letters.
inline constexpr char kBadValue[] = "value";
inline constexpr char kBadQuote[] = "quote";

struct BadValue {
  static constexpr size_t kShown = 40;

  uint32_t row;
  const Column* column;
  const char* reason;
  std::string text;  // its beginning, kShown bytes
};

// The records without those that have a bad value; the first bad column of each is told.
std::span<Record> refuse_bad(std::vector<BadValue>& bad, std::span<Record> records,
                             std::vector<Refusal>& refusals);

}  // namespace nek::csv
