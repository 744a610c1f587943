// SPDX-License-Identifier: Apache-2.0
#include "runtime/binding.h"

#include <cstring>
#include <string_view>

#include "pipeline/host_columns.h"
#include "runtime/origin.h"

namespace nek {
namespace {

enum : int32_t { kNull = -1, kSource = -2, kPosition = -3, kLine = -4 };

int32_t made_by_host(std::string_view name) {
  if (name == kSourceColumn.name) return kSource;
  if (name == kPositionColumn.name) return kPosition;
  if (name == kLineColumn.name) return kLine;
  return kNull;
}

nek_type lowest_type(uint32_t types) { return static_cast<nek_type>(__builtin_ctz(types)); }

template <class T>
void gather(void* to, const void* from, std::span<const uint32_t> rows) {
  auto* out = static_cast<T*>(to);
  const auto* in = static_cast<const T*>(from);
  for (size_t i = 0; i < rows.size(); i++) out[i] = in[rows[i]];
}

void gather_bits(uint8_t* to, const uint8_t* from, std::span<const uint32_t> rows) {
  for (size_t i = 0; i < rows.size(); i++)
    to[i / 8] |= static_cast<uint8_t>((from[rows[i] / 8] >> (rows[i] % 8) & 1) << (i % 8));
}

void gather_list(Arena& arena, nek_column& to, const nek_column& from,
                 std::span<const uint32_t> rows) {
  const auto* in = static_cast<const int32_t*>(from.values);
  auto* out = static_cast<int32_t*>(to.values);
  size_t count = 0;
  for (const uint32_t row : rows) count += static_cast<size_t>(in[row + 1] - in[row]);
  auto* at = arena.array<uint32_t>(count);
  out[0] = 0;
  int32_t used = 0;
  for (size_t i = 0; i < rows.size(); i++) {
    for (int32_t item = in [rows[i]]; item < in[rows[i] + 1]; item++)
      at[used++] = static_cast<uint32_t>(item);
    out[i + 1] = used;
  }
  to.items = gather_column(arena, *from.items, {at, count});
}

const char* views_defect(const nek_column& column) {
  const auto* views = static_cast<const nek_view*>(column.values);
  for (uint32_t row = 0; row < column.rows; row++) {
    if (views[row].in.size <= 12) continue;
    const auto& view = views[row].out;
    if (view.buffer >= column.text_count) return "a text points into a buffer that is not there";
    const nek_buffer& buffer = column.text[view.buffer];
    if (view.offset > buffer.size || buffer.size - view.offset < view.size)
      return "a text points past its buffer";
  }
  return nullptr;
}

const char* values_defect(const nek_column& column) {
  if (column.type == NEK_TEXT || column.type == NEK_JSON) return views_defect(column);
  if (column.type == NEK_LIST) {
    const auto* ends = static_cast<const int32_t*>(column.values);
    if (ends[0] != 0) return "a list does not begin at 0";
    for (uint32_t row = 0; row < column.rows; row++)
      if (ends[row + 1] < ends[row]) return "a list ends before it begins";
    if (static_cast<uint32_t>(ends[column.rows]) > column.items->rows)
      return "a list ends past its items";
    return views_defect(*column.items);
  }
  if (column.type == NEK_DICT_TEXT || column.type == NEK_DICT_LIST) {
    const auto* codes = static_cast<const int32_t*>(column.values);
    for (uint32_t row = 0; row < column.rows; row++)
      if (static_cast<uint32_t>(codes[row]) >= column.dictionary->values->rows &&
          nek_has(&column, row))
        return "a code is not in its dictionary";
  }
  return nullptr;
}

}  // namespace

const nek_column* null_column(Arena& arena, nek_type type, uint32_t rows) {
  static const nek_column kNoTexts = [] {
    nek_column column{};
    column.type = NEK_TEXT;
    return column;
  }();
  static const nek_column kNoLists = [] {
    static int32_t zero = 0;
    nek_column column{};
    column.type = NEK_LIST;
    column.values = &zero;
    column.items = &kNoTexts;
    return column;
  }();
  // Id 0 belongs to no dictionary that was made.
  static const nek_dictionary kEmptyTexts{0, &kNoTexts}, kEmptyLists{0, &kNoLists};
  nek_make make{};
  make.type = type;
  make.rows = rows;
  make.nulls = true;
  if (type == NEK_LIST) make.items = &kNoTexts;
  if (type == NEK_DICT_TEXT) make.dictionary = &kEmptyTexts;
  if (type == NEK_DICT_LIST) make.dictionary = &kEmptyLists;
  nek_column* column = make_column(arena, make);
  std::memset(column->values, 0, value_bytes(type, rows));
  return column;
}

const nek_column* gather_column(Arena& arena, const nek_column& column,
                                std::span<const uint32_t> rows) {
  const auto count = static_cast<uint32_t>(rows.size());
  auto* out = arena.array<nek_column>(1);
  *out = column;
  out->rows = count;
  out->values = arena.allocate(value_bytes(column.type, count));
  if (column.validity) {
    out->validity = arena.zeroed<uint8_t>((size_t{count} + 63) / 64 * 8);
    gather_bits(out->validity, column.validity, rows);
  }
  switch (column.type) {
    case NEK_BOOL:
      std::memset(out->values, 0, value_bytes(NEK_BOOL, count));
      gather_bits(static_cast<uint8_t*>(out->values), static_cast<const uint8_t*>(column.values),
                  rows);
      break;
    case NEK_TEXT:
    case NEK_JSON: gather<nek_view>(out->values, column.values, rows); break;
    case NEK_LIST: gather_list(arena, *out, column, rows); break;
    case NEK_DICT_TEXT:
    case NEK_DICT_LIST: gather<int32_t>(out->values, column.values, rows); break;
    default: gather<int64_t>(out->values, column.values, rows);
  }
  return out;
}

std::string column_defect(const nek_schema& schema, uint32_t rows, const nek_column* const* columns,
                          bool values) {
  for (uint32_t i = 0; i < schema.count; i++) {
    const nek_column* column = columns[i];
    const char* defect = nullptr;
    if (!column)
      defect = "it is missing";
    else if (column->type != schema.fields[i].type)
      defect = "its type is not the schema's";
    else if (column->rows < rows)
      defect = "it has too few rows";
    else if (rows && !column->values)
      defect = "it has no values";
    else if (column->type == NEK_LIST && !column->items)
      defect = "it has no items";
    else if ((column->type == NEK_DICT_TEXT || column->type == NEK_DICT_LIST) &&
             !column->dictionary)
      defect = "it has no dictionary";
    else if (values)
      defect = values_defect(*column);
    if (defect) return std::string("column '") + schema.fields[i].name + "': " + defect;
  }
  return {};
}

const Binder::ReadPlan& Binder::read_plan(const nek_schema& schema) {
  for (const ReadPlan& plan : read_plans_)
    if (plan.schema == &schema) return plan;
  ReadPlan plan{&schema, {}, {}};
  for (uint32_t i = 0; i < shape_->need_count; i++) {
    const nek_need& need = shape_->reads[i];
    int32_t index = made_by_host(need.name);
    for (uint32_t f = 0; f < schema.count; f++) {
      if (std::string_view(schema.fields[f].name) != need.name) continue;
      index = static_cast<int32_t>(f);
      if (!(need.types & NEK_TYPE_BIT(schema.fields[f].type)))
        plan.defect = std::string("column '") + need.name + "' has a type that is not taken";
    }
    plan.index.push_back(index);
  }
  read_plans_.push_back(std::move(plan));
  return read_plans_.back();
}

const nek_column* const* Binder::reads(Task& task, const Batch& batch, std::string* why) {
  const ReadPlan& plan = read_plan(*batch.c.schema);
  if (!plan.defect.empty()) {
    *why = plan.defect;
    return nullptr;
  }
  auto* columns = task.arena.array<const nek_column*>(plan.index.size());
  for (size_t i = 0; i < plan.index.size(); i++) {
    switch (plan.index[i]) {
      case kNull:
        columns[i] = null_column(task.arena, lowest_type(shape_->reads[i].types), batch.c.rows);
        break;
      case kSource: columns[i] = source_column(task, batch); break;
      case kPosition: columns[i] = position_column(task, batch); break;
      case kLine: columns[i] = line_column(task, batch); break;
      default: columns[i] = batch.c.columns[plan.index[i]];
    }
  }
  return columns;
}

const Binder::EmitPlan& Binder::emit_plan(const nek_schema& schema, uint32_t stream) {
  if (emit_plans_.size() <= stream) emit_plans_.resize(stream + 1);
  for (const EmitPlan& plan : emit_plans_[stream])
    if (plan.in == &schema) return plan;
  const nek_stream& declared = shape_->streams[stream];
  const ColumnSet& needed = node_->streams[stream].needed;
  const auto added = [&](std::string_view name) {
    for (uint32_t a = 0; a < declared.add_count; a++)
      if (name == declared.adds[a].name) return static_cast<int32_t>(a);
    return -1;
  };
  EmitPlan plan{&schema, nullptr, {}};
  std::vector<nek_field> fields;
  std::vector<bool> placed(declared.add_count);
  for (uint32_t f = 0; f < schema.count; f++) {
    if (!needed.contains(schema.fields[f].name)) continue;
    const int32_t add =
        added(schema.fields[f].name);  // takes the place of the column that it replaces
    fields.push_back(add < 0 ? schema.fields[f] : declared.adds[add]);
    plan.from.push_back(add < 0 ? static_cast<int32_t>(f) : -1 - add);
    if (add >= 0) placed[static_cast<size_t>(add)] = true;
  }
  for (uint32_t a = 0; a < declared.add_count; a++) {
    if (placed[a] || !needed.contains(declared.adds[a].name)) continue;
    fields.push_back(declared.adds[a]);
    plan.from.push_back(-1 - static_cast<int32_t>(a));
  }
  plan.out = intern_schema(fields);
  emit_plans_[stream].push_back(std::move(plan));
  return emit_plans_[stream].back();
}

Batch* Binder::emitted(Task& task, const Batch& in, const Emission& emission,
                       const std::vector<uint32_t>* rows) {
  const EmitPlan& plan = emit_plan(*in.c.schema, emission.stream);
  Batch& out = task.batches.emplace_back();
  auto* columns = task.arena.array<const nek_column*>(plan.from.size());
  for (size_t i = 0; i < plan.from.size(); i++) {
    const int32_t from = plan.from[i];
    const nek_column* column = from >= 0        ? in.c.columns[from]
                               : emission.added ? emission.added[-1 - from]
                                                : nullptr;
    if (!column) column = null_column(task.arena, plan.out->fields[i].type, in.c.rows);
    columns[i] = rows ? gather_column(task.arena, *column, *rows) : column;
  }
  out.c = {plan.out, rows ? static_cast<uint32_t>(rows->size()) : in.c.rows, columns};
  out.raw = in.raw;
  out.ids = in.ids;
  if (!rows) return &out;
  const auto pick = [&]<class T>(const T* from) {
    auto* picked = task.arena.array<T>(rows->size());
    gather<T>(picked, from, *rows);
    return picked;
  };
  if (in.raw) out.raw = pick(in.raw);
  if (in.ids) out.ids = pick(in.ids);
  return &out;
}

}  // namespace nek
