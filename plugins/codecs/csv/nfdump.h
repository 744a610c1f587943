// SPDX-License-Identifier: Apache-2.0
// What nfdump prints: which fields its output formats have, and which of its lines are no flows.
// Every line tells its own format, so that files of different calls may follow each other.
// Thread-safe: functions without state.
#pragma once
#include <array>
#include <span>
#include <string_view>

#include "columns.h"

namespace nek::csv {

// The columns that `format: nfdump` makes, in this order.
enum NfdumpColumn { kTs, kSa, kSp, kDa, kDp, kByte, kPkt, kOut, kPr, kFlg, kNfdumpColumns };
struct NfdumpField {
  const char* name;
  Kind kind;
};
inline constexpr std::array<NfdumpField, kNfdumpColumns> kNfdumpFields = {{
    {"ts", Kind::kTime},
    {"sa", Kind::kText},
    {"sp", Kind::kPort},
    {"da", Kind::kText},
    {"dp", Kind::kPort},
    {"byte", Kind::kCount},
    {"pkt", Kind::kCount},
    {"out", Kind::kUint64},
    {"pr", Kind::kDict},
    {"flg", Kind::kDict},
}};

// One of nfdump's output formats.
struct NfdumpFormat {
  uint32_t fields;
  std::array<int8_t, kNfdumpColumns> at;  // the field of each column; -1: not printed
};
std::span<const NfdumpFormat> nfdump_formats();

enum class NfdumpLine { kFlow, kNoFlow, kUnknown };
// What a line is; `fields`: how many it has. Of a flow, `format` is an index of nfdump_formats().
NfdumpLine classify_nfdump(std::string_view line, uint32_t fields, size_t& format);

}  // namespace nek::csv
