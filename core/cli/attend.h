// SPDX-License-Identifier: Apache-2.0
// What the verbs that run a pipeline have in common: they show progress, take signals, and come to
// an end whatever hangs.
// Not thread-safe: called on the main thread.
#pragma once
#include <functional>
#include <string>

#include "cli/command.h"
#include "cli/report.h"
#include "runtime/pipeline.h"

namespace nek {

// Before any thread begins: all of them inherit the mask, and only run_to_end takes signals.
void take_signals();

// What is the verb's own. Its functions are called at the end, on any thread, one at a time.
struct RunningVerb {
  const char* next = "the next run";  // what goes on from the last snapshot
  bool replays = false;
  bool quiet = false;          // no progress and no summary
  std::function<void()> tick;  // while it runs, some twenty times a second; may be missing
  std::function<std::string(const RunResult&)> summary;
  std::function<bool()> is_complete;  // every record arrived; it logs why not
  std::function<Status(const RunResult&)> report;
};

// Starts the pipeline and answers when it has ended. The first signal stops it in order; when
// shutdown_timeout is over, or at a second signal, the process ends here whatever hangs.
ExitCode run_to_end(Pipeline& pipeline, const RunningVerb& verb);

}  // namespace nek
