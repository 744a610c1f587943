// SPDX-License-Identifier: Apache-2.0
#include "bad_values.h"

#include <algorithm>

namespace nek::csv {

namespace {

const char* expected(const Column& column) {
  constexpr const char* kTimeText = "a time like 2023-01-25 18:35:43.884";
  switch (column.flow) {
    case FlowKind::kNone: break;
    case FlowKind::kTime: return kTimeText;
    case FlowKind::kAddress: return "UTF-8";
    case FlowKind::kWords: return "an address of four numbers";
    case FlowKind::kProtocol: return "a protocol's name, or its number from 0 to 255";
    case FlowKind::kFlags: return "TCP flags like ...AP..., 0x18 or 24";
    case FlowKind::kCount: return "a number like 930 or 4.5 M";
    case FlowKind::kInterface: return "an interface's number from 0 to 4294967295";
    case FlowKind::kPort:
    case FlowKind::kIcmpType:
    case FlowKind::kIcmpCode:
      return "a port from 0 to 65535, or an ICMP type and code like 3.10, up to 255 each";
  }
  switch (column.type) {
    case ColumnType::kText:
    case ColumnType::kDict: return "UTF-8";
    case ColumnType::kTime: return kTimeText;
    default: return info_of(column.type).expected;
  }
}

// Printable whatever the bytes were, also where a character is cut.
std::string shown(std::string text) {
  const bool is_utf8 = valid_utf8(text);
  for (char& c : text) {
    const bool is_ascii = static_cast<unsigned char>(c) < 0x80;
    if (c == '\x7f' || (is_ascii ? c < ' ' : !is_utf8)) c = '?';
  }
  return text;
}

std::string explain(const BadValue& bad) {
  const std::string what = bad.column->name + ": '" + shown(bad.text) + "' is ";
  if (bad.reason == kBadQuote) return what + "not closed by a quote at the field's end";
  return what + "not " + expected(*bad.column);
}

}  // namespace

std::span<Record> refuse_bad(std::vector<BadValue>& bad, std::span<Record> records,
                             std::vector<Refusal>& refusals) {
  std::stable_sort(bad.begin(), bad.end(),
                   [](const BadValue& a, const BadValue& b) { return a.row < b.row; });
  std::vector<bool> is_bad(records.size());
  for (const BadValue& one : bad) {
    if (is_bad[one.row]) continue;
    is_bad[one.row] = true;
    const Record& record = records[one.row];
    refusals.push_back({{record.begin, record.end - record.begin}, one.reason, explain(one)});
  }
  size_t good = 0;
  for (size_t row = 0; row < records.size(); row++) {
    if (!is_bad[row]) records[good++] = records[row];
  }
  return records.first(good);
}

}  // namespace nek::csv
