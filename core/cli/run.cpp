// SPDX-License-Identifier: Apache-2.0
#include "cli/attend.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/metrics_file.h"
#include "cli/report.h"
#include "cli/summary.h"
#include "pipeline/scalar.h"
#include "runtime/pipeline.h"
#include "util/log.h"

namespace nek {
namespace {

// Why there are too many dead letters; empty: there are not.
std::string too_many(const Pipeline& pipeline, const std::optional<DeadLetterLimit>& limit) {
  const uint64_t count = pipeline.dead_letters();
  const uint64_t setting = pipeline.config().settings.max_dead_letters;
  if (!limit)
    return count > setting
               ? "more dead letters than 'max_dead_letters' allows, " + std::to_string(setting)
               : "";
  const double share = limit->percent ? static_cast<double>(records_of_run(pipeline)) / 100 : 1;
  if (static_cast<double>(count) <= limit->number * share) return "";
  return "more dead letters than --max-dead-letters allows, " + format_real(limit->number) +
         (limit->percent ? "%" : "");
}

}  // namespace

ExitCode run(const RunOptions& options) {
  set_log_level(options.log_level);
  take_signals();
  PipelineOptions pipeline_options;
  pipeline_options.from_start = options.from_start;
  const auto pipeline = make_pipeline(options.file, options.plugin_folders,
                                      {options.workers, options.data_dir}, pipeline_options);
  if (!pipeline) return kExitUsage;
  RunningVerb verb;
  verb.quiet = options.quiet;
  verb.summary = [&](const RunResult& result) {
    return summary(*pipeline, result.time) + component_tables(result.tables);
  };
  verb.is_complete = [&] {
    const std::string excess = too_many(*pipeline, options.max_dead_letters);
    if (!excess.empty()) log_line(NEK_ERROR, "", excess);
    return excess.empty();
  };
  MetricsFile metrics(options.metrics, *pipeline);
  verb.tick = [&] { metrics.update(); };
  verb.report = [&](const RunResult& result) {
    const Status written = metrics.write();
    if (!written.ok()) log_line(NEK_WARN, "", written.message());
    return options.report.empty() ? Status() : write_report(options.report, *pipeline, result);
  };
  return run_to_end(*pipeline, verb);
}

}  // namespace nek
