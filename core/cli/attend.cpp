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
#include "util/thread.h"

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
// shutdown_timeout, and is `asked`.
End await_end(Pipeline& pipeline, const RunningVerb& verb, bool& asked) {
  std::optional<Clock::time_point> deadline;
  ProgressView view(pipeline, verb.quiet);
  while (!pipeline.wait(kLook) && pipeline.failure().empty()) {
    while (signal_came()) {
      if (deadline) return End::kSecondSignal;
      deadline = Clock::now() + shutdown_timeout(pipeline);
      asked = true;
      log_line(NEK_INFO, "", "stopping: what was read is delivered first; again to stop at once");
      pipeline.stop();
    }
    if (deadline && Clock::now() >= *deadline) return End::kTimeout;
    view.update();
    if (verb.tick) verb.tick();
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

// Shuts the pipeline down, however long plugins take to end: all is delivered. But they are given
// up at a second signal; and where something failed, which may hold up the rest for good, at the
// first
// (`signalled`), or when shutdown_timeout is over.
void shut_down(Pipeline& pipeline, bool asked, const std::function<void(bool signalled)>& give_up) {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::thread watch = start_thread("ending", [&] {
    const bool failed = !pipeline.failure().empty();
    const auto deadline =
        failed ? Clock::now() + shutdown_timeout(pipeline) : Clock::time_point::max();
    bool hurries = failed || asked;
    std::unique_lock lock(mutex);
    while (!changed.wait_for(lock, kLook, [&] { return done; })) {
      const bool signalled = signal_came() && std::exchange(hurries, true);
      if (signalled || Clock::now() >= deadline) give_up(signalled);
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

void log_held_up(const Pipeline& pipeline, bool signalled) {
  const std::string by = pipeline.ending();
  log_line(NEK_ERROR, by,
           std::string(by.empty() ? "nek " : "") + "does not end" +
               (signalled ? "" : " within " + timeout_text(pipeline)) + ": it is not waited for");
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
  bool asked = false;
  const End end = await_end(pipeline, verb, asked);
  // Whoever does not wait ends like a crash, which the state is made for.
  const auto interrupt = [&](const std::string& when) {
    log_line(NEK_WARN, "",
             "stopped at once" + when + "; " + verb.next + " goes on from the last snapshot");
    _exit(kExitInterrupted);
  };
  if (end == End::kSecondSignal) interrupt("");
  RunResult result;
  result.time = Clock::now() - begin;
  if (end == End::kTimeout) {
    log_unacknowledged(pipeline, verb.next);
    _exit(conclude(pipeline, verb, result, true));
  }
  // After a failure steps may still be running.
  if (pipeline.failure().empty()) result.tables = pipeline.summaries();
  shut_down(pipeline, asked, [&](bool signalled) {
    if (pipeline.failure().empty()) interrupt(", before all plugins had ended");
    log_held_up(pipeline, signalled);
    _exit(conclude(pipeline, verb, result, false));
  });
  return conclude(pipeline, verb, result, false);
}

}  // namespace nek
