// SPDX-License-Identifier: Apache-2.0
// Tables: batches as text and back, so that tests say literally what goes in and comes out.
// The first line names columns and types, each further line is a row; a null may be left out:
//
//   {"sa": "text", "bytes": "uint64", "flg": "dict_list", "ts": "time"}
//   {"sa": "10.0.0.1", "bytes": 12, "flg": ["S", "A"], "ts": "2026-01-02T03:04:05.678Z"}
//
// Types: bool int64 uint64 double time text json list dict_text dict_list.
// Not thread-safe.
#pragma once
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "nek/arena.hpp"
#include "nek/batch.hpp"
#include "nek/plugin.h"
#include "nek/testing/node.hpp"
#include "nek/text.hpp"

namespace nek::testing {

inline constexpr std::string_view kTypeNames[] = {"",       "bool",      "int64",    "uint64",
                                                  "double", "time",      "text",     "json",
                                                  "list",   "dict_text", "dict_list"};

inline std::string_view type_name(nek_type type) { return kTypeNames[type]; }
inline nek_type parse_type(std::string_view name) {
  for (nek_type type = NEK_BOOL; type <= NEK_DICT_LIST; type++) {
    if (kTypeNames[type] == name) return type;
  }
  throw std::runtime_error("unknown column type '" + std::string(name) + "'");
}

// ---- Times
// ---------------------------------------------------------------------------------------

inline std::string format_time(int64_t ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> time{milliseconds(ms)};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", int(date.year()),
                unsigned(date.month()), unsigned(date.day()), int(clock.hours().count()),
                int(clock.minutes().count()), int(clock.seconds().count()),
                int(clock.subseconds().count()));
  return text;
}
// As format_time() writes it; the milliseconds may be missing. Or a number of ms.
inline int64_t parse_time(const std::string& text) {
  using namespace std::chrono;
  if (const auto ms = parse_number<int64_t>(text)) return *ms;
  int y, mo, d, h, mi, s, ms = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &y, &mo, &d, &h, &mi, &s, &ms) <
      6) {
    throw std::runtime_error("not a time: " + text);
  }
  const sys_days day = year(y) / month(unsigned(mo)) / unsigned(d);
  return milliseconds(day.time_since_epoch() + hours(h) + minutes(mi) + seconds(s) +
                      milliseconds(ms))
      .count();
}

// ---- Text to batch
// -------------------------------------------------------------------------------

// What a table needs of a host.
struct TableServices {
  Arena& arena;
  std::function<const nek_dictionary*(const nek_column&)> dictionary;
  std::function<const nek_schema*(const std::vector<nek_field>&)> schema;
};

