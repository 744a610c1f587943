// SPDX-License-Identifier: Apache-2.0
#include "nfdump.h"

#include <algorithm>

#include "parse.h"

namespace nek::csv {

namespace {

constexpr NfdumpFormat kFormats[] = {
    // ts, sa, sp, da, dp, byte, pkt, out, pr, flg
    {10, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},     // fmt with %flg
    {9, {0, 1, 2, 3, 4, 5, 6, 7, 8, -1}},     // fmt without
    {48, {0, 3, 5, 4, 6, 12, 11, 16, 7, 8}},  // -o csv up to 1.7.4
    {10, {0, 3, 4, 5, 6, 8, 7, -1, 2, -1}},   // -o csv from 1.7.5 on
};
constexpr size_t kNewCsv = 3;

// "2023-01-25 18:35:43"
bool begins_with_time(std::string_view line) {
  return line.size() >= 19 && is_digit(line[0]) && line[4] == '-' && line[7] == '-' &&
         line[13] == ':';
}

// The new csv has the duration, where fmt has an address.
bool is_duration(std::string_view text) {
  return parse_number<double>(text) && std::count(text.begin(), text.end(), '.') == 1;
}

bool is_no_flow(std::string_view line, uint32_t fields) {
  static constexpr std::string_view kBegins[] = {"Date first seen",
                                                 "Summary",
                                                 "Time window:",
                                                 "Total flows processed:",
                                                 "Sys:",
                                                 "No matching flows",
                                                 "Top ",
                                                 "ts,te,td,",
                                                 "firstSeen,",
                                                 "flows,bytes,packets,",
                                                 "Aggregated flows"};
  for (const auto& begin : kBegins) {
    if (line.starts_with(begin)) return true;
  }
  // The totals below -o csv.
  return fields == 6 && line.find_first_not_of("0123456789,") == std::string_view::npos;
}

}  // namespace

std::span<const NfdumpFormat> nfdump_formats() { return kFormats; }

NfdumpLine classify_nfdump(std::string_view line, uint32_t fields, size_t& format) {
  if (!begins_with_time(line)) {
    return is_no_flow(line, fields) ? NfdumpLine::kNoFlow : NfdumpLine::kUnknown;
  }
  for (format = 0; format < std::size(kFormats); format++) {
    if (kFormats[format].fields == fields) break;
  }
  if (format == std::size(kFormats)) return NfdumpLine::kUnknown;
  if (format == 0) {
    std::string_view second = line.substr(line.find(',') + 1);
    second = trim(second.substr(0, second.find(',')));
    if (is_duration(second)) format = kNewCsv;
  }
  return NfdumpLine::kFlow;
}

}  // namespace nek::csv
