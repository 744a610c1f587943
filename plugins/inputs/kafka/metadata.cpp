// SPDX-License-Identifier: Apache-2.0
#include "metadata.h"

#include <algorithm>
#include <cstring>

#include "json_escape.h"
#include "nek/arena.hpp"

namespace nek {

MetadataColumns::MetadataColumns(const KafkaMetadata& names) {
  const std::pair<const std::string&, What> all[] = {
      {names.topic, What::kTopic},   {names.partition, What::kPartition},
      {names.offset, What::kOffset}, {names.timestamp, What::kTimestamp},
      {names.key, What::kKey},       {names.headers, What::kHeaders}};
  for (const auto& [name, what] : all)
    if (!name.empty()) fields_.emplace_back(name, what);
}

nek_type MetadataColumns::type_of(What what) {
  switch (what) {
    case What::kTopic:
    case What::kKey: return NEK_TEXT;
    case What::kHeaders: return NEK_JSON;
    case What::kTimestamp: return NEK_TIME;
    default: return NEK_INT64;
  }
}

std::vector<Field> MetadataColumns::fields() const {
  std::vector<Field> fields;
  fields.reserve(fields_.size());
  for (const auto& [name, what] : fields_) fields.push_back({name, type_of(what), 0});
  return fields;
}

void MetadataColumns::start(const Host& host) {
  std::vector<nek_field> fields;
  for (const auto& [name, what] : fields_) {
    fields.push_back({name.c_str(), type_of(what), 0});
    columns_.emplace_back().what = what;
  }
  schema_ = host.schema(fields);
}

void MetadataColumns::Column::mark(bool has) {
  if (rows % 8 == 0) validity.push_back(0);
  if (has) validity.back() |= static_cast<uint8_t>(1u << rows % 8);
  rows++;
}
void MetadataColumns::Column::null() {
  numbers.push_back(0);
  spans.push_back({});
  mark(false);
}
void MetadataColumns::Column::number(int64_t value) {
  numbers.push_back(value);
  mark(true);
}
void MetadataColumns::Column::put(std::string_view value) {
  spans.push_back({static_cast<uint32_t>(text.size()), static_cast<uint32_t>(value.size())});
  text += value;
  mark(true);
}

void MetadataColumns::clear() {
  for (Column& column : columns_) {
    column.rows = 0;
    column.numbers.clear();
    column.spans.clear();
    column.validity.clear();
    column.text.clear();
  }
}

namespace {

bool comes_again(const rd_kafka_headers_t* headers, size_t from, const char* name) {
  const char* other = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (; !rd_kafka_header_get_all(headers, from, &other, &value, &size); from++)
    if (std::strcmp(other, name) == 0) return true;
  return false;
}

}  // namespace

// A value that is no UTF-8 is null. Of a name that comes twice the last one counts, as in Kafka's
// own lastHeader.
void MetadataColumns::add_headers(Column& to, const rd_kafka_message_t& message) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers)) return to.null();
  std::string object = "{";
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
    const std::string_view text(static_cast<const char*>(value), value ? size : 0);
    if (!valid_utf8(name) || comes_again(headers, i + 1, name)) continue;
    if (object.size() > 1) object += ',';
    append_quoted(object, name);
    object += ':';
    if (value && valid_utf8(text)) {
      append_quoted(object, text);
    } else {
      object += "null";
    }
  }
  to.put(object + "}");
}

void MetadataColumns::add(const std::string& topic, const rd_kafka_message_t& message) {
  for (Column& column : columns_) switch (column.what) {
      case What::kTopic: column.put(topic); break;
      case What::kPartition: column.number(message.partition); break;
      case What::kOffset: column.number(message.offset); break;
      case What::kTimestamp: {
        rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        const int64_t time = rd_kafka_message_timestamp(&message, &type);
        if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || time < 0) {
          column.null();
        } else {
          column.number(time);
        }
        break;
      }
      case What::kKey: {
        const std::string_view key(static_cast<const char*>(message.key), message.key_len);
        if (message.key && valid_utf8(key)) {
          column.put(key);
        } else {
          column.null();
        }
        break;
      }
      case What::kHeaders: add_headers(column, message); break;
    }
}

void MetadataColumns::give(Chunk& chunk) {
  pointers_.clear();
  for (Column& column : columns_) {
    nek_column& c = column.c;
    c = {};
    c.type = type_of(column.what);
    c.rows = column.rows;
    column.validity.resize(column.validity.size() + Arena::kPadding);
    c.validity = column.validity.data();
    c.values = column.numbers.data();
    if (c.type == NEK_TEXT || c.type == NEK_JSON) {
      column.text.resize(column.text.size() + Arena::kPadding);
      auto* base = reinterpret_cast<uint8_t*>(column.text.data());
      column.views.clear();
      for (const nek_span span : column.spans)
        column.views.push_back(view_of(base, 0, span.begin, span.size));
      column.buffer = {base, column.text.size() - Arena::kPadding};
      c.values = column.views.data();
      c.text_count = 1;
      c.text = &column.buffer;
    }
    pointers_.push_back(&c);
  }
  chunk.columns(schema_, pointers_.data());
}

}  // namespace nek
