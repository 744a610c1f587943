// SPDX-License-Identifier: Apache-2.0
// TimeZone converts between local time and UTC by the system's zone files.
// libc knows only one zone, the process's; ours is an option of each input and output.
// Thread-safe: read-only after load().
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "nek/status.hpp"

namespace nek {

class TimeZone {
 public:
  // Times with one offset, [begin, end). Neighbouring records mostly share it: keep the last one.
  struct Span {
    int64_t begin_ms = 1, end_ms = 0;  // empty
    int64_t offset_ms = 0;             // local - UTC
    int64_t twice_from_ms = 0;  // of a local span: from here on each time comes a second time
    bool holds(int64_t ms) const { return ms >= begin_ms && ms < end_ms; }
  };

  // "UTC", "Europe/Zurich"; what /usr/share/zoneinfo holds.
  static Result<TimeZone> load(std::string_view name);

  // Of an hour that comes twice the first is taken; one that is left out counts on.
  Span of_local(int64_t ms) const { return find(local_, ms); }
  Span of_utc(int64_t ms) const { return find(utc_, ms); }

 private:
  static Span find(const std::vector<Span>& spans, int64_t ms);

  std::vector<Span> local_, utc_;  // all times, in order
};

}  // namespace nek
