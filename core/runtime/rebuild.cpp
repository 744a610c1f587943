// SPDX-License-Identifier: Apache-2.0
#include "runtime/rebuild.h"

#include <cstring>
#include <limits>

namespace nek {
namespace {

using Values = std::vector<const LetterJson*>;

bool fits(nek_type type, const LetterJson& value) {
  if (value.is_null()) return true;
  switch (type) {
    case NEK_BOOL: return value.is_boolean();
    case NEK_UINT64: return value.is_number_unsigned();
    case NEK_INT64:
    case NEK_TIME:
      return value.is_number_integer() &&
             (!value.is_number_unsigned() ||
              value.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()});
    case NEK_DOUBLE: return value.is_number();
    case NEK_LIST:
    case NEK_DICT_LIST:
      if (!value.is_array()) return false;
      for (const LetterJson& item : value)
        if (!item.is_string()) return false;
      return true;
    case NEK_JSON: return value.is_string() && LetterJson::accept(value.get<std::string>());
    default: return value.is_string();
  }
}

void set_valid(nek_column& column, size_t row) {
  column.validity[row / 8] = static_cast<uint8_t>(column.validity[row / 8] | 1 << row % 8);
}

nek_column* empty_column(Arena& arena, nek_type type, const Values& values, size_t text_bytes) {
  nek_make make{};
  make.type = type;
  make.rows = static_cast<uint32_t>(values.size());
  make.nulls = true;
  make.text_bytes = text_bytes;
  nek_column* column = make_column(arena, make);
  std::memset(column->values, 0, value_bytes(type, values.size()));
  for (size_t row = 0; row < values.size(); row++)
    if (!values[row]->is_null()) set_valid(*column, row);
  return column;
}

nek_column* text_column(Arena& arena, nek_type type, const Values& values) {
  size_t bytes = 0;
  for (const LetterJson* value : values)
    if (value->is_string()) bytes += value->get_ref<const std::string&>().size();
  nek_column* column = empty_column(arena, type, values, bytes);
  auto* views = static_cast<nek_view*>(column->values);
  uint32_t used = 0;
  for (size_t row = 0; row < values.size(); row++) {
    if (!values[row]->is_string()) continue;
    const auto& text = values[row]->get_ref<const std::string&>();
    nek_view& view = views[row];
    view.in.size = static_cast<uint32_t>(text.size());
    if (text.size() <= sizeof view.in.bytes) {
      std::memcpy(view.in.bytes, text.data(), text.size());
      continue;
    }
    std::memcpy(view.out.prefix, text.data(), sizeof view.out.prefix);
    view.out.offset = used;
    std::memcpy(column->text[0].data + used, text.data(), text.size());
    used += static_cast<uint32_t>(text.size());
  }
  return column;
}

nek_column* list_column(Arena& arena, const Values& values) {
  Values items;
  for (const LetterJson* value : values)
    for (const LetterJson& item : *value) items.push_back(&item);
  nek_column* column = empty_column(arena, NEK_LIST, values, 0);
  column->items = text_column(arena, NEK_TEXT, items);
  auto* ends = static_cast<int32_t*>(column->values);
  for (size_t row = 0; row < values.size(); row++)
    ends[row + 1] = ends[row] + static_cast<int32_t>(values[row]->size());
  return column;
}

// A dictionary of its own, with a value a row.
nek_column* coded_column(Task& task, Arena& arena, nek_type type, const Values& values) {
  const nek_column* plain =
      type == NEK_DICT_LIST ? list_column(arena, values) : text_column(arena, NEK_TEXT, values);
  nek_column* column = empty_column(arena, type, values, 0);
  const HostDictionary* dictionary = make_dictionary(*plain);
  task.hold_dictionary(dictionary);
  release(dictionary);
  column->dictionary = dictionary;
  auto* codes = static_cast<int32_t*>(column->values);
  for (size_t row = 0; row < values.size(); row++)
    codes[row] = values[row]->is_null() ? 0 : static_cast<int32_t>(row);
  return column;
}

nek_column* plain_column(Arena& arena, nek_type type, const Values& values) {
  nek_column* column = empty_column(arena, type, values, 0);
  for (size_t row = 0; row < values.size(); row++) {
    const LetterJson& value = *values[row];
    if (value.is_null()) continue;
    switch (type) {
      case NEK_BOOL:
        if (value.get<bool>()) {
          auto* bits = static_cast<uint8_t*>(column->values);
          bits[row / 8] = static_cast<uint8_t>(bits[row / 8] | 1 << row % 8);
        }
        break;
      case NEK_UINT64: static_cast<uint64_t*>(column->values)[row] = value.get<uint64_t>(); break;
      case NEK_DOUBLE: static_cast<double*>(column->values)[row] = value.get<double>(); break;
      default: static_cast<int64_t*>(column->values)[row] = value.get<int64_t>();
    }
  }
  return column;
}

nek_column* column_of(Task& task, Arena& arena, nek_type type, const Values& values) {
  switch (type) {
    case NEK_TEXT:
    case NEK_JSON: return text_column(arena, type, values);
    case NEK_LIST: return list_column(arena, values);
    case NEK_DICT_TEXT:
    case NEK_DICT_LIST: return coded_column(task, arena, type, values);
    default: return plain_column(arena, type, values);
  }
}

}  // namespace

bool is_whole(const Letter::Columns& columns) {
  for (const auto& [name, value] : columns.values.items()) {
    const auto type = columns.types.find(name);
    if (type == columns.types.end() || !type->is_string() ||
        !fits(parse_letter_type(type->get<std::string>()), value))
      return false;
  }
  return columns.values.size() == columns.types.size();
}

RebuiltColumns rebuild_columns(Task& task, Arena& arena,
                               std::span<const Letter::Columns* const> rows) {
  RebuiltColumns rebuilt;
  const LetterJson& types = rows[0]->types;
  rebuilt.columns = arena.array<const nek_column*>(types.size());
  std::vector<nek_field> fields;
  for (const auto& [name, type_name] : types.items()) {
    const nek_type type = parse_letter_type(type_name.get<std::string>());
    Values values;
    for (const Letter::Columns* row : rows) values.push_back(&row->values.at(name));
    rebuilt.columns[fields.size()] = column_of(task, arena, type, values);
    fields.push_back({name.c_str(), type, 0});
  }
  rebuilt.schema = intern_schema(fields);
  return rebuilt;
}

Batch& rebuild_batch(Task& task, std::span<const Letter> letters) {
  std::vector<const Letter::Columns*> rows;
  for (const Letter& letter : letters) rows.push_back(&letter.record);
  const RebuiltColumns rebuilt = rebuild_columns(task, task.arena, rows);
  Batch& batch = task.batches.emplace_back();
  batch.c = {rebuilt.schema, static_cast<uint32_t>(letters.size()), rebuilt.columns};
  auto* ids = task.arena.zeroed<nek_id>(letters.size());
  for (size_t row = 0; row < letters.size(); row++)
    if (letters[row].id) ids[row] = *letters[row].id;
  batch.ids = ids;
  return batch;
}

}  // namespace nek
