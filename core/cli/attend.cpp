// SPDX-License-Identifier: Apache-2.0
#include "cli/attend.h"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string_view>

#include "cli/command.h"
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
constexpr std::string_view kLeft =
    "nek: stopped at once, before all plugins had ended; the next run goes on from the last "
    "snapshot\n";

volatile std::sig_atomic_t asked_to_stop = 0;

void on_signal(int) {
  if (!asked_to_stop) {  // it is stopping already
    asked_to_stop = 1;
    return;
  }
  (void)!write(STDERR_FILENO, kLeft.data(), kLeft.size());
  _exit(kExitInterrupted);
}

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

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

}  // namespace

End await_end(Pipeline& pipeline, bool quiet) {
  const milliseconds timeout(pipeline.config().settings.shutdown_timeout_ms);
  std::optional<Clock::time_point> deadline;
  ProgressView view(pipeline, quiet);
  while (!pipeline.wait(kLook)) {
    while (signal_came()) {
      if (deadline) return End::kSecondSignal;
      deadline = Clock::now() + timeout;
      asked_to_stop = 1;
      log_line(NEK_INFO, "", "stopping: what was read is delivered first; again to stop at once");
      pipeline.stop();
    }
    if (deadline && Clock::now() >= *deadline) return End::kTimeout;
    view.update();
  }
  return End::kOrderly;
}

void shut_down(Pipeline& pipeline) {
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  const sigset_t set = stop_signals();
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  pipeline.shut_down();
}

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

}  // namespace nek
