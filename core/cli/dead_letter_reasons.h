// SPDX-License-Identifier: Apache-2.0
// The dead letters that a snapshot knows, line by line, and their reasons: so that a summary says
// what is wrong and not only how often.
// Thread-safe: functions without state.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "runtime/pipeline.h"

namespace nek {

// Calls `each` with each line but the first `skip`, oldest first, until it says false. `path`: of
// the file that grows. An error where a file is not as the snapshot says.
Status each_dead_letter(const std::string& path, const DeadLetterState& state, uint64_t skip,
                        const std::function<bool(const std::string&)>& each);

struct DeadLetterReason {
  std::string component, reason;
  uint64_t count = 0;
  std::string example;  // the first one: its line, what exactly was wrong, and the record
  int64_t first_ms = 0, last_ms = 0;
};

// Counts by component and reason.
class DeadLetterReasons {
 public:
  void add(const std::string& line);
  std::vector<DeadLetterReason> by_count() const;  // the most frequent first

 private:
  std::vector<DeadLetterReason> found_;
};

// Of the last `count` dead letters of a pipeline that has ended.
std::vector<DeadLetterReason> last_reasons(const Pipeline& pipeline, uint64_t count);

}  // namespace nek
