// SPDX-License-Identifier: Apache-2.0
#include "cli/attend.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/summary.h"
#include "util/log.h"

namespace nek {

ExitCode replay(const ReplayOptions& options) {
  set_log_level(options.log_level);
  take_signals();
  PipelineOptions pipeline_options;
  pipeline_options.replay = options.selection;
  const auto pipeline = make_pipeline(options.file, options.plugin_folders,
                                      {options.workers, options.data_dir}, pipeline_options);
  if (!pipeline) return kExitUsage;
  RunningVerb verb;
  verb.next = "the next replay";
  verb.replays = true;
  verb.quiet = options.quiet;
  verb.summary = [&](const RunResult& result) { return replay_summary(*pipeline, result.time); };
  verb.is_complete = [&] {
    return pipeline->replay_counts().impossible + pipeline->replay_refused() == 0;
  };
  return run_to_end(*pipeline, verb);
}

}  // namespace nek
