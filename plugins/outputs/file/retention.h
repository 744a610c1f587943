// SPDX-License-Identifier: Apache-2.0
// Retention: removes the oldest finished files of a series, by age and by what all take together.
// It goes by the names on disk and not by what this process wrote, so that nothing is forgotten.
// Not thread-safe.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "path_pattern.h"

namespace nek {

struct RetentionLimits {
  std::optional<int64_t> keep_ms;           // since a file's last record was written
  std::optional<uint64_t> max_total_bytes;  // of finished files
};

// Folders that become empty go too.
void remove_old_files(const PathPattern& pattern, const RetentionLimits& limits, int64_t now_ms,
                      const std::function<void(const std::string&)>& warn);

}  // namespace nek
