// SPDX-License-Identifier: Apache-2.0
#include "util/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <mutex>
#include <string>

namespace nek {
namespace {

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>(
        "nek", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
    made->set_level(spdlog::level::info);
    return made;
  }();
  return *instance;
}

struct Terminal {
  std::mutex mutex;
  std::string status;
};
Terminal& terminal() {
  static Terminal instance;
  return instance;
}

size_t terminal_width() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col - 1u : 79;
}

void draw(std::string_view status) {
  status = status.substr(0, terminal_width());
  std::fprintf(stderr, "\r\033[K%.*s", static_cast<int>(status.size()), status.data());
  std::fflush(stderr);
}

spdlog::level::level_enum spdlog_level(int level) {
  switch (level) {
    case NEK_ERROR: return spdlog::level::err;
    case NEK_WARN: return spdlog::level::warn;
    case NEK_INFO: return spdlog::level::info;
    default: return spdlog::level::debug;
  }
}

}  // namespace

void set_log_level(int level) { logger().set_level(spdlog_level(level)); }

void log_line(int level, std::string_view component, std::string_view line) {
  if (!logger().should_log(spdlog_level(level))) return;
  const std::lock_guard lock(terminal().mutex);
  const std::string& status = terminal().status;
  if (!status.empty()) draw("");
  if (component.empty()) {
    logger().log(spdlog_level(level), "{}", line);
  } else {
    logger().log(spdlog_level(level), "{}: {}", component, line);
  }
  if (!status.empty()) draw(status);
}

void status_line(std::string_view text) {
  const std::lock_guard lock(terminal().mutex);
  if (text.empty() && terminal().status.empty()) return;
  terminal().status = text;
  draw(text);
}

}  // namespace nek
