// SPDX-License-Identifier: Apache-2.0
#include "pipeline/scalar.h"

#include <charconv>
#include <cmath>
#include <span>

#include "nek/text.hpp"

namespace nek {
namespace {

struct Unit {
  std::string_view name;
  int64_t factor;
};
constexpr Unit kDurations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
constexpr Unit kSizes[] = {{"", 1},
                           {"KiB", int64_t{1} << 10},
                           {"MiB", int64_t{1} << 20},
                           {"GiB", int64_t{1} << 30},
                           {"TiB", int64_t{1} << 40},
                           {"B", 1},
                           {"kB", 1000},
                           {"KB", 1000},
                           {"MB", 1'000'000},
                           {"GB", 1'000'000'000},
                           {"TB", 1'000'000'000'000}};
constexpr size_t kPrintedSizes = 5;               // those above that sizes are printed in
constexpr double kMaxExact = 9007199254740992.0;  // 2^53: beyond it a double skips integers

// A decimal number followed by a unit, as a whole number of the smallest unit.
std::optional<int64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  double number = 0;
  const char* text_end = text.data() + text.size();
  const auto [end, error] =
      std::from_chars(text.data(), text_end, number, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  const std::string_view name(end, static_cast<size_t>(text_end - end));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    const double value = number * static_cast<double>(unit.factor);
    const double whole = std::round(value);
    if (!(value >= 0 && value <= kMaxExact) || std::abs(value - whole) > 1e-6) return std::nullopt;
    return static_cast<int64_t>(whole);
  }
  return std::nullopt;
}

// In the largest unit that divides it; `units` grow.
std::string format_with_unit(int64_t value, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units)
    if (value != 0 && value % unit.factor == 0) best = &unit;
  return std::to_string(value / best->factor) + std::string(best->name);
}

}  // namespace

std::optional<int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  return parse_number<int64_t>(text);
}

std::optional<double> parse_real(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const std::optional<double> value = parse_number<double>(text);
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return value;
}

std::optional<int64_t> parse_duration(std::string_view text) {
  if (text == "0") return 0;
  return parse_with_unit(text, kDurations);
}

std::optional<int64_t> parse_bytes(std::string_view text) { return parse_with_unit(text, kSizes); }

std::string format_real(double value) {
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, result.ptr};
}

std::string format_duration(int64_t ms) { return format_with_unit(ms, kDurations); }

std::string format_bytes(int64_t bytes) {
  return format_with_unit(bytes, std::span(kSizes).first(kPrintedSizes));
}

}  // namespace nek
