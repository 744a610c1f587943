// SPDX-License-Identifier: Apache-2.0
// TimeFormat: writes times as text, by a format that is compiled once.
// Neighbouring records mostly share their second: its text is kept, and a record costs a copy.
// Thread-safe; a Cache is one thread's.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nek/status.hpp"

namespace nek {

class TimeFormat {
 public:
  static constexpr size_t kMaxSize = 128;  // of what write() writes, and of a format

  // The text of the last second that was written.
  struct Cache {
    int64_t second = INT64_MIN;
    uint32_t size = 0, millis_at = 0;
    char text[kMaxSize];
  };

  // "rfc3339" (2026-01-02T03:04:05.678Z), "epoch_millis", or conversions of strftime:
  // %Y %y %m %d %e %j %H %I %M %S %p %a %A %b %B %F %T %R %s %z %Z %%, and %L for milliseconds.
  static Result<TimeFormat> compile(std::string_view format);

  bool is_number() const { return pieces_.empty(); }  // epoch_millis
  // `ms` since 1970, UTC. Returns the end; `out` has room for kMaxSize bytes.
  char* write(char* out, int64_t ms, Cache& cache) const;

 private:
  struct Piece {
    char conversion;  // 0: literal
    std::string literal;
  };
  static Status parse(std::string_view format, std::vector<Piece>& pieces);
  void write_second(int64_t second, Cache& cache) const;

  std::vector<Piece> pieces_;
  bool millis_ = false;
};

}  // namespace nek