namespace detail {

using Cells = std::vector<const Node*>;  // of one column; nullptr: null

inline nek_column& make(Arena& arena, nek_type type, size_t rows, nek_make more = {}) {
  more.type = type;
  more.rows = static_cast<uint32_t>(rows);
  return *make_column(arena, more);
}
inline size_t long_text_bytes(const std::vector<std::string>& texts) {
  size_t bytes = 0;
  for (const auto& text : texts) bytes += text.size();
  return bytes;
}
inline nek_column& text_column(Arena& arena, const std::vector<std::string>& texts) {
  nek_make more{};
  more.text_bytes = long_text_bytes(texts);
  nek_column& column = make(arena, NEK_TEXT, texts.size(), more);
  TextWriter writer(column);
  for (uint32_t row = 0; row < texts.size(); row++) writer.set(row, texts[row]);
  return column;
}
inline nek_column& list_column(Arena& arena, const std::vector<std::vector<std::string>>& lists) {
  std::vector<std::string> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  nek_column& items = text_column(arena, all);
  nek_make more{};
  more.items = &items;
  nek_column& column = make(arena, NEK_LIST, lists.size(), more);
  auto* ends = static_cast<int32_t*>(column.values);
  ends[0] = 0;
  for (size_t row = 0; row < lists.size(); row++)
    ends[row + 1] = ends[row] + int32_t(lists[row].size());
  return column;
}
template <class T>
T cell_number(const Node& cell) {
  const auto number = parse_number<T>(cell.text);
  if (!number || cell.quoted) throw std::runtime_error("not a number of this type: " + cell.source);
  return *number;
}
inline std::string cell_text(const Node& cell) {
  if (cell.kind != Node::Kind::kScalar) throw std::runtime_error("not a text: " + cell.source);
  return cell.text;
}
inline std::vector<std::string> cell_list(const Node& cell) {
  if (cell.kind != Node::Kind::kList) throw std::runtime_error("not a list: " + cell.source);
  std::vector<std::string> list;
  list.reserve(cell.items.size());
  for (const Node& item : cell.items) list.push_back(cell_text(item));
  return list;
}
template <class Writer, class Read>
void fill(Writer writer, const Cells& cells, Read read) {
  for (uint32_t row = 0; row < cells.size(); row++) {
    if (cells[row]) {
      writer.set(row, read(*cells[row]));
    } else {
      writer.null(row);
    }
  }
}
// Each row's value once, in the order of appearance, and the rows' codes.
template <class Value>
std::vector<Value> distinct(const Cells& cells, Value (*read)(const Node&),
                            std::vector<int32_t>& codes) {
  std::vector<Value> values;
  for (const Node* cell : cells) {
    codes.push_back(0);
    if (!cell) continue;
    const auto value = read(*cell);
    const auto at = std::find(values.begin(), values.end(), value);
    codes.back() = static_cast<int32_t>(at - values.begin());
    if (at == values.end()) values.push_back(value);
  }
  return values;
}
inline const nek_column* typed_column(const TableServices& services, nek_type type,
                                      const Cells& cells) {
  Arena& arena = services.arena;
  nek_make more{};
  more.nulls = std::find(cells.begin(), cells.end(), nullptr) != cells.end();
  const auto plain = [&]() -> nek_column& { return make(arena, type, cells.size(), more); };
  nek_column* column = nullptr;
  std::vector<int32_t> codes;
  switch (type) {
    case NEK_BOOL:
      fill(BoolWriter(*(column = &plain())), cells,
           [](const Node& c) { return cell_text(c) == "true"; });
      return column;
    case NEK_INT64:
      fill(Int64Writer(*(column = &plain())), cells, cell_number<int64_t>);
      return column;
    case NEK_UINT64:
      fill(Uint64Writer(*(column = &plain())), cells, cell_number<uint64_t>);
      return column;
    case NEK_DOUBLE:
      fill(DoubleWriter(*(column = &plain())), cells, cell_number<double>);
      return column;
    case NEK_TIME:
      fill(TimeWriter(*(column = &plain())), cells,
           [](const Node& c) { return parse_time(cell_text(c)); });
      return column;
    case NEK_TEXT:
    case NEK_JSON:
      for (const Node* cell : cells)
        more.text_bytes += cell ? cell->source.size() + cell->text.size() : 0;
      fill(TextWriter(*(column = &plain())), cells,
           [&](const Node& c) { return type == NEK_TEXT ? cell_text(c) : c.source; });
      return column;
    case NEK_LIST: {
      std::vector<std::vector<std::string>> lists;
      for (const Node* cell : cells)
        lists.push_back(cell ? cell_list(*cell) : std::vector<std::string>());
      column = &list_column(arena, lists);
      if (!more.nulls) return column;
      column->validity = arena.zeroed<uint8_t>(bitmap_words(cells.size()) * 8);
      for (size_t i = 0; i < cells.size(); i++) {
        if (cells[i]) column->validity[i / 8] |= static_cast<uint8_t>(1u << (i % 8));
      }
      return column;
    }
    case NEK_DICT_TEXT:
      more.dictionary = services.dictionary(text_column(arena, distinct(cells, cell_text, codes)));
      break;
    default:
      more.dictionary = services.dictionary(list_column(arena, distinct(cells, cell_list, codes)));
      break;
  }
  CodeWriter writer(*(column = &plain()));
  for (uint32_t row = 0; row < cells.size(); row++) {
    if (cells[row]) {
      writer.set(row, codes[row]);
    } else {
      writer.null(row);
    }
  }
  return column;
}

inline void skip_blank_lines(std::string_view& text) {
  while (!text.empty() && (text.front() == '\n' || text.front() == ' ' || text.front() == '\r')) {
    text.remove_prefix(1);
  }
}
inline Node next_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  Node node = parse_node(text.substr(0, end));
  if (node.kind != Node::Kind::kMap) {
    throw std::runtime_error("not an object: " + std::string(text.substr(0, end)));
  }
  text.remove_prefix(end);
  skip_blank_lines(text);
  return node;
}

}  // namespace detail

