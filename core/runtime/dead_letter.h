// SPDX-License-Identifier: Apache-2.0
// DeadLetters: the file of records that nobody would take, exact after a crash like every other
// output.
//
// What a chunk adds belongs to its epoch, the number of snapshots before it. An epoch's lines wait
// aside and join the file when its snapshot is complete; so after a restart from that snapshot
// nothing is there twice.
//
// Thread-safe.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "nek/status.hpp"
#include "util/env.h"

namespace nek {

class DeadLetters {
 public:
  // path: of the file; beside it may lie PATH.0 and PATH.1, lines of epochs whose snapshot is not
  // complete.
  DeadLetters(Env& env, std::string path) : env_(env), path_(std::move(path)) {}

  // Cuts the file to what the last complete snapshot recorded and forgets what waited aside.
  Status restore(uint64_t length);
  // Adds a line, without its newline.
  Status add(uint64_t epoch, std::string_view line);
  // Appends what the epochs up to this one hold and makes it durable; the length of the file then.
  Result<uint64_t> commit(uint64_t epoch);
  // After the state file was replaced: the lines that commit() copied are not needed any more.
  void forget(uint64_t epoch);
  // The snapshot of this epoch failed: its lines belong to the next one's.
  void postpone(uint64_t epoch);
  uint64_t count() const;  // lines added in this run
  const std::string& path() const { return path_; }

 private:
  struct Epoch {
    std::string lines;           // not yet in `file`
    std::unique_ptr<File> file;  // only when there are many
    std::string path;
  };
  Status open();
  Status spill(Epoch& of);
  Status append(uint64_t epoch);

  Env& env_;
  const std::string path_;
  mutable std::mutex mutex_;
  std::unique_ptr<File> file_;
  uint64_t committed_ = 0;  // length of the file in the last complete snapshot
  std::map<uint64_t, Epoch> epochs_;
  uint64_t count_ = 0;
};

}  // namespace nek
