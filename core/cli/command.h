// SPDX-License-Identifier: Apache-2.0
// The verbs of the nek program: what each is told, and what it answers.
// One file a verb; main.cpp alone knows how options are written.
// Not thread-safe: called once, on the main thread.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nek/plugin.h"
#include "runtime/replay.h"

namespace nek {

// docs/exit-codes.md says more; the numbers never change.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,         // something failed while it ran
  kExitUsage = 2,          // command line or configuration
  kExitIncomplete = 3,     // it finished, but not every record arrived
  kExitInterrupted = 130,  // stopped at once by a second signal
};

// More dead letters than this are exit code 3.
struct DeadLetterLimit {
  double number = 0;
  bool percent = false;  // of the records of the run
};

struct RunOptions {
  std::string file;
  std::vector<std::string> plugin_folders;
  std::optional<uint32_t> workers;                  // instead of the file's
  std::optional<std::string> data_dir;              // instead of the file's
  std::optional<DeadLetterLimit> max_dead_letters;  // instead of the file's
  std::string report;                               // a file for the figures as JSON; empty: none
  std::string metrics;  // a file for the figures while it runs; empty: none
  bool from_start = false;
  bool quiet = false;  // no progress and no summary
  int log_level = NEK_INFO;
};
ExitCode run(const RunOptions& options);

struct CheckOptions {
  std::string file;
  std::vector<std::string> plugin_folders;
  bool print = false;
  bool connect = false;
};
ExitCode check(const CheckOptions& options);

struct PluginsOptions {
  std::string name;  // empty: a list of all
  bool json = false;
  std::vector<std::string> plugin_folders;
};
ExitCode plugins(const PluginsOptions& options);

// Hands dead letters in again.
struct ReplayOptions {
  std::string file;
  LetterSelection selection;
  std::vector<std::string> plugin_folders;
  std::optional<uint32_t> workers;
  std::optional<std::string> data_dir;
  bool quiet = false;
  int log_level = NEK_INFO;
};
ExitCode replay(const ReplayOptions& options);

struct DeadLettersOptions {
  std::string file;  // or a data_dir
  LetterSelection selection;
  std::vector<std::string> plugin_folders;
  std::optional<std::string> data_dir;
  bool json = false;
  uint64_t limit = UINT64_MAX;
};
ExitCode list_dead_letters(const DeadLettersOptions& options);
ExitCode show_dead_letters(const DeadLettersOptions& options);

ExitCode version();

}  // namespace nek
