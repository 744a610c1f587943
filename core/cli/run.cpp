// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>

#include "cli/command.h"
#include "cli/load.h"
#include "cli/summary.h"
#include "runtime/pipeline.h"
#include "util/log.h"

namespace nek {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kLook{50};           // how soon a signal or the end is seen
constexpr std::chrono::seconds kReport{5};  // between two lines of progress

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

// Before any thread begins: all of them inherit the mask, and only await_end takes signals.
void take_signals() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is an error of that write
}

bool signal_came() {
  const sigset_t set = stop_signals();
  const timespec none{};
  return sigtimedwait(&set, nullptr, &none) > 0;
}

// False: a second signal came.
bool await_end(Pipeline& pipeline, const RunOptions& options) {
  bool stopping = false;
  auto next_report = Clock::now() + kReport;
  Progress progress(pipeline.progress().records);
  while (!pipeline.wait(kLook)) {
    while (signal_came()) {
      if (stopping) return false;
      stopping = true;
      log_line(NEK_INFO, "", "stopping: what was read is delivered first; again to stop at once");
      pipeline.stop();
    }
    if (options.quiet || Clock::now() < next_report) continue;
    next_report += kReport;
    log_line(NEK_INFO, "", progress.line(pipeline.progress()));
  }
  return true;
}

ExitCode outcome(const Pipeline& pipeline, const std::vector<std::string>& faults) {
  if (!pipeline.failure().empty()) {
    log_line(NEK_ERROR, "", pipeline.failure());
    return kExitFailed;
  }
  const uint64_t limit = pipeline.config().settings.max_dead_letters;
  if (pipeline.dead_letters() > limit)
    log_line(NEK_ERROR, "",
             "more dead letters than 'max_dead_letters' allows, " + std::to_string(limit));
  const bool complete = faults.empty() && pipeline.dead_letters() <= limit;
  return complete ? kExitOk : kExitIncomplete;
}

std::unique_ptr<Pipeline> make_pipeline(const RunOptions& options, const Registry& registry) {
  Loaded loaded = load_pipeline(options.file, registry);
  std::unique_ptr<Pipeline> pipeline;
  if (loaded.config) {
    PipelineConfig& config = *loaded.config;
    if (options.workers) config.settings.workers = *options.workers;
    if (options.data_dir) config.settings.data_dir = *options.data_dir;
    PipelineOptions pipeline_options;
    pipeline_options.data_dir = data_dir_of(config);
    pipeline_options.from_start = options.from_start;
    pipeline = Pipeline::make(std::move(config), pipeline_options, loaded.diagnostics);
  }
  show(loaded.diagnostics);
  return pipeline;
}

}  // namespace

ExitCode run(const RunOptions& options) {
  set_log_level(options.log_level);
  take_signals();
  const Registry registry = load_registry(options.plugin_folders);
  const std::unique_ptr<Pipeline> pipeline = make_pipeline(options, registry);
  if (!pipeline) return kExitUsage;
  const auto begin = Clock::now();
  if (const Status status = pipeline->start(); !status.ok()) {
    log_line(NEK_ERROR, "", status.message());
    return kExitFailed;
  }
  if (!await_end(*pipeline, options)) {
    log_line(NEK_WARN, "", "stopped at once; the next run goes on from the last snapshot");
    _exit(kExitInterrupted);  // like a crash, which the state is made for; nothing is waited for
  }
  pipeline->shut_down();
  const auto faults = pipeline->ledger().faults(pipeline->graph(), pipeline->config());
  if (!options.quiet) std::fputs(summary(*pipeline, Clock::now() - begin).c_str(), stderr);
  for (const std::string& fault : faults) log_line(NEK_ERROR, "", "ledger: " + fault);
  return outcome(*pipeline, faults);
}

}  // namespace nek
