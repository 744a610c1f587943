// SPDX-License-Identifier: Apache-2.0
// SpoolSegment: a file of a spool, as it is known without reading it again; SpoolFolder: where they
// lie; recover_spool: finds those that earlier runs left.
//
// Not thread-safe: a reader's thread uses them.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/spool_file.h"
#include "util/env.h"

namespace nek {

using SpoolSources = std::map<uint64_t, SpoolSource>;  // by number

struct SpoolSegment {
  struct Extent {  // of a source in it: what has to be committed before the segment may go
    uint64_t end = 0;
    bool ended = false;
  };
  uint64_t number = 0, size = 0;
  std::vector<SpoolHole> holes;
  std::map<uint64_t, Extent> extents;
  bool damaged = false;

  void note(const SpoolChunk& chunk, const SpoolSources& sources);
};

struct SpoolFolder {
  Env& env;
  const std::string path;
  std::string segment(uint64_t number, const char* suffix = ".spool") const;
  std::string reserve() const;
};

struct RecoveredSpool {
  SpoolSources sources;  // those that did not end are `cut`: they end with the last segment
  std::deque<SpoolSegment> segments;
  uint64_t next_source = 1, next_segment = 1;
  uint64_t bytes = 0, damaged_bytes = 0;
  bool has_reserve = false;
};
std::string bytes_text(uint64_t bytes);                                    // "1234 bytes"
using SpoolSay = std::function<void(int level, const std::string& what)>;  // to the log
// What cannot be read is set aside and reported, so this always comes to an end.
RecoveredSpool recover_spool(const SpoolFolder& folder, const SpoolSay& say);

}  // namespace nek
