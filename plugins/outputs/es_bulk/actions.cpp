// SPDX-License-Identifier: Apache-2.0
#include "actions.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "json_escape.h"

namespace nek {
namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr size_t kMaxName = 255, kMaxId = 512;  // bytes, as the servers have it
constexpr size_t kIdSize = 22;                  // 16 bytes in base64url, without padding
constexpr std::string_view kForbidden = "\\/*?\"<>| ,#:";
constexpr std::initializer_list<nek_type> kWords = {NEK_TEXT, NEK_DICT_TEXT, NEK_INT64, NEK_UINT64};

char* write_id(char* to, const nek_id& id) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const uint8_t* from = id.bytes;
  for (int i = 0; i < 5; i++, from += 3, to += 4) {
    const uint32_t bits = uint32_t{from[0]} << 16 | uint32_t{from[1]} << 8 | from[2];
    to[0] = kDigits[bits >> 18];
    to[1] = kDigits[bits >> 12 & 63];
    to[2] = kDigits[bits >> 6 & 63];
    to[3] = kDigits[bits & 63];
  }
  to[0] = kDigits[from[0] >> 2];
  to[1] = kDigits[(from[0] & 3) << 4];
  return to + 2;
}

// A record that a filter made may have none.
bool has_id(const nek_id& id) {
  constexpr nek_id kNone{};
  return std::memcmp(id.bytes, kNone.bytes, sizeof id.bytes) != 0;
}

// What is wrong with the name of an index; "": nothing.
const char* name_defect(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > kMaxName) return "is longer than 255 bytes";
  if (name.find_first_of(kForbidden) != std::string_view::npos)
    return "may hold none of \\ / * ? \" < > | , # : and no blank";
  if (std::any_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; }))
    return "must be in lower case";
  if (name[0] == '-' || name[0] == '_' || name[0] == '+') return "may not begin with - _ +";
  return "";
}

}  // namespace

std::optional<Actions::Defect> Actions::setup(const ActionsConfig& config, Shape& shape) {
  create_ = config.create;
  time_field_ = config.time_field;
  if (auto defect = parse_index(config.index, shape)) return defect;
  if (has_time_) time_column_ = static_cast<int>(shape.read(time_field_, {NEK_TIME}));
  record_id_ = config.document_id == "record";
  if (!record_id_ && config.document_id != "none") {
    id_field_ = config.document_id;
    id_column_ = static_cast<int>(shape.read(id_field_, kWords));
  }
  routing_field_ = config.routing;
  if (!routing_field_.empty())
    routing_column_ = static_cast<int>(shape.read(routing_field_, kWords));
  has_columns_ = id_column_ >= 0 || routing_column_ >= 0;
  return {};
}

std::optional<Actions::Defect> Actions::parse_index(const std::string& pattern, Shape& shape) {
  std::string literal, sample;
  const auto flush = [&] {
    if (!literal.empty()) parts_.push_back({std::exchange(literal, ""), {}, -1});
  };
  for (size_t at = 0; at < pattern.size(); at++) {
    const char c = pattern[at];
    if (c == '{') {
      const size_t end = pattern.find('}', at);
      if (end == std::string::npos || end == at + 1)
        return Defect{"index", "a column stands between { and }, such as flows-{exporter}"};
      flush();
      const std::string name = pattern.substr(at + 1, end - at - 1);
      parts_.push_back({"", {}, static_cast<int>(shape.read(name, kWords))});
      has_fields_ = true;
      sample += 'x';
      at = end;
    } else if (c == '%') {
      const char conversion = at + 1 < pattern.size() ? pattern[++at] : 0;
      if (!conversion || !std::strchr("YymdjHFGVu", conversion))
        return Defect{"index", "conversions of time are %Y %y %m %d %j %F and %H"};
      flush();
      Result<TimeFormat> format = TimeFormat::compile(std::string("%") + conversion);
      if (!format.ok()) return Defect{"index", format.status().message()};
      parts_.push_back({"", std::move(*format), -1});
      has_time_ = true;
      sample += '0';
    } else {
      literal += c;
      sample += c;
    }
  }
  flush();
  if (const char* defect = name_defect(sample); *defect)
    return Defect{"index", std::string("the name of an index ") + defect};
  return {};
}

std::string Actions::wildcard() const {
  std::string out;
  for (const Part& part : parts_) {
    if (!part.literal.empty())
      out += part.literal;
    else if (!out.ends_with('*'))
      out += '*';
  }
  return out;
}

std::set<std::string> Actions::indices() const {
  const std::lock_guard lock(mutex_);
  return indices_;
}

