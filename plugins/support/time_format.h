// SPDX-License-Identifier: Apache-2.0
// TimeFormat: writes times as text, by a format that is compiled once.
// Neighbouring records mostly share their second: its text is kept, and a record costs a copy.
// Thread-safe; a Cache is one thread's.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nek/status.hpp"
#include "time_zone.h"

namespace nek {

class TimeFormat {
 public:
  // The text of the last second that was written.
  struct Cache {
    int64_t second = 0;
    size_t size = 0, millis_at = 0;
    std::vector<char> text;
    TimeZone::Span offset;
  };

  // "rfc3339" (2026-01-02T03:04:05.678Z, or with an offset), "epoch_millis", or conversions of
  // strftime: %Y %y %m %d %e %j %H %I %M %S %p %a %A %b %B %F %T %R %s %z %%; %L for milliseconds,
  // %:z for Z or +02:00. Without a zone all times are UTC.
  static Result<TimeFormat> compile(std::string_view format, std::optional<TimeZone> zone = {});

  bool is_number() const { return pieces_.empty(); }  // epoch_millis
  size_t max_size() const { return max_size_; }       // of what write() writes
  // `ms`: since 1970, UTC. Returns the end; `out` has room for max_size() bytes.
  char* write(char* out, int64_t ms, Cache& cache) const;

 private:
  struct Piece {
    char conversion;  // 0: literal
    std::string literal;
  };
  static Status parse(std::string_view format, std::vector<Piece>& pieces);
  void write_second(int64_t ms, Cache& cache) const;

  static constexpr size_t kCopied = 32;  // at a time: a copy of a fixed size is the fastest

  std::vector<Piece> pieces_;
  std::optional<TimeZone> zone_;
  size_t max_size_ = kCopied;
  bool millis_ = false;
};

}  // namespace nek
