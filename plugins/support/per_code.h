// SPDX-License-Identifier: Apache-2.0
// PerCode: a value for each code of a dictionary, computed when the dictionary is first met.
// So a filter works once for each distinct value of a column and only looks up for each row.
// Not thread-safe; belongs to a lane.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "nek/plugin.h"

namespace nek {

template <class T>
class PerCode {
 public:
  // compute(code) makes the value. There is always one for code 0, which stands in null rows.
  template <class F>
  std::span<const T> of(const nek_dictionary& dictionary, F&& compute) {
    for (const Entry& entry : entries_) {
      if (entry.id == dictionary.id) return entry.values;
    }
    Entry& entry = free_entry();
    entry.id = dictionary.id;
    const uint32_t count = dictionary.values->rows;
    entry.values.assign(std::max(count, 1u), T{});
    for (uint32_t code = 0; code < count; code++) entry.values[code] = compute(code);
    return entry.values;
  }

 private:
  struct Entry {
    uint64_t id = 0;
    std::vector<T> values;
  };
  static constexpr size_t kKept = 8;  // dictionaries in turn, of several inputs

  Entry& free_entry() {
    if (entries_.size() < kKept) return entries_.emplace_back();
    return entries_[next_++ % kKept];
  }

  std::vector<Entry> entries_;
  size_t next_ = 0;
};

}  // namespace nek
