// SPDX-License-Identifier: Apache-2.0
// DataDir: the folder of what outlives a run of a pipeline: its state, dead letters and spools. One
// process at a time may use it.
//
// Not thread-safe: one thread at a time.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "nek/status.hpp"
#include "runtime/dead_letter.h"
#include "util/env.h"

namespace nek {

class DataDir {
 public:
  DataDir(Env& env, std::string path) : env_(env), path_(std::move(path)) {}

  Env& env() const { return env_; }
  const std::string& path() const { return path_; }
  std::string state_path() const { return inside("state"); }
  std::string dead_letter_path() const { return inside("dead-letters.ndjson"); }
  std::string spools_path() const { return inside("spool"); }
  std::string spool_path(std::string_view input) const;  // of the input with this id

  // Makes it when missing. Held as long as this lives.
  Status lock();
  // State and dead letters away to names of their own. What was set aside before stays.
  Status set_aside(DeadLetters& letters);

 private:
  std::string inside(std::string_view name) const;

  Env& env_;
  const std::string path_;
  std::unique_ptr<File> lock_;
};

}  // namespace nek
