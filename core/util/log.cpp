// SPDX-License-Identifier: Apache-2.0
#include "util/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

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
  if (component.empty()) {
    logger().log(spdlog_level(level), "{}", line);
  } else {
    logger().log(spdlog_level(level), "{}: {}", component, line);
  }
}

}  // namespace nek
