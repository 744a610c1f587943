// SPDX-License-Identifier: Apache-2.0
// The reasons of a run's dead letters, so that its summary says what is wrong and not only how
// often.
// Thread-safe: a function without state.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace nek {

struct DeadLetterReason {
  std::string component, reason;
  uint64_t count = 0;
  std::string example;  // the first one: its line, what exactly was wrong, and the record
};

// Of the last `count` lines of the file, the most frequent first.
std::vector<DeadLetterReason> dead_letter_reasons(const std::string& path, uint64_t count);

}  // namespace nek
