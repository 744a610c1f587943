// SPDX-License-Identifier: Apache-2.0
#include "cli/attend.h"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "cli/summary.h"
#include "pipeline/scalar.h"
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

enum class End : uint8_t { kOrderly, kSecondSignal, kTimeout };

}  // namespace

void take_signals() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is an error of that write
}

namespace {

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

milliseconds shutdown_timeout(const Pipeline& pipeline) {
  return milliseconds(pipeline.config().settings.shutdown_timeout_ms);
}
std::string timeout_text(const Pipeline& pipeline) {
  return "'shutdown_timeout', " + format_duration(shutdown_timeout(pipeline).count());
}

// Until the pipeline has ended or failed; the first signal stops it in order, within
// shutdown_timeout.
End await_end(Pipeline& pipeline, bool quiet) {
  std::optional<Clock::time_point> deadline;
  ProgressView view(pipeline, quiet);
  while (!pipeline.wait(kLook) && pipeline.failure().empty()) {
    while (signal_came()) {
      if (deadline) return End::kSecondSignal;
      deadline = Clock::now() + shutdown_timeout(pipeline);
      log_line(NEK_INFO, "", "stopping: what was read is delivered first; again to stop at once");
      pipeline.stop();
    }
    if (deadline && Clock::now() >= *deadline) return End::kTimeout;
    view.update();
  }
  return End::kOrderly;
}

// What nobody has acknowledged when the time to stop is over. Chunks that have not come to an
// output yet are not among it.
void log_unacknowledged(const Pipeline& pipeline, const char* next) {
  log_line(NEK_ERROR, "",
           "not all was delivered within " + timeout_text(pipeline) + "; " + next +
               " goes on from the last snapshot");
  const Ledger ledger = pipeline.ledger();
  for (size_t i = 0; i < ledger.outputs.size(); i++)
    if (const uint64_t left = ledger.outputs[i].in_flight())
      log_line(NEK_ERROR, pipeline.config().components[i].id,
               "at least " + std::to_string(left) + " records are not acknowledged");
}

// Shuts the pipeline down. What does not let it, it gives up: after a failure at the first signal,
// else at the second, or when shutdown_timeout is over.
void shut_down(Pipeline& pipeline, const std::function<void()>& give_up) {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::thread watch([&] {
    const auto deadline = Clock::now() + shutdown_timeout(pipeline);
    bool hurried = !pipeline.failure().empty();
    std::unique_lock lock(mutex);
    while (!changed.wait_for(lock, kLook, [&] { return done; })) {
      const bool signalled = signal_came() && std::exchange(hurried, true);
      if (!signalled && Clock::now() < deadline) continue;
      const std::string held_up_by = pipeline.ending();
      log_line(NEK_ERROR, held_up_by,
               std::string(held_up_by.empty() ? "nek " : "") + "does not end" +
                   (signalled ? "" : " within " + timeout_text(pipeline)) +
                   ": it is not waited for");
      give_up();
    }
  });
  pipeline.shut_down();
  {
    const std::lock_guard lock(mutex);
    done = true;
  }
  changed.notify_all();
  watch.join();
}

// Says how it went. What failed is in the log already.
ExitCode conclude(const Pipeline& pipeline, const RunningVerb& verb, RunResult result,
                  bool timed_out) {
  const bool failed = timed_out || !pipeline.failure().empty();
  if (!failed)
    result.faults = pipeline.ledger().faults(pipeline.graph(), pipeline.config(), verb.replays);
  if (!verb.quiet) std::fputs(verb.summary(result).c_str(), stderr);
  for (const std::string& fault : result.faults) log_line(NEK_ERROR, "", "ledger: " + fault);
  ExitCode code = kExitFailed;
  if (!failed) code = verb.is_complete() && result.faults.empty() ? kExitOk : kExitIncomplete;
  result.exit_code = code;
  const Status reported = verb.report ? verb.report(result) : Status();
  if (reported.ok()) return code;
  log_line(NEK_ERROR, "", reported.message());
  return kExitFailed;
}

}  // namespace

ExitCode run_to_end(Pipeline& pipeline, const RunningVerb& verb) {
  const auto begin = Clock::now();
  if (const Status status = pipeline.start(); !status.ok()) {
    log_line(NEK_ERROR, "", status.message());
    return kExitFailed;
  }
  const End end = await_end(pipeline, verb.quiet);
  // Whoever does not wait ends like a crash, which the state is made for.
  if (end == End::kSecondSignal) {
    log_line(NEK_WARN, "",
             std::string("stopped at once; ") + verb.next + " goes on from the last snapshot");
    _exit(kExitInterrupted);
  }
  RunResult result;
  result.time = Clock::now() - begin;
  if (end == End::kTimeout) {
    log_unacknowledged(pipeline, verb.next);
    _exit(conclude(pipeline, verb, result, true));
  }
  // After a failure steps may still be running.
  if (pipeline.failure().empty()) result.tables = pipeline.summaries();
  shut_down(pipeline, [&] { _exit(conclude(pipeline, verb, result, false)); });
  return conclude(pipeline, verb, result, false);
}

}  // namespace nek