// False: it has no value.
bool Actions::append_value(const nek_column& column, uint32_t row, std::string& out) const {
  if (!nek_has(&column, row)) return false;
  char digits[24];
  switch (column.type) {
    case NEK_INT64:
      out.append(digits, std::to_chars(digits, std::end(digits), Int64View(column)[row]).ptr);
      return true;
    case NEK_UINT64:
      out.append(digits, std::to_chars(digits, std::end(digits), Uint64View(column)[row]).ptr);
      return true;
    default: {
      const std::string_view text = TextView(column)[row];
      out += text;
      return !text.empty();
    }
  }
}

bool Actions::write_index(const Call& call, uint32_t row, Lane& lane) const {
  lane.index.clear();
  for (const Part& part : parts_) {
    if (part.column >= 0) {
      lane.value.clear();
      if (!append_value(call.read(static_cast<uint32_t>(part.column)), row, lane.value)) {
        call.refuse(row, "no_index", "a column that 'index' names has no value");
        return false;
      }
      for (const char c : lane.value)
        lane.index += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    } else if (part.time) {
      char text[64];
      const int64_t ms = TimeView(call.read(static_cast<uint32_t>(time_column_)))[row];
      lane.time = {};  // one cache for several formats
      lane.index.append(text, part.time->write(text, ms, lane.time));
    } else {
      lane.index += part.literal;
    }
  }
  const char* defect = has_fields_ ? name_defect(lane.index) : "";
  if (*defect) call.refuse(row, "no_index", "'" + lane.index + "' " + defect);
  return !*defect;
}

bool Actions::write_head(const Call& call, uint32_t row, Lane& lane) const {
  int64_t hour = 0;
  if (has_time_) {
    const TimeView times(call.read(static_cast<uint32_t>(time_column_)));
    if (!times.has(row)) {
      call.refuse(row, "no_time", "'" + time_field_ + "' has no value, and 'index' needs one");
      return false;
    }
    hour = times[row] / kHourMs - (times[row] % kHourMs < 0);
  }
  if (!has_fields_ && hour == lane.hour) return true;
  lane.hour = INT64_MIN;
  if (!write_index(call, row, lane)) return false;
  lane.hour = hour;
  if (lane.index == lane.last_index) return true;
  lane.last_index = lane.index;
  lane.head = create_ ? R"({"create":{"_index":")" : R"({"index":{"_index":")";
  append_escaped(lane.head, lane.index);
  lane.head += '"';
  const std::lock_guard lock(mutex_);
  indices_.insert(lane.index);
  return true;
}

// An id and a routing that come from columns.
bool Actions::write_ids(const Call& call, uint32_t row, Lane& lane) const {
  const auto append = [&](int column, std::string_view key) {
    lane.value.clear();
    if (!append_value(call.read(static_cast<uint32_t>(column)), row, lane.value)) return false;
    lane.lines += key;
    append_escaped(lane.lines, lane.value);
    lane.lines += '"';
    return true;
  };
  if (id_column_ >= 0) {
    const bool has = append(id_column_, R"(,"_id":")");
    if (!has || lane.value.size() > kMaxId) {
      call.refuse(row, "no_id",
                  "'" + id_field_ + "' has " + (has ? "more than 512 bytes" : "no value"));
      return false;
    }
  }
  if (routing_column_ >= 0) append(routing_column_, R"(,"routing":")");
  return true;
}

void Actions::write(const Call& call, Lane& lane) const {
  constexpr std::string_view kKey = R"(,"_id":")";
  const uint32_t rows = call.rows();
  const nek_id* ids = record_id_ ? call.ids() : nullptr;
  lane.lines.clear();
  lane.refused.clear();
  lane.any_without_id = false;
  lane.ends.resize(rows);
  lane.before.resize(rows);
  for (uint32_t row = 0; row < rows; row++) {
    const size_t begin = lane.lines.size();
    bool good = write_head(call, row, lane);
    if (good) lane.lines += lane.head;
    if (good && ids && !has_id(ids[row])) {
      lane.any_without_id = true;  // the server makes one
    } else if (good && ids) {
      char text[kKey.size() + kIdSize + 1];
      std::memcpy(text, kKey.data(), kKey.size());
      *write_id(text + kKey.size(), ids[row]) = '"';
      lane.lines.append(text, sizeof text);
    }
    if (good && has_columns_) good = write_ids(call, row, lane);
    if (good) {
      lane.lines += "}}\n";
    } else {
      lane.lines.resize(begin);
      lane.refused.push_back(row);
    }
    lane.ends[row] = lane.lines.size();
  }
  size_t begin = 0;
  for (uint32_t row = 0; row < rows; row++) {
    lane.before[row] = {lane.lines.data() + begin, lane.ends[row] - begin};
    begin = lane.ends[row];
  }
}

}  // namespace nek
