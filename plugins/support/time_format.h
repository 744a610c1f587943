// SPDX-License-Identifier: Apache-2.0
// TimeFormat: writes times as text, by a format that is compiled once.
// Records mostly share their seconds with others near them, in whatever order they come: the texts
// of the last ones are kept, and a record costs a copy. Thread-safe; a Cache is one thread's.
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
  // The texts of seconds that were written, by the last digits of their number.
  struct Cache {
    static constexpr size_t kSeconds = 128;
    struct Second {
      int64_t second = INT64_MIN;  // of no time: nothing was written yet
      uint32_t size = 0, millis_at = 0;
    };
    std::vector<Second> seconds;
    std::vector<char> texts;  // of each: max_size() bytes
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
    const int64_t second = second_of(ms);
    const size_t slot = static_cast<size_t>(second) % Cache::kSeconds;
    if (cache.seconds.empty() || cache.seconds[slot].second != second) write_second(ms, cache);
    const Cache::Second& kept = cache.seconds[slot];
    const char* text = cache.texts.data() + slot * max_size_;
    std::memcpy(out, text, kCopied);
    if (kept.size > kCopied) std::memcpy(out + kCopied, text + kCopied, kept.size - kCopied);
    if (has_millis_) put_millis(out + kept.millis_at, millis_of(ms, second));
    return out + kept.size;
  }

 private:
  struct Piece {
    char conversion;  // 0: literal
    std::string literal;
  };
  static Status parse(std::string_view format, std::vector<Piece>& pieces);
  static int64_t second_of(int64_t ms) { return ms / 1000 - (ms % 1000 < 0); }
  // Modulo 2^64: the second of the first time there is begins before it.
  static uint32_t millis_of(int64_t ms, int64_t second) {
    return static_cast<uint32_t>(static_cast<uint64_t>(ms) - static_cast<uint64_t>(second) * 1000);
  }
  void write_second(int64_t ms, Cache& cache) const;
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
