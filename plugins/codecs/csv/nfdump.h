// SPDX-License-Identifier: Apache-2.0
// What nfdump prints: which fields its output formats have, and which of its lines are no flows.
// Every line tells its own format, so that the output of several calls may stand in one file.
// Thread-safe: functions without state.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "columns.h"
#include "nek/text.hpp"

namespace nek::csv {

// The columns that `format: nfdump` makes, in this order.
enum NfdumpColumn : uint8_t { kTs, kSa, kSp, kDa, kDp, kByte, kPkt, kOut, kPr, kFlg };
constexpr size_t kNfdumpColumns = 10;
struct NfdumpField {
  const char* name;
  FlowKind kind;
};
inline constexpr std::array<NfdumpField, kNfdumpColumns> kNfdumpFields = {{
    {"ts", FlowKind::kTime},
    {"sa", FlowKind::kAddress},
    {"sp", FlowKind::kPort},
    {"da", FlowKind::kAddress},
    {"dp", FlowKind::kPort},
    {"byte", FlowKind::kCount},
    {"pkt", FlowKind::kCount},
    {"out", FlowKind::kInterface},
    {"pr", FlowKind::kProtocol},
    {"flg", FlowKind::kFlags},
}};

// Of columns in which nfdump prints such values.
ColumnType type_of(FlowKind kind);

// One of nfdump's output formats.
struct NfdumpFormat {
  uint32_t fields;
  std::array<int8_t, kNfdumpColumns> at;  // the field of each column; -1: not printed
  bool icmp_is_a_number = false;          // type * 256 + code, in place of 3.10
  bool addresses_are_words = false;
  bool operator==(const NfdumpFormat&) const = default;
};
std::span<const NfdumpFormat> nfdump_formats();
constexpr size_t kFmt = 0, kFmtNoFlags = 1;  // of these the one with all columns, and but the last

// "2023-01-25 18:35:43"
inline bool begins_with_time(const char* line, uint32_t size) {
  return size >= 19 && line[0] >= '0' && line[0] <= '9' && line[4] == '-' && line[7] == '-' &&
         line[13] == ':';
}
// Most flows: with ten fields, blanks before the address, where the new csv has a duration, and
// behind the protocol, where other numbers have none.
inline bool is_fmt(const char* bytes, const uint32_t* ends, const Record& record) {
  return record.fields == kNfdumpColumns && bytes[ends[record.first] + 1] == ' ' &&
         !is_digit(bytes[ends[record.first + kPr] - 1]) &&
         begins_with_time(bytes + record.begin, record.end - record.begin);
}
// The same without flags: the protocol's blanks are the last, and the destination is an address, so
// that it is not this one that is missing.
inline bool is_fmt_without_flags(const char* bytes, const uint32_t* ends, const Record& record) {
  if (record.fields != kNfdumpColumns - 1 || bytes[record.end - 1] != ' ' ||
      bytes[ends[record.first] + 1] != ' ' ||
      !begins_with_time(bytes + record.begin, record.end - record.begin))
    return false;
  const std::string_view da = field(bytes, ends, record, kDa);
  return da.find('.') != std::string_view::npos || da.find(':') != std::string_view::npos;
}

// kUnclear: a flow, but without a header nobody can tell which columns it has.
enum class NfdumpLine : uint8_t { kFlow, kNoFlow, kHeader, kUnclear, kUnknown };
// What a record is, and of a flow the index of its format. Where fields are not separated by commas
// they are found here, and `record` becomes one of `index` that has them.
NfdumpLine classify_nfdump(const char* bytes, Record& record, Index& index, size_t& format);

// The names in a header: of fmt and of those formats that are lines of words it has no commas.
std::vector<std::string> nfdump_header(std::string_view line);
// The format of records with commas that a header tells: that of -o csv, also of a user's own
// (csv:%ts,%sa,...), or that of fmt.
std::optional<NfdumpFormat> nfdump_format_of(const std::vector<std::string>& header);
// Whether lines of words below this header have their columns where they are read.
bool is_header_of_words(const std::vector<std::string>& header);

}  // namespace nek::csv
