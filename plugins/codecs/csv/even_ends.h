// SPDX-License-Identifier: Apache-2.0
// EvenEnds: where the fields of a batch's records end, one column's in each loop.
// Thread-safe: a value.
#pragma once
#include <algorithm>
#include <cstdint>

#include "columns.h"

namespace nek::csv {

// The ends of all records' fields at equal distances, so that a loop over a column needs no record.
struct EvenEnds {
  const uint32_t* first;  // of the first record
  size_t fields;          // from a record's to the next one's

  // As they lie in the index, which mostly is so, or copied.
  static EvenEnds of(Call& call, const Batch& batch) {
    const uint32_t begin = batch.records.front().first, fields = batch.records.front().fields;
    uint32_t next = begin, most = fields;
    bool is_even = true;
    for (const Record& record : batch.records) {
      is_even &= record.first == next && record.fields == fields;
      most = std::max(most, record.fields);
      next += fields;
    }
    if (is_even) return {batch.ends + begin, fields};
    const auto copies = call.memory<uint32_t>(batch.records.size() * most);
    uint32_t* to = copies.data();
    for (const Record& record : batch.records) {
      std::copy_n(batch.ends + record.first, record.fields, to);
      to += most;
    }
    return {copies.data(), most};
  }
};

}  // namespace nek::csv
