// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "cli/attend.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/report.h"
#include "cli/summary.h"
#include "pipeline/scalar.h"
#include "runtime/pipeline.h"
#include "util/log.h"

namespace nek {
namespace {

using Clock = std::chrono::steady_clock;

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

// Logs what went wrong.
ExitCode outcome(const Pipeline& pipeline, const RunOptions& options,
                 const std::vector<std::string>& faults) {
  for (const std::string& fault : faults) log_line(NEK_ERROR, "", "ledger: " + fault);
  if (!pipeline.failure().empty()) {
    log_line(NEK_ERROR, "", pipeline.failure());
    return kExitFailed;
  }
  const std::string excess = too_many(pipeline, options.max_dead_letters);
  if (!excess.empty()) log_line(NEK_ERROR, "", excess);
  return faults.empty() && excess.empty() ? kExitOk : kExitIncomplete;
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
  const auto begin = Clock::now();
  if (const Status status = pipeline->start(); !status.ok()) {
    log_line(NEK_ERROR, "", status.message());
    return kExitFailed;
  }
  const End end = await_end(*pipeline, options.quiet);
  if (end == End::kSecondSignal) {
    log_line(NEK_WARN, "", "stopped at once; the next run goes on from the last snapshot");
    _exit(kExitInterrupted);  // like a crash, which the state is made for; nothing is waited for
  }
  const auto time = Clock::now() - begin;
  if (end == End::kTimeout) {
    log_unacknowledged(*pipeline);
    if (!options.quiet) std::fputs(summary(*pipeline, time).c_str(), stderr);
    if (!options.report.empty())
      (void)write_report(options.report, *pipeline, {kExitFailed, time, {}, {}});
    _exit(kExitFailed);  // as above: what does not deliver may not end either
  }
  // After a failure steps may still be running.
  std::vector<SummaryTable> tables;
  if (pipeline->failure().empty()) tables = pipeline->summaries();
  shut_down(*pipeline);
  if (!options.quiet)
    std::fputs((summary(*pipeline, time) + component_tables(tables)).c_str(), stderr);
  const auto faults = pipeline->ledger().faults(pipeline->graph(), pipeline->config());
  const ExitCode code = outcome(*pipeline, options, faults);
  if (options.report.empty()) return code;
  const Status written = write_report(options.report, *pipeline, {code, time, faults, tables});
  if (written.ok()) return code;
  log_line(NEK_ERROR, "", written.message());
  return kExitFailed;
}

}  // namespace nek
