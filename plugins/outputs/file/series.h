// SPDX-License-Identifier: Apache-2.0
// FileSeries: the files of one output, and what a snapshot holds of them.
// A file of a series is written as NAME.part, and gets its name when it is finished and all of it
// is in a complete snapshot: who looks for NAME finds a file that will not change any more, and a
// crash never leaves a wrong one. A single file is written under its own name for good. Not
// thread-safe.
//
//   write -> live ------------------> finished -------------------------> NAME
//             its period is over,               a snapshot with all of
//             or it is full                     it is complete
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exact_file.h"
#include "nek/status.hpp"
#include "path_pattern.h"

namespace nek {

enum class Compression : uint8_t { kAuto, kNone, kGzip, kZstd };

class FileSeries {
 public:
  struct Options {
    PathPattern pattern;
    bool single = true;
    uint64_t max_file_bytes = UINT64_MAX;  // a file that has them is full
    Compression compression = Compression::kNone;
    std::function<std::string_view()> header;  // what each file begins with
    std::function<void(const std::string&)> warn;
  };
  // What goes to the file of a time.
  struct Part {
    int64_t time_ms = 0;
    std::vector<std::string_view> pieces;
  };

  explicit FileSeries(Options options) : options_(std::move(options)) {}

  // Puts the files back to what a snapshot says; what came later is cut off or removed.
  Status restore(std::string_view state);
  bool has_single() const { return !live_.empty(); }
  // The single file, opened when there is none yet.
  Result<ExactFile*> single();

  // All parts, or none: the status is NEK_RETRY.
  Status write(std::span<const Part> parts);
  // No more records before this time are expected; INT64_MAX: none at all.
  void finish_until(int64_t time_ms);
  // Makes all durable; what the snapshot is to hold.
  Result<std::string> snapshot();
  // That snapshot is complete.
  void committed();
  // Gives finished files their names.
  void publish();

 private:
  struct Entry {
    std::string name;
    PathPattern::Period period;
    ExactFile file;
    uint64_t in_snapshot = 0;  // length in the last snapshot
    uint64_t committed = 0;    // length in the last complete snapshot
  };
  using EntryPtr = std::unique_ptr<Entry>;
  // What wrote the state that is restored.
  struct Before {
    bool single = false;
    bool same = false;  // all options about files were those of now
  };

  std::string state_header() const;
  std::string written_name(const std::string& name) const {
    return options_.single ? name : name + ".part";
  }
  Status restore_entry(std::string_view line, Before before);
  void remove_leftovers() const;
  Status write_part(const Part& part, std::vector<std::pair<Entry*, uint64_t>>& undo);
  Status append(ExactFile& file, std::vector<std::string_view> pieces);
  Result<Entry*> file_of(int64_t time_ms);
  void finish(std::map<int64_t, EntryPtr>::iterator live);
  std::string new_name(const PathPattern::Period& period) const;
  bool publish(Entry& entry) const;

  Options options_;
  std::map<int64_t, EntryPtr> live_;  // by the beginning of their period
  std::vector<EntryPtr> finished_;
  std::string compressed_;
};

}  // namespace nek
