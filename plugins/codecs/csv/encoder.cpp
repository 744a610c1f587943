// SPDX-License-Identifier: Apache-2.0
#include "encoder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace nek::csv {

namespace {

constexpr size_t kMostNumber = 32;  // of any number

template <class T>
void write_number(T value, Encoded& out) {
  char* to = out.room(kMostNumber);
  out.wrote_to(std::to_chars(to, to + kMostNumber, value).ptr);
}

std::string in_quotes(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

Status Encoder::setup(Shape& shape) {
  if (config_.fields.empty()) return fail_at(host_.at("fields"), "fields: names no column");
  const std::string& delimiter = config_.delimiter;
  if (delimiter.size() != 1 || static_cast<unsigned char>(delimiter[0]) > 127 ||
      delimiter.find_first_of("\"\r\n") == 0) {
    return fail_at(host_.at("delimiter"), "delimiter: must be one ASCII character, no quote");
  }
  if (Status status = set_time_format(); !status.ok()) return status;
  for (const std::string& name : config_.fields) {
    shape.read_optional(name, {NEK_BOOL, NEK_INT64, NEK_UINT64, NEK_DOUBLE, NEK_TIME, NEK_TEXT,
                               NEK_JSON, NEK_LIST, NEK_DICT_TEXT, NEK_DICT_LIST});
  }
  return set_header();
}

Status Encoder::start(const Start&) {
  host_.log(NEK_INFO, "times are written in " + config_.timezone);
  return {};
}

Status Encoder::set_time_format() {
  std::optional<TimeZone> zone;
  if (config_.timezone != "UTC") {
    auto loaded = TimeZone::load(config_.timezone);
    if (!loaded.ok()) {
      return fail_at(host_.at("timezone"), "timezone: " + loaded.status().message());
    }
    zone = std::move(*loaded);
  }
  auto format = TimeFormat::compile(config_.time_format, std::move(zone));
  if (!format.ok()) {
    return fail_at(host_.at("time_format"), "time_format: " + format.status().message());
  }
  if (needs_quotes(config_.time_format)) {
    return fail_at(host_.at("time_format"), "time_format: may not hold the delimiter or quotes");
  }
  time_format_ = std::move(*format);
  return {};
}

Status Encoder::set_header() {
  const auto& fields = config_.fields;
  for (const auto& [column, name] : config_.rename) {
    if (std::find(fields.begin(), fields.end(), column) == fields.end()) {
      return fail_at(find(*host_.at("rename"), column),
                     "rename: '" + column + "' is not in 'fields'");
    }
  }
  if (!config_.header) return {};
  for (const std::string& field : fields) {
    const auto renamed = std::find_if(config_.rename.begin(), config_.rename.end(),
                                      [&](const auto& pair) { return pair.first == field; });
    const std::string& name = renamed == config_.rename.end() ? field : renamed->second;
    if (!header_.empty()) header_ += config_.delimiter;
    header_ += needs_quotes(name) ? in_quotes(name) : name;
  }
  header_ += '\n';
  return {};
}

Status Encoder::encode(Call& call, Encoded& out, Lane& lane) const {
  const auto count = static_cast<uint32_t>(config_.fields.size());
  lane.times.resize(count);
  for (uint32_t row = 0; row < call.rows(); row++) {
    out.append(out.before(row));
    for (uint32_t i = 0; i < count; i++) {
      if (i > 0) out.append(config_.delimiter);
      const nek_column& column = call.read(i);
      if (nek_has(&column, row)) {
        write_value(column, row, out, lane.times[i], lane.list);
      } else if (count == 1) {
        write_text({}, out);  // a blank line would be no record
      }
    }
    out.append(record_end());
    out.end_row(row);
  }
  return {};
}

void Encoder::write_value(const nek_column& column, uint32_t row, Encoded& out,
                          TimeFormat::Cache& times, std::string& list) const {
  switch (column.type) {
    case NEK_BOOL: return out.append(BoolView(column)[row] ? "true" : "false");
    case NEK_INT64: return write_number(Int64View(column)[row], out);
    case NEK_UINT64: return write_number(Uint64View(column)[row], out);
    case NEK_DOUBLE: {
      const double value = DoubleView(column)[row];
      if (std::isfinite(value)) write_number(value, out);
      return;
    }
    case NEK_TIME: {
      char* to = out.room(time_format_.max_size());
      return out.wrote_to(time_format_.write(to, TimeView(column)[row], times));
    }
    case NEK_LIST:
    case NEK_DICT_LIST: return write_list(column, row, out, list);
    default: return write_text(TextView(column)[row], out);
  }
}

// An empty text has quotes, because without them it is no value.
void Encoder::write_text(std::string_view text, Encoded& out) const {
  if (!text.empty() && !needs_quotes(text)) return out.append(text);
  char* to = out.room(2 * text.size() + 2);
  *to++ = '"';
  for (const char c : text) {
    if (c == '"') *to++ = '"';
    *to++ = c;
  }
  *to++ = '"';
  out.wrote_to(to);
}

void Encoder::write_list(const nek_column& column, uint32_t row, Encoded& out,
                         std::string& list) const {
  const TextList items = ListView(column)[row];
  list.clear();
  for (uint32_t i = 0; i < items.size(); i++) {
    if (i > 0) list += config_.list_separator;
    list += items[i];
  }
  write_text(list, out);
}

bool Encoder::needs_quotes(std::string_view text) const {
  const char delimiter = config_.delimiter[0];
  return std::any_of(text.begin(), text.end(),
                     [&](char c) { return c == delimiter || c == '"' || c == '\n' || c == '\r'; });
}

}  // namespace nek::csv
