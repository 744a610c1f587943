// SPDX-License-Identifier: Apache-2.0
// DeadLetters: the records that nobody would take, in files that are exact after a crash like every
// other output.
//
// What a chunk adds belongs to its epoch, the number of snapshots before it. An epoch's lines wait
// aside and join the file when its snapshot is complete; so after a restart from that snapshot
// nothing is there twice. A file that has grown is put aside under a number and a new one begun:
// the oldest can be taken away whole, by a replay or because there is no more room.
//
//   dead-letters-000001.ndjson  dead-letters-000002.ndjson  dead-letters.ndjson
//   |<--- replayed --->|begin                        end|   |begin         end|
//
// Thread-safe.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "nek/status.hpp"
#include "pipeline/pipeline_config.h"
#include "util/env.h"
#include "util/hash.h"

namespace nek {

struct LetterSource;

// A part of the dead letters that lies in one file: bytes [begin, end), whole lines.
struct DeadLetterSegment {
  uint64_t number = 1;
  uint64_t begin = 0, end = 0;
  uint64_t letters = 0;
};

constexpr uint64_t kUnknownLetters = UINT64_MAX;  // of a state file that does not tell

// What a snapshot knows of them. The last segment is the file that grows.
struct DeadLetterState {
  std::vector<DeadLetterSegment> segments{DeadLetterSegment()};
  uint64_t dropped = 0;  // since the state began, because there was no room
  uint64_t letters() const;
  uint64_t bytes() const;
};

// Where the head of each source that has dead letters lies; `path`: of the file that grows.
std::string dead_letter_sources_path(const std::string& path);
// Where a segment lies that was put aside.
std::string numbered_letters_path(const std::string& path, uint64_t number);

class DeadLetters {
 public:
  // path: of the file that grows; beside it may lie PATH.0 and PATH.1, lines of epochs whose
  // snapshot is not complete.
  DeadLetters(Env& env, std::string path, DeadLetterRoom room)
      : env_(env), path_(std::move(path)), room_(room) {}

  // Cuts the files to what the last complete snapshot recorded and forgets what waited aside.
  Status restore(DeadLetterState state);
  // All files away to NAME + suffix: they belong to no state.
  Status set_aside(const std::string& suffix);
  // Adds a line, without its newline. An error when there is no more room.
  Status add(uint64_t epoch, std::string_view line);
  // How to read the source's records again; once for each source of a dead letter.
  void add_source(const LetterSource& source);
  // Appends what the epochs up to this one hold and makes it durable; what there is then. Letters
  // before `head` are replayed and go; NULL: none are.
  Result<DeadLetterState> commit(uint64_t epoch, const DeadLetterSegment* head = nullptr);
  // After the state file was replaced: the lines that commit() copied are not needed any more.
  void forget(uint64_t epoch);
  // The snapshot of this epoch failed: its lines belong to the next one's.
  void postpone(uint64_t epoch);
  // Puts the file that grows aside, so that all that is there can be replayed and what is added
  // lies elsewhere; what is there, without the new file. [before any add()]
  Result<std::vector<DeadLetterSegment>> begin_replay();

  // Where a file is that was put aside.
  std::string aside_path(uint64_t number) const;
  uint64_t count() const;    // lines added in this run
  uint64_t dropped() const;  // dropped in this run
  DeadLetterState committed() const;
  const std::string& path() const { return path_; }
  std::string sources_path() const;

 private:
  struct Epoch {
    std::string lines;           // not yet in `file`
    std::unique_ptr<File> file;  // only when there are many
    std::string path;
    uint64_t bytes = 0, letters = 0;
    uint64_t in_file = 0;   // bytes that are good
    uint64_t spill_at = 0;  // bytes of `lines`; later than else where the disk was full
  };
  Status open();
  Status spill(Epoch& of);
  Status spill_when_due(Epoch& of);
  Status append(uint64_t epoch);
  Status append_sources();
  Status count_growing();
  Status restore_sources();
  Status put_aside();
  void make_room(DeadLetterState& next) const;
  bool is_large();
  DeadLetterSegment& growing() { return state_.segments.back(); }

  Env& env_;
  const std::string path_;
  const DeadLetterRoom room_;
  mutable std::mutex mutex_;
  std::unique_ptr<File> file_;
  DeadLetterState state_;  // of the last complete snapshot, but for files put aside since
  DeadLetterState next_;   // as commit() answered
  std::map<uint64_t, Epoch> epochs_;
  std::set<Hash128> sources_;  // that the file of sources has
  std::string new_sources_;    // lines that it will have
  bool replaying_ = false;
  uint64_t pending_bytes_ = 0;  // of epochs_
  uint64_t count_ = 0, dropped_ = 0;
};

}  // namespace nek
