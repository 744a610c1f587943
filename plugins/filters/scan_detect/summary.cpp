// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "alert_text.h"

namespace nek::scan {
namespace {

constexpr size_t kShown = 20;

std::string grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}
// The time of the day, UTC; with the day of the month where the table has several days.
std::string clock_text(uint32_t time, bool with_day) {
  const uint32_t minute = time / 60 % 1440;
  char text[32];
  std::snprintf(text, sizeof text, "%02u:%02u", minute / 60, minute % 60);
  if (!with_day) return text;
  const std::chrono::year_month_day date{
      std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(time)))};
  char day[48];
  std::snprintf(day, sizeof day, "%02u-%02u %s", unsigned(date.month()), unsigned(date.day()),
                text);
  return day;
}
std::string_view short_name(Direction direction) {
  static constexpr std::string_view kNames[] = {"-", "in", "out", "internal"};
  return kNames[static_cast<size_t>(direction)];
}

}  // namespace

void write_summary(const Detector& detector, uint64_t no_flags, Summary& to) {
  const auto all = detector.scanners(SIZE_MAX);
  const uint64_t alerts = detector.counts().alerts;
  const std::string title =
      all.empty() && alerts == 0 && no_flags > 0
          ? "no scan was found, but in " + grouped(no_flags) +
                " TCP flows without flags none can be seen"
      : all.empty() && alerts == 0 ? "nobody scanned"
      : all.empty()
          ? "nobody scanned in the last two windows; alerts of this run: " + grouped(alerts)
      : all.size() > kShown ? grouped(uint32_t(all.size())) + " scanners, the greatest " +
                                  std::to_string(kShown) + ":"
      : all.size() == 1 ? "1 scanner:"
                        : std::to_string(all.size()) + " scanners:";
  to.table(title.c_str(), {{"SOURCE", false},
                           {"CC", false},
                           {"CLASS", false},
                           {"DIR", false},
                           {"HOSTS", true},
                           {"PORTS", true},
                           {"HOURS", true},
                           {"FIRST", true},
                           {"LAST", true},
                           {"CONNECTED", false}});
  bool days = false;
  for (size_t i = 0; i < all.size() && i < kShown; i++)
    days |= all[i].source->first / 86400 != all[0].source->last_probe / 86400 ||
            all[i].source->last_probe / 86400 != all[0].source->last_probe / 86400;
  for (size_t i = 0; i < all.size() && i < kShown; i++) {
    const auto& [source, evidence, direction] = all[i];
    const std::string country = country_text(*source);
    to.row({source_text(*source), country.empty() ? "-" : country, name_of(source->type),
            short_name(direction), grouped(evidence.hosts), grouped(evidence.ports),
            std::to_string(evidence.hours), clock_text(source->first, days),
            clock_text(source->last_probe, days), source->connected_used ? "yes" : "no"});
  }
}

}  // namespace nek::scan
