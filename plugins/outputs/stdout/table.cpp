// SPDX-License-Identifier: Apache-2.0
#include "table.h"

#include <algorithm>

namespace nek {
namespace {

constexpr size_t kStep = 4;  // widths are multiples of it, so that they seldom change
constexpr size_t kGap = 2;   // between columns

// Whether a control character of Unicode, C0 or C1, begins here; a terminal must not get any.
bool is_control(std::string_view text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x20 || byte == 0x7F) return true;
  return byte == 0xC2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xA0;
}

std::string printable(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size(); at++) {
    if (!is_control(text, at)) {
      out += text[at];
      continue;
    }
    out += '.';
    if (static_cast<unsigned char>(text[at]) == 0xC2) at++;
  }
  return out;
}

// In characters, not bytes.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string cell_of(const JsonMember& member) {
  switch (member.kind) {
    case JsonKind::kNull: return "-";
    case JsonKind::kText:
      return printable(member.escaped ? unescape_json(member.value) : std::string(member.value));
    case JsonKind::kTexts: {
      std::string all;
      each_json_text(member.value, [&](std::string_view text, bool escaped) {
        all += (all.empty() ? "" : ",") + (escaped ? unescape_json(text) : std::string(text));
      });
      return printable(all);
    }
    default: return printable(member.value);
  }
}

// What a column should hold that has this value: addresses mostly come in all lengths.
size_t needed_width(std::string_view cell) {
  constexpr size_t kLongestAddress = 15;
  const bool address = std::count(cell.begin(), cell.end(), '.') == 3 &&
                       cell.find_first_not_of("0123456789.") == std::string_view::npos;
  return address ? kLongestAddress : width_of(cell);
}

void pad(std::string& out, size_t spaces) { out.append(spaces, ' '); }
void end_line(std::string& out) {
  out.erase(out.find_last_not_of(' ') + 1);
  out += '\n';
}

}  // namespace

void Table::add(std::string_view record, std::string& out) {
  if (!reader_.read_object(record)) {
    out += record;
    return;
  }
  const auto members = reader_.members();
  cells_.clear();
  for (const JsonMember& member : members) cells_.push_back(cell_of(member));
  const bool other = !begun_ || !has_columns(members);
  if (other) begin(members);
  for (size_t i = 0; i < columns_.size(); i++) {
    const size_t needed = std::max(needed_width(cells_[i]), width_of(columns_[i].name));
    columns_[i].width = std::max(columns_[i].width, (needed + kStep - 1) / kStep * kStep);
  }
  if (other) heading(out);
  begun_ = true;
  for (size_t i = 0; i < columns_.size(); i++) {
    const size_t spaces = columns_[i].width - width_of(cells_[i]);
    const bool number = members[i].kind == JsonKind::kNumber;
    if (number) pad(out, spaces);
    out += cells_[i];
    pad(out, kGap + (number ? 0 : spaces));
  }
  end_line(out);
}

bool Table::has_columns(std::span<const JsonMember> members) const {
  return std::equal(columns_.begin(), columns_.end(), members.begin(), members.end(),
                    [](const Column& column, const JsonMember& m) { return column.key == m.key; });
}

void Table::begin(std::span<const JsonMember> members) {
  columns_.clear();
  for (const JsonMember& member : members) {
    const std::string name =
        member.key_escaped ? unescape_json(member.key) : std::string(member.key);
    columns_.push_back({std::string(member.key), printable(name)});
  }
}

void Table::heading(std::string& out) const {
  if (begun_) out += '\n';
  for (const Column& column : columns_) {
    out += column.name;
    pad(out, column.width - width_of(column.name) + kGap);
  }
  end_line(out);
}

}  // namespace nek
