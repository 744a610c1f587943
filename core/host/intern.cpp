// SPDX-License-Identifier: Apache-2.0
#include "host/intern.h"

#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "host/texts.h"

namespace nek {
namespace {

struct Schemas {
  struct Owned {
    std::vector<std::string> names;
    std::vector<nek_field> fields;
    nek_schema schema{};
  };
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<Owned>> by_key;
};

Schemas& schemas() {
  static auto* instance = new Schemas;  // never freed: schemas live as long as the process
  return *instance;
}

std::atomic<uint64_t> next_dictionary_id{1};

}  // namespace

const nek_schema* intern_schema(std::span<const nek_field> fields) {
  std::string key;
  for (const nek_field& field : fields) {
    key.append(field.name).push_back('\0');
    key.append(reinterpret_cast<const char*>(&field.type), sizeof field.type);
    key.append(reinterpret_cast<const char*>(&field.flags), sizeof field.flags);
  }
  Schemas& all = schemas();
  const std::lock_guard lock(all.mutex);
  auto& owned = all.by_key[key];
  if (!owned) {
    owned = std::make_unique<Schemas::Owned>();
    owned->names.reserve(fields.size());
    for (const nek_field& field : fields) {
      owned->names.emplace_back(field.name);
      owned->fields.push_back({owned->names.back().c_str(), field.type, field.flags});
    }
    owned->schema = {static_cast<uint32_t>(fields.size()), owned->fields.data()};
  }
  return &owned->schema;
}

nek_column* copy_column(Arena& arena, const nek_column& column) {
  auto* copy = arena.zeroed<nek_column>(1);
  copy->type = column.type;
  copy->rows = column.rows;
  copy->values = arena.allocate(value_bytes(column.type, column.rows));
  std::memcpy(copy->values, column.values, value_bytes(column.type, column.rows));
  if (column.validity) {
    const size_t bytes = (size_t{column.rows} + 7) / 8;
    copy->validity = arena.zeroed<uint8_t>((size_t{column.rows} + 63) / 64 * 8);
    std::memcpy(copy->validity, column.validity, bytes);
  }
  if (column.items) copy->items = copy_column(arena, *column.items);
  if (column.type != NEK_TEXT && column.type != NEK_JSON) return copy;
  // Long texts are gathered into one buffer of the copy's own.
  auto* views = static_cast<nek_view*>(copy->values);
  size_t bytes = 0;
  for (uint32_t row = 0; row < column.rows; row++)
    if (views[row].in.size > 12) bytes += views[row].in.size;
  if (!bytes) return copy;
  copy->text_count = 1;
  copy->text = arena.array<nek_buffer>(1);
  copy->text[0] = {arena.array<uint8_t>(bytes), bytes};
  size_t used = 0;
  for (uint32_t row = 0; row < column.rows; row++) {
    if (views[row].in.size <= 12) continue;
    const nek_text text = nek_text_at(&column, row);
    std::memcpy(copy->text[0].data + used, text.data, text.size);
    views[row].out.buffer = 0;
    views[row].out.offset = static_cast<uint32_t>(used);
    used += text.size;
  }
  return copy;
}

const HostDictionary* make_dictionary(const nek_column& values) {
  auto dictionary = std::make_unique<HostDictionary>();
  dictionary->id = next_dictionary_id.fetch_add(1, std::memory_order_relaxed);
  dictionary->values = copy_column(dictionary->arena, values);
  dictionary->not_utf8 = rows_not_utf8(*dictionary->values, values.rows);
  return dictionary.release();
}

void hold(const HostDictionary* dictionary) {
  dictionary->holds.fetch_add(1, std::memory_order_relaxed);
}

void release(const HostDictionary* dictionary) {
  if (dictionary->holds.fetch_sub(1, std::memory_order_acq_rel) == 1) delete dictionary;
}

}  // namespace nek
