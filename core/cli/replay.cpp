// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "cli/attend.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/summary.h"
#include "util/log.h"

namespace nek {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

ExitCode replay(const ReplayOptions& options) {
  set_log_level(options.log_level);
  take_signals();
  PipelineOptions pipeline_options;
  pipeline_options.replay = options.selection;
  const auto pipeline = make_pipeline(options.file, options.plugin_folders,
                                      {options.workers, options.data_dir}, pipeline_options);
  if (!pipeline) return kExitUsage;
  const auto begin = Clock::now();
  if (const Status status = pipeline->start(); !status.ok()) {
    log_line(NEK_ERROR, "", status.message());
    return kExitFailed;
  }
  const End end = await_end(*pipeline, options.quiet);
  if (end == End::kSecondSignal) {
    log_line(NEK_WARN, "", "stopped at once; the next replay goes on from the last snapshot");
    _exit(kExitInterrupted);
  }
  if (end == End::kTimeout) {
    log_unacknowledged(*pipeline);
    _exit(kExitFailed);
  }
  const auto time = Clock::now() - begin;
  shut_down(*pipeline);
  if (!options.quiet) std::fputs(replay_summary(*pipeline, time).c_str(), stderr);
  const std::string failure = pipeline->failure();
  if (!failure.empty()) {
    log_line(NEK_ERROR, "", failure);
    return kExitFailed;
  }
  const ReplayCounts counts = pipeline->replay_counts();
  return counts.impossible + pipeline->replay_refused() > 0 ? kExitIncomplete : kExitOk;
}

}  // namespace nek