inline const nek_batch* parse_table(const TableServices& services, std::string_view text) {
  detail::skip_blank_lines(text);
  const Node header = detail::next_line(text);
  std::vector<Node> rows;
  while (!text.empty()) rows.push_back(detail::next_line(text));
  for (const Node& row : rows) {
    for (const Node& cell : row.items) {
      if (!header.find(cell.key)) {
        throw std::runtime_error("no column '" + cell.key + "' in the first line");
      }
    }
  }
  std::vector<nek_field> fields;
  auto** columns = services.arena.array<const nek_column*>(header.items.size() + 1);
  for (const Node& type : header.items) {
    detail::Cells cells;
    for (const Node& row : rows) {
      const Node* cell = row.find(type.key);
      cells.push_back(cell && cell->kind != Node::Kind::kNull ? cell : nullptr);
    }
    columns[fields.size()] = detail::typed_column(services, parse_type(type.text), cells);
    fields.push_back({type.key.c_str(), parse_type(type.text), 0});
  }
  auto* batch = services.arena.zeroed<nek_batch>(1);
  *batch = {services.schema(fields), static_cast<uint32_t>(rows.size()), columns};
  return batch;
}

// ---- Batch to text
// -------------------------------------------------------------------------------

inline void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    static constexpr std::string_view kSpecial = "\"\\\n\r\t", kNames = "\"\\nrt";
    if (const size_t i = kSpecial.find(c); i != std::string_view::npos) {
      out += {'\\', kNames[i]};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", c);
      out += code;
    } else {
      out += c;
    }
  }
  out += '"';
}
template <class T>
void append_number(std::string& out, T value) {
  char text[32];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}
inline void append_cell(std::string& out, const nek_column& column, uint32_t row) {
  if (!nek_has(&column, row)) {
    out += "null";
    return;
  }
  switch (column.type) {
    case NEK_BOOL: out += BoolView(column)[row] ? "true" : "false"; break;
    case NEK_INT64: append_number(out, Int64View(column)[row]); break;
    case NEK_UINT64: append_number(out, Uint64View(column)[row]); break;
    case NEK_DOUBLE: append_number(out, DoubleView(column)[row]); break;
    case NEK_TIME: append_string(out, format_time(TimeView(column)[row])); break;
    case NEK_JSON: out += TextView(column)[row]; break;
    case NEK_TEXT:
    case NEK_DICT_TEXT: append_string(out, TextView(column)[row]); break;
    default: {
      const TextList list = ListView(column)[row];
      out += '[';
      for (uint32_t i = 0; i < list.size(); i++) {
        if (i) out += ',';
        append_string(out, list[i]);
      }
      out += ']';
    }
  }
}
inline std::string format_row(const nek_schema& schema, const nek_column* const* columns,
                              uint32_t row) {
  std::string out = "{";
  for (uint32_t c = 0; c < schema.count; c++) {
    if (c) out += ',';
    append_string(out, schema.fields[c].name);
    out += ':';
    append_cell(out, *columns[c], row);
  }
  return out + "}\n";
}
// The first line of a table.
inline std::string format_types(const nek_schema& schema) {
  std::string out = "{";
  for (uint32_t c = 0; c < schema.count; c++) {
    if (c) out += ',';
    append_string(out, schema.fields[c].name);
    out += ':';
    append_string(out, type_name(schema.fields[c].type));
  }
  return out + "}\n";
}

}  // namespace nek::testing
