// SPDX-License-Identifier: Apache-2.0
// PathPattern: a path with conversions of time, such as out/%Y%m%d/flows.ndjson.
// It says which time belongs to which file, and finds the files that were made by it.
// Thread-safe: read-only after parse().
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "nek/status.hpp"
#include "time_format.h"

namespace nek {

class PathPattern {
 public:
  // Times with the same path, [begin, end) in ms since 1970, UTC.
  struct Period {
    int64_t begin = std::numeric_limits<int64_t>::min();
    int64_t end = std::numeric_limits<int64_t>::max();
    bool holds(int64_t ms) const { return ms >= begin && ms < end; }
  };

  // Conversions: %Y %m %d %j %F %H %M %S, and %% for the sign itself.
  static Result<PathPattern> parse(std::string_view text);

  const std::string& text() const { return text_; }
  bool has_time() const { return unit_ != Unit::kNone; }
  Period period_of(int64_t ms) const;
  std::string expand(int64_t ms) const;
  // Files that this pattern could have made, numbered ones included.
  std::vector<std::string> find() const;

  // flows.ndjson.gz, 2: flows.2.ndjson.gz
  static std::string numbered(const std::string& path, uint32_t number);
  // Of flows.2.ndjson.gz 2 when `path` is flows.ndjson.gz, of this itself 0, of others -1.
  static int64_t number_of(std::string_view name, std::string_view path);

 private:
  enum class Unit : uint8_t { kNone, kYear, kMonth, kDay, kHour, kMinute, kSecond };

  void find_in(const std::string& folder, std::string_view rest,
               std::vector<std::string>& found) const;

  std::string text_;
  TimeFormat format_;
  Unit unit_ = Unit::kNone;
};

}  // namespace nek
