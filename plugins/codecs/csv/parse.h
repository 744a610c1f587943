// SPDX-License-Identifier: Apache-2.0
// Parsers of single values: numbers with nfdump's units, ports with an ICMP code, times.
// They are for what the loops of columns.cpp do not recognise at a glance.
// All take text from outside and answer nothing where it is not wholly what they expect.
// Thread-safe: functions without state.
#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "nek/text.hpp"
#include "parse_time.h"

namespace nek::csv {

inline std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

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

inline std::optional<uint64_t> parse_interface(std::string_view text) {
  return parse_number<uint32_t>(text);
}

// Of TCP, as letters and dots (...AP...; nfdump 1.6 printed six), or as a number.
inline bool has_flag_letters(std::string_view text) {
  return (text.size() == 6 || text.size() == 8) &&
         text.find_first_not_of(".CEUAPRSF") == std::string_view::npos;
}
inline bool is_flags(std::string_view text) {
  if (has_flag_letters(text) || parse_number<uint8_t>(text)) return true;
  return text.starts_with("0x") && text.size() > 2 && text.size() <= 4 &&
         text.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string_view::npos;
}

// 6, or a name, which nfdump cuts: TCP, ICMP6, AX.25, TP++. Not what other columns hold.
inline bool is_protocol(std::string_view text) {
  const auto is_letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  if (std::none_of(text.begin(), text.end(), is_letter)) return bool(parse_number<uint8_t>(text));
  const bool is_flags = has_flag_letters(text) && text.find('.') != std::string_view::npos;
  return text.find_first_of(": ") == std::string_view::npos && !is_flags && !text.starts_with("0x");
}

constexpr int64_t kMaxRawTime = 253'402'300'799'999;  // the end of 9999, in ms

// nfdump prints ICMP's type and code in place of the destination port: 3.10 is type 3, code 10.
constexpr uint64_t kMostPort = 65535;
struct Port {
  uint64_t number;  // the port, up to kMostPort, or the type
  std::optional<uint64_t> code;
};
// nfdump's -o csv and -o pipe print both as one number: type * 256 + code.
inline Port icmp_port(uint64_t number) { return {number >> 8, number & 255}; }
inline std::optional<Port> parse_port(std::string_view text) {
  const size_t dot = text.find('.');
  const auto number = parse_number<uint16_t>(text.substr(0, dot));
  if (!number) return std::nullopt;
  if (dot == std::string_view::npos) return Port{*number, std::nullopt};
  const auto code = parse_number<uint8_t>(text.substr(dot + 1));
  if (!code || *number > UINT8_MAX) return std::nullopt;
  return Port{*number, *code};
}

// A time as nfdump prints it: of its own zone, except that raw ones (%tsr) are s since 1970, UTC,
// and csv-fast's are ms. A flow without a start has 0 or 0000-00-00.
struct Time {
  int64_t ms;
  bool is_local;
};
inline std::optional<Time> parse_plain_time(std::string_view text) {
  if (text.size() < 19 || (text[10] != ' ' && text[10] != 'T')) return std::nullopt;
  const auto date = parse_date(text.data());
  text.remove_prefix(11);
  const auto clock = parse_clock(text);
  if (!date || !clock) return std::nullopt;
  if (text.empty()) return Time{*date + *clock, true};
  const auto offset = parse_offset(text);
  if (!offset) return std::nullopt;
  return Time{*date + *clock - *offset, false};
}
inline std::optional<Time> parse_flow_time(std::string_view text) {
  if (text.starts_with("0000-00-00")) return Time{0, false};
  if (const auto time = parse_plain_time(text)) return time;
  const size_t dot = text.find('.');
  const auto number = parse_number<int64_t>(text.substr(0, dot));
  if (!number || *number < 0 || *number > kMaxRawTime) return std::nullopt;
  if (dot == std::string_view::npos) return Time{*number, false};
  const auto fraction = text.substr(dot + 1);
  const auto ms = parse_number<uint16_t>(fraction);
  if (!ms || fraction.size() != 3) return std::nullopt;
  return Time{*number * 1000 + *ms, false};
}

}  // namespace nek::csv
