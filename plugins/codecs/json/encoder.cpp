// SPDX-License-Identifier: Apache-2.0
#include "encoder.h"

#include <algorithm>
#include <set>

#include "json_escape.h"
#include "option_error.h"
#include "rows.h"

namespace nek {
namespace {

using Member = JsonEncoder::Member;

Member make_member(const std::string& name) {
  Member member;
  member.key = ',';
  append_quoted(member.key, name);
  member.key += ':';
  member.quoted_key = member.key + '"';
  return member;
}

}  // namespace

Status JsonEncoder::setup(Shape& shape) {
  Status status = set_time_format();
  if (status.ok()) status = config_.check_rename(host_);
  if (status.ok()) status = config_.check_names(host_);
  if (!status.ok()) return status;
  if (config_.fields.empty()) {
    shape.read_all();
    for (const auto& [column, name] : config_.rename) {
      if (EncoderOptions::is_user_rename(host_, column)) EncoderOptions::read_column(shape, column);
    }
  }
  for (const std::string& name : config_.fields) EncoderOptions::read_column(shape, name);
  return {};
}

Status JsonEncoder::start(const Start&) {
  config_.log_timezone(host_);
  return {};
}

Status JsonEncoder::set_time_format() {
  Result<TimeFormat> format = config_.compile_time_format(host_);
  if (!format.ok()) return format.status();
  const std::string& text = config_.time_format;
  if (std::any_of(text.begin(), text.end(), detail::needs_escape))
    return option_error(host_, "time_format", "may not hold quotes or backslashes");
  time_format_ = std::move(*format);
  return {};
}

JsonEncoder::Lane::Schema& JsonEncoder::schema_of(const Call& call, Lane& lane) const {
  const nek_schema* schema = config_.fields.empty() ? call.batch().schema : nullptr;
  for (auto& known : lane.schemas) {
    if (known.schema == schema) return known;
  }
  auto& made = lane.schemas.emplace_back();
  made.schema = schema;
  std::set<std::string> names;
  const auto add = [&](const std::string& column) {
    const std::string name = config_.name_of(column);
    if (!names.insert(name).second) made.twice = name;
    made.members.push_back(make_member(name));
  };
  for (const std::string& field : config_.fields) add(field);
  for (uint32_t i = 0; schema && i < schema->count; i++) add(schema->fields[i].name);
  return made;
}

Status JsonEncoder::encode(Call& call, Encoded& out, Lane& lane) const {
  const nek_batch& batch = call.batch();
  const nek_column* const* columns = config_.fields.empty() ? batch.columns : call.c()->reads;
  Lane::Schema& schema = schema_of(call, lane);
  if (!schema.twice.empty())
    return refuse(
        "'" + schema.twice +
        "' would be written twice: 'rename' makes it, and there is a column of that name");
  write_json_rows(out, batch, columns, schema.members, lane.lines, config_.nulls, time_format_);
  return {};
}

}  // namespace nek
