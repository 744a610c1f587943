// SPDX-License-Identifier: Apache-2.0
// Parsers of single values: numbers with nfdump's units, ports with an ICMP code, times.
// All take text from outside and answer nothing where it is not wholly what they expect.
// Thread-safe: functions without state.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "nek/text.hpp"

namespace nek::csv {

inline std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A plain number, or one with a unit as nfdump prints it: 4.5 M, 8286623.3 T (base 1000).
inline std::optional<uint64_t> parse_count(std::string_view text) {
  if (const auto plain = parse_number<uint64_t>(text)) return plain;
  static constexpr std::string_view kUnits = "KMGTPE";
  const size_t unit = text.size() >= 3 ? kUnits.find(text.back()) : std::string_view::npos;
  if (unit == std::string_view::npos || text[text.size() - 2] != ' ') return std::nullopt;
  text.remove_suffix(2);
  const size_t dot = text.find('.');
  uint64_t factor = 1000;
  for (size_t i = 0; i < unit; i++) factor *= 1000;
  unsigned __int128 value = 0;
  for (size_t i = 0; i < text.size(); i++) {
    if (i == dot) continue;
    if (!is_digit(text[i]) || value > UINT64_MAX) return std::nullopt;
    if (i > dot && factor % 10 != 0) return std::nullopt;
    if (i > dot) factor /= 10;
    value = value * 10 + static_cast<unsigned>(text[i] - '0');
  }
  if (dot == 0 || dot + 1 == text.size() || value > UINT64_MAX / factor) return std::nullopt;
  return static_cast<uint64_t>(value) * factor;
}

// nfdump prints ICMP's type and code in place of the destination port: 3.10 is type 3, code 10.
struct Port {
  uint64_t number;  // the port, or the type
  std::optional<uint64_t> code;
};
inline std::optional<Port> parse_port(std::string_view text) {
  const size_t dot = text.find('.');
  const auto number = parse_number<uint64_t>(text.substr(0, dot));
  if (!number) return std::nullopt;
  if (dot == std::string_view::npos) return Port{*number, std::nullopt};
  const auto code = parse_number<uint64_t>(text.substr(dot + 1));
  if (!code) return std::nullopt;
  return Port{*number, code};
}

// Two digits, or a number above 99.
inline unsigned two_digits(const char* at) {
  const auto tens = static_cast<unsigned>(at[0] - '0'), ones = static_cast<unsigned>(at[1] - '0');
  return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}

// ms of a date's midnight since 1970: "2023-01-25".
inline std::optional<int64_t> parse_date(const char* text) {
  using namespace std::chrono;
  if (text[4] != '-' || text[7] != '-') return std::nullopt;
  const unsigned century = two_digits(text), of_century = two_digits(text + 2);
  const unsigned month = two_digits(text + 5), day = two_digits(text + 8);
  if (century > 99 || of_century > 99) return std::nullopt;
  const year_month_day date{year(static_cast<int>(century * 100 + of_century)),
                            std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  return duration_cast<milliseconds>(sys_days(date).time_since_epoch()).count();
}

// ms since midnight: "18:35:43", with a fraction or not; the rest of `text` is left in it.
inline std::optional<int64_t> parse_clock(std::string_view& text) {
  if (text.size() < 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
  const unsigned hour = two_digits(text.data()), minute = two_digits(text.data() + 3);
  const unsigned second = two_digits(text.data() + 6);
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  int64_t ms = ((hour * 60 + minute) * 60 + second) * int64_t{1000};
  text.remove_prefix(8);
  if (text.empty() || text[0] != '.') return ms;
  text.remove_prefix(1);
  int64_t scale = 100;
  size_t digits = 0;
  for (; digits < text.size() && is_digit(text[digits]); digits++, scale /= 10) {
    ms += (text[digits] - '0') * scale;
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return ms;
}

// ms that "Z", "+02:00" or "-0330" stand for.
inline std::optional<int64_t> parse_offset(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.size() == 6 && text[3] == ':') {
    const char digits[] = {text[0], text[1], text[2], text[4], text[5]};
    return parse_offset({digits, sizeof digits});
  }
  if (text.size() != 5 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const unsigned hours = two_digits(text.data() + 1), minutes = two_digits(text.data() + 3);
  if (hours > 23 || minutes > 59) return std::nullopt;
  const int64_t ms = (hours * 60 + minutes) * int64_t{60000};
  return text[0] == '-' ? -ms : ms;
}

// ms since 1970 UTC. With an offset (RFC 3339) that counts; without one the time is UTC.
inline std::optional<int64_t> parse_time(std::string_view text) {
  if (text.size() < 19 || (text[10] != ' ' && text[10] != 'T')) return std::nullopt;
  const auto date = parse_date(text.data());
  text.remove_prefix(11);
  const auto clock = parse_clock(text);
  if (!date || !clock) return std::nullopt;
  if (text.empty()) return *date + *clock;
  const auto offset = parse_offset(text);
  if (!offset) return std::nullopt;
  return *date + *clock - *offset;
}

}  // namespace nek::csv
