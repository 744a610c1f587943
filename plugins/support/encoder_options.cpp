// SPDX-License-Identifier: Apache-2.0
#include "encoder_options.h"

#include <algorithm>
#include <optional>
#include <set>

#include "option_error.h"

namespace nek {

std::string EncoderOptions::name_of(const std::string& column) const {
  for (const auto& [from, to] : rename) {
    if (from == column) return to;
  }
  return column;
}

bool EncoderOptions::is_user_rename(const Host& host, const std::string& column) {
  const nek_value* entry = find(*host.at("rename"), column);
  return entry && host.is_written(*entry);
}

Status EncoderOptions::check_rename(const Host& host) const {
  if (fields.empty()) return {};
  for (const auto& [column, name] : rename) {
    const bool is_field = std::find(fields.begin(), fields.end(), column) != fields.end();
    if (is_field || !is_user_rename(host, column)) continue;
    return fail_at(find(*host.at("rename"), column), "rename: '" + column + "' is not in 'fields'");
  }
  return {};
}

Status EncoderOptions::check_names(const Host& host) const {
  std::set<std::string> names;
  for (const std::string& field : fields) {
    if (!names.insert(name_of(field)).second)
      return option_error(host, "fields", "'" + name_of(field) + "' would be written twice");
  }
  return {};
}

void EncoderOptions::read_column(Shape& shape, const std::string& column) {
  shape.read_optional(column, {NEK_BOOL, NEK_INT64, NEK_UINT64, NEK_DOUBLE, NEK_TIME, NEK_TEXT,
                               NEK_JSON, NEK_LIST, NEK_DICT_TEXT, NEK_DICT_LIST});
}

Result<TimeFormat> EncoderOptions::compile_time_format(const Host& host) const {
  std::optional<TimeZone> zone;
  if (timezone != "UTC") {
    Result<TimeZone> loaded = TimeZone::load(timezone);
    if (!loaded.ok()) return option_error(host, "timezone", loaded.status().message());
    zone = std::move(*loaded);
  }
  Result<TimeFormat> format = TimeFormat::compile(time_format, std::move(zone));
  if (!format.ok()) return option_error(host, "time_format", format.status().message());
  return format;
}

void EncoderOptions::log_timezone(const Host& host) const {
  if (timezone != "UTC") host.log(NEK_INFO, "times are written in " + timezone);
}

}  // namespace nek
