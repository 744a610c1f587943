// SPDX-License-Identifier: Apache-2.0
// Numbers, durations and sizes as users write them, and back.
// One place decides what "5s" and "64KiB" mean, for options, for their ranges and for printing.
// Pure functions; any thread.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nek {

// Nothing: the text is no such value.
std::optional<int64_t> parse_integer(std::string_view text);
std::optional<double> parse_real(std::string_view text);
std::optional<int64_t> parse_duration(
    std::string_view text);                                 // "200ms" "5s" "10m" "2h" "14d"; in ms
std::optional<int64_t> parse_bytes(std::string_view text);  // "4096" "64KiB" "1MiB" "4GB"

std::string format_real(double value);
std::string format_duration(int64_t ms);
std::string format_bytes(int64_t bytes);

// Whether `value` lies within "LOW..HIGH", both included and both optional; `parse` reads the
// bounds.
template <class T, class Parse>
bool in_range(std::string_view range, T value, Parse parse) {
  const size_t dots = range.find("..");
  if (dots == std::string_view::npos) return true;
  const auto low = parse(range.substr(0, dots)), high = parse(range.substr(dots + 2));
  return (!low || value >= *low) && (!high || value <= *high);
}

}  // namespace nek
