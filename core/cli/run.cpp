// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>

#include "cli/command.h"
#include "cli/load.h"
#include "cli/report.h"
#include "cli/summary.h"
#include "pipeline/scalar.h"
#include "runtime/pipeline.h"
#include "util/log.h"

namespace nek {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kLook{50};        // how soon a signal or the end is seen
constexpr milliseconds kRewrite{200};    // between two states of the line on a terminal
constexpr milliseconds kReport{10'000};  // between two lines of progress elsewhere

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

// Shows progress as a line that is written over on a terminal, as log lines elsewhere.
class ProgressView {
 public:
  ProgressView(const Pipeline& pipeline, bool quiet)
      : pipeline_(pipeline), quiet_(quiet), progress_(pipeline.progress()) {}
  ~ProgressView() { status_line(""); }
  ProgressView(const ProgressView&) = delete;
  ProgressView& operator=(const ProgressView&) = delete;

  void update() {
    if (quiet_ || Clock::now() < next_) return;
    const std::string line = progress_.line(pipeline_.progress());
    if (terminal_)
      status_line(line);
    else
      log_line(NEK_INFO, "", line);
    next_ += period_;
  }

 private:
  const Pipeline& pipeline_;
  const bool quiet_, terminal_ = isatty(STDERR_FILENO) != 0;
  const milliseconds period_ = terminal_ ? kRewrite : kReport;
  Clock::time_point next_ = Clock::now() + period_;
  Progress progress_;
};

enum class End : uint8_t { kOrderly, kSecondSignal, kTimeout };

End await_end(Pipeline& pipeline, const RunOptions& options) {
  const milliseconds timeout(pipeline.config().settings.shutdown_timeout_ms);
  std::optional<Clock::time_point> deadline;
  ProgressView view(pipeline, options.quiet);
  while (!pipeline.wait(kLook)) {
    while (signal_came()) {
      if (deadline) return End::kSecondSignal;
      deadline = Clock::now() + timeout;
      log_line(NEK_INFO, "", "stopping: what was read is delivered first; again to stop at once");
      pipeline.stop();
    }
    if (deadline && Clock::now() >= *deadline) return End::kTimeout;
    view.update();
  }
  return End::kOrderly;
}

// What nobody has acknowledged when the time to stop is over.
void log_unacknowledged(const Pipeline& pipeline) {
  log_line(
      NEK_ERROR, "",
      "not all was delivered within 'shutdown_timeout', " +
          format_duration(static_cast<int64_t>(pipeline.config().settings.shutdown_timeout_ms)) +
          "; the next run goes on from the last snapshot");
  const Ledger ledger = pipeline.ledger();
  for (size_t i = 0; i < ledger.outputs.size(); i++)
    if (const uint64_t left = ledger.outputs[i].in_flight())
      log_line(NEK_ERROR, pipeline.config().components[i].id,
               std::to_string(left) + " records are not acknowledged");
}

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
  const End end = await_end(*pipeline, options);
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
  pipeline->shut_down();
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
