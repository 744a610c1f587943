// SPDX-License-Identifier: Apache-2.0
#include "runtime/origin.h"

#include <algorithm>
#include <cstring>

#include "nek/text.hpp"
#include "runtime/letter.h"

namespace nek {
namespace {

using Json = LetterJson;

std::string_view raw_text(const Task& task, nek_span span) {
  return {reinterpret_cast<const char*>(task.chunk->data.get()) + span.begin, span.size};
}

Json head(const Refusal& refusal) {
  Json line;
  line["time_ms"] = refusal.time_ms;
  line["component"] = std::string(refusal.component);
  line["reason"] = std::string(refusal.reason);
  if (!refusal.detail.empty()) put_bytes(line, "detail", refusal.detail);
  if (!refusal.stream.empty()) line["stream"] = std::string(refusal.stream);
  return line;
}

std::string finish(const Json& line) {
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

uint64_t line_of(const Task& task, size_t segment, uint32_t offset) {
  const HostChunk& chunk = *task.chunk;
  Task::LineCursor& at = task.line_cursor;
  if (at.segment != segment || offset < at.offset)
    at = {segment, chunk.segments[segment].begin, chunk.lines[segment] + 1};
  const uint8_t* data = chunk.data.get();
  at.line += static_cast<uint64_t>(std::count(data + at.offset, data + offset, '\n'));
  at.offset = offset;
  return at.line;
}

uint64_t position_of(const HostChunk& chunk, size_t segment, nek_span raw) {
  const bool message = chunk.source(segment)->flags & NEK_MESSAGES;
  return chunk.segments[segment].position +
         (message ? 0 : raw.begin - chunk.segments[segment].begin);
}

// Of a record in its message.
uint64_t offset_of(const HostChunk& chunk, size_t segment, nek_span raw) {
  if (!(chunk.source(segment)->flags & NEK_MESSAGES)) return 0;
  const uint64_t skipped = chunk.skipped.empty() ? 0 : chunk.skipped[segment];
  return skipped + raw.begin - chunk.segments[segment].begin;
}

bool is_set(const nek_id& id) {
  static constexpr nek_id kNone{};
  return std::memcmp(&id, &kNone, sizeof id) != 0;
}

Hash128 hash_of(const nek_id& id) {
  uint64_t halves[2];
  std::memcpy(halves, &id, sizeof halves);
  return {halves[0], halves[1]};
}

nek_id id_of(const Task& task, size_t segment, nek_span raw) {
  const HostChunk& chunk = *task.chunk;
  const uint64_t offset = offset_of(chunk, segment, raw);
  const nek_id& own = chunk.ids[segment];  // of what the message begins with
  if (is_set(own)) return offset ? record_id(hash_of(own), 0, offset, raw_text(task, raw)) : own;
  return record_id(chunk.source(segment)->identity_hash, position_of(chunk, segment, raw), offset,
                   raw_text(task, raw));
}

void put_id(Json& line, const char* key, const nek_id& id) {
  line[key] = hex({reinterpret_cast<const char*>(id.bytes), sizeof id.bytes});
}

void put_columns(Json& line, const std::string& key, const nek_schema& schema,
                 const nek_column* const* columns, uint32_t row);

// Everything that it takes to decode the record again, as the same record.
void put_origin(Json& line, const Refusal& refusal, const Task& task, nek_span span) {
  const HostChunk& chunk = *task.chunk;
  const size_t segment = segment_at(chunk, span.begin);
  const Source& source = *chunk.source(segment);
  const LetterSource& letters = *source.letters;
  if (letters.input != refusal.component) line["input"] = letters.input;
  put_bytes(line, "source", source.key);
  if (source.identity != source.key) put_bytes(line, "identity", source.identity);
  if (source.name != source.key) put_bytes(line, "name", source.name);
  line["position"] = position_of(chunk, segment, span);
  if (const uint64_t offset = offset_of(chunk, segment, span)) line["offset"] = offset;
  if (!(source.flags & NEK_MESSAGES)) line["line"] = line_of(task, segment, span.begin);
  put_id(line, "id", id_of(task, segment, span));
  if (is_set(chunk.ids[segment])) put_id(line, "message_id", chunk.ids[segment]);
  if (chunk.c.schema)
    put_columns(line, "message", *chunk.c.schema, chunk.c.columns, static_cast<uint32_t>(segment));
  auto& sources = task.letter_sources;
  if (std::find(sources.rbegin(), sources.rend(), source.letters) == sources.rend())
    sources.push_back(source.letters);
}

Json value_at(const nek_column& column, uint32_t row);

Json list_at(const nek_column& lists, uint32_t row) {
  Json list = Json::array();
  const auto* ends = static_cast<const int32_t*>(lists.values);
  for (int32_t i = ends[row]; i < ends[row + 1]; i++)
    list.push_back(value_at(*lists.items, static_cast<uint32_t>(i)));
  return list;
}

Json value_at(const nek_column& column, uint32_t row) {
  if (!nek_has(&column, row)) return nullptr;
  switch (column.type) {
    case NEK_BOOL:
      return (static_cast<const uint8_t*>(column.values)[row / 8] >> (row % 8) & 1) != 0;
    case NEK_UINT64: return static_cast<const uint64_t*>(column.values)[row];
    case NEK_DOUBLE: return static_cast<const double*>(column.values)[row];
    case NEK_TEXT:
    case NEK_JSON: return std::string(to_view(nek_text_at(&column, row)));
    case NEK_LIST: return list_at(column, row);
    case NEK_DICT_TEXT:
    case NEK_DICT_LIST:
      return value_at(*column.dictionary->values,
                      static_cast<uint32_t>(static_cast<const int32_t*>(column.values)[row]));
    default: return static_cast<const int64_t*>(column.values)[row];
  }
}

void put_columns(Json& line, const std::string& key, const nek_schema& schema,
                 const nek_column* const* columns, uint32_t row) {
  Json values = Json::object(), types = Json::object();
  for (uint32_t i = 0; i < schema.count; i++) {
    values[schema.fields[i].name] = value_at(*columns[i], row);
    types[schema.fields[i].name] = letter_type_name(schema.fields[i].type);
  }
  line[key] = std::move(values);
  line[key + "_types"] = std::move(types);
}

// Calls each(row, segment) for all rows of a batch with raw bytes; both only grow.
template <class Each>
void for_each_origin(const Task& task, const Batch& batch, Each each) {
  const auto& segments = task.chunk->segments;
  size_t segment = 0;
  for (uint32_t row = 0; row < batch.c.rows; row++) {
    while (segment + 1 < segments.size() && segments[segment + 1].begin <= batch.raw[row].begin)
      segment++;
    each(row, segment);
  }
}

nek_column* number_column(Task& task, uint32_t rows, bool nulls) {
  nek_make make{};
  make.type = NEK_UINT64;
  make.rows = rows;
  make.nulls = nulls;
  return make_column(task.arena, make);
}

nek_column* unknown_numbers(Task& task, uint32_t rows) {
  nek_column* column = number_column(task, rows, true);
  std::memset(column->values, 0, value_bytes(NEK_UINT64, rows));
  return column;
}

}  // namespace

size_t segment_at(const HostChunk& chunk, uint32_t offset) {
  const auto after =
      std::upper_bound(chunk.segments.begin(), chunk.segments.end(), offset,
                       [](uint32_t at, const nek_segment& segment) { return at < segment.begin; });
  return after == chunk.segments.begin() ? 0
                                         : static_cast<size_t>(after - chunk.segments.begin()) - 1;
}

const nek_id* batch_ids(Task& task, const Batch& batch) {
  if (!batch.raw) return batch.ids ? batch.ids : task.arena.zeroed<nek_id>(batch.c.rows);
  auto* ids = task.arena.array<nek_id>(batch.c.rows);
  for_each_origin(task, batch, [&](uint32_t row, size_t segment) {
    ids[row] = id_of(task, segment, batch.raw[row]);
  });
  return ids;
}

const nek_column* position_column(Task& task, const Batch& batch) {
  if (!batch.raw) return unknown_numbers(task, batch.c.rows);
  nek_column* column = number_column(task, batch.c.rows, false);
  auto* values = static_cast<uint64_t*>(column->values);
  for_each_origin(task, batch, [&](uint32_t row, size_t segment) {
    values[row] = position_of(*task.chunk, segment, batch.raw[row]);
  });
  return column;
}

const nek_column* line_column(Task& task, const Batch& batch) {
  if (!batch.raw) return unknown_numbers(task, batch.c.rows);
  nek_column* column = number_column(task, batch.c.rows, false);
  auto* values = static_cast<uint64_t*>(column->values);
  const HostChunk& chunk = *task.chunk;
  size_t last = SIZE_MAX;
  uint64_t line = 0;
  uint32_t counted = 0;
  for_each_origin(task, batch, [&](uint32_t row, size_t segment) {
    if (segment != last) {
      last = segment;
      line = chunk.lines[segment] + 1;
      counted = chunk.segments[segment].begin;
    }
    const uint8_t* data = chunk.data.get();
    line += static_cast<uint64_t>(std::count(data + counted, data + batch.raw[row].begin, '\n'));
    counted = batch.raw[row].begin;
    values[row] = line;
  });
  return column;
}

const nek_column* source_column(Task& task, const Batch& batch) {
  const HostChunk* chunk = task.chunk.get();
  size_t bytes = 0;
  if (batch.raw)
    for (size_t i = 0; i < chunk->segments.size(); i++) bytes += chunk->source(i)->text_name.size();
  nek_make make{};
  make.type = NEK_TEXT;
  make.rows = batch.c.rows;
  make.nulls = !batch.raw;
  make.text_bytes = bytes;
  nek_column* column = make_column(task.arena, make);
  auto* views = static_cast<nek_view*>(column->values);
  std::memset(views, 0, value_bytes(NEK_TEXT, batch.c.rows));
  if (!batch.raw) return column;
  std::vector<nek_view> of_segment(chunk->segments.size());
  uint32_t used = 0;
  for (size_t i = 0; i < of_segment.size(); i++) {
    const std::string& name = chunk->source(i)->text_name;
    nek_view& view = of_segment[i];
    view.in.size = static_cast<uint32_t>(name.size());
    if (name.size() <= 12) {
      std::memcpy(view.in.bytes, name.data(), name.size());
      continue;
    }
    std::memcpy(view.out.prefix, name.data(), 4);
    view.out.offset = used;
    std::memcpy(column->text[0].data + used, name.data(), name.size());
    used += static_cast<uint32_t>(name.size());
  }
  for_each_origin(task, batch,
                  [&](uint32_t row, size_t segment) { views[row] = of_segment[segment]; });
  return column;
}

std::string dead_letter_of_bytes(const Task& task, const Refusal& refusal, nek_span bytes) {
  Json line = head(refusal);
  put_origin(line, refusal, task, bytes);
  put_bytes(line, "raw", raw_text(task, bytes));
  return finish(line);
}

std::string dead_letter_of_row(const Task& task, const Refusal& refusal, const Batch& batch,
                               uint32_t row) {
  if (batch.raw) return dead_letter_of_bytes(task, refusal, batch.raw[row]);
  Json line = head(refusal);
  if (batch.ids) put_id(line, "id", batch.ids[row]);
  put_columns(line, "record", *batch.c.schema, batch.c.columns, row);
  return finish(line);
}

std::string dead_letter_of_encoded(const Refusal& refusal, std::string_view encoded) {
  Json line = head(refusal);
  put_bytes(line, "encoded", encoded);
  return finish(line);
}

}  // namespace nek
