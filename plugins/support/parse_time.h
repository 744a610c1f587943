// SPDX-License-Identifier: Apache-2.0
// Parses times that come as text: RFC 3339, the same with a blank in place of the T, and seconds.
// All are exact to the millisecond; further digits are cut off.
// Dates and clocks are parsed by hand, because the standard library's parsers take microseconds.
// Thread-safe: functions without state.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "nek/text.hpp"

namespace nek {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

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

// ms of seconds since 1970, with a fraction or not: 1591367999, 1591367999.305988, -1.5.
inline std::optional<int64_t> parse_epoch_seconds(std::string_view text) {
  const size_t dot = std::min(text.find('.'), text.size());
  const auto seconds = parse_number<int64_t>(text.substr(0, dot));
  int64_t ms = 0;
  if (!seconds || __builtin_mul_overflow(*seconds, 1000, &ms)) return std::nullopt;
  if (dot + 1 == text.size()) return std::nullopt;
  int64_t scale = text.starts_with('-') ? -100 : 100;
  for (size_t i = dot + 1; i < text.size(); i++, scale /= 10) {
    if (!is_digit(text[i])) return std::nullopt;
    if (__builtin_add_overflow(ms, scale * (text[i] - '0'), &ms)) return std::nullopt;
  }
  return ms;
}

}  // namespace nek
