// SPDX-License-Identifier: Apache-2.0
// TimeFormat: writes times as text, by a format that is compiled once.
// Neighbouring records mostly share their second: its text is kept, and a record costs a copy.
// Thread-safe; a Cache is one thread's.
#pragma once
#include <cstdint>
#include <cstring>
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
    uint64_t begin_ms = 0, span_ms = 0;  // of the second; nothing was written yet
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
  char* write(char* out, int64_t ms, Cache& cache) const {
    if (is_number()) return write_millis(out, ms);
    uint64_t millis = static_cast<uint64_t>(ms) - cache.begin_ms;
    if (millis >= cache.span_ms) millis = write_second(ms, cache);
    const char* text = cache.text.data();
    std::memcpy(out, text, kCopied);
    if (cache.size > kCopied) std::memcpy(out + kCopied, text + kCopied, cache.size - kCopied);
    if (has_millis_) put_millis(out + cache.millis_at, static_cast<uint32_t>(millis));
    return out + cache.size;
  }

 private:
  struct Piece {
    char conversion;  // 0: literal
    std::string literal;
  };
  static Status parse(std::string_view format, std::vector<Piece>& pieces);
  // What of `ms` is behind the second.
  uint64_t write_second(int64_t ms, Cache& cache) const;
  static char* write_millis(char* out, int64_t ms);
  static void put_millis(char* out, uint32_t millis) {
    out[0] = static_cast<char>('0' + millis / 100);
    out[1] = static_cast<char>('0' + millis / 10 % 10);
    out[2] = static_cast<char>('0' + millis % 10);
  }

  static constexpr size_t kCopied = 32;  // at a time: a copy of a fixed size is the fastest

  std::vector<Piece> pieces_;
  std::optional<TimeZone> zone_;
  size_t max_size_ = kCopied;
  bool has_millis_ = false;
};

}  // namespace nek
