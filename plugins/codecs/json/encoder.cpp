// SPDX-License-Identifier: Apache-2.0
#include "encoder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <set>

#include "digits.h"
#include "json_escape.h"

namespace nek {
namespace {

using Member = JsonEncoder::Member;

constexpr size_t kKeyOverrun = 32;  // keys and rendered values are copied in blocks of this size
constexpr size_t kMaxValue = 32;    // of a value without text, times aside
static_assert(kMaxValue >= kMaxDigits + kDigitsOverrun);

// A member and its column in one batch.
struct Cell {
  const nek_column* column;
  Member* member;
  const char* key;
  size_t key_size;
};

// Short copies in whole blocks: `from` is readable and `to` writable kKeyOverrun bytes past the
// end.
char* copy_short(char* to, const char* from, size_t size) {
  std::memcpy(to, from, kKeyOverrun);
  if (size > kKeyOverrun) std::memcpy(to + kKeyOverrun, from + kKeyOverrun, size - kKeyOverrun);
  return to + size;
}
char* put(char* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

// Writes the rows of one batch. Every value ends with a comma; the last becomes the brace.
class Rows {
 public:
  Rows(Encoded& out, const nek_batch& batch, const nek_column* const* columns,
       std::vector<Member>& members, Nulls nulls, const TimeFormat& time_format)
      : out_(out), rows_(batch.rows), nulls_(nulls), time_format_(time_format) {
    for (size_t i = 0; i < members.size(); i++) {
      Member& member = members[i];
      cells_.push_back({columns[i], &member, member.key.data(), member.key.size()});
      reserve_ += member.key.size() + std::max(kMaxValue, time_format.max_size()) + 3;
      use_dictionary(member, columns[i]->dictionary);
    }
    reserve_ += kKeyOverrun + kEscapeOverrun + 4;
  }

  void write() {
    for (uint32_t row = 0; row < rows_; row++) {
      const std::string_view before = out_.before(row);
      at_ = out_.room(before.size() + reserve_);
      end_ = reinterpret_cast<char*>(out_.c()->data) + out_.c()->capacity;
      if (!before.empty()) at_ = put(at_, before);
      *at_++ = '{';
      for (const Cell& cell : cells_) write_cell(cell, row);
      if (at_[-1] == ',') at_--;
      at_ = put(at_, "}\n");
      out_.wrote_to(at_);
      out_.end_row(row);
    }
  }

 private:
  static void use_dictionary(Member& member, const nek_dictionary* dictionary) {
    if (!dictionary || dictionary->id == member.dictionary) return;
    member.dictionary = dictionary->id;
    member.rendered.assign(dictionary->values->rows, {});
    member.text.clear();
  }

  // Room for `more` bytes besides what reserve_ covers: the rest of the row without its texts.
  void need(size_t more) {
    if (static_cast<size_t>(end_ - at_) >= more + reserve_) return;
    out_.wrote_to(at_);
    at_ = out_.room(more + reserve_);
    end_ = reinterpret_cast<char*>(out_.c()->data) + out_.c()->capacity;
  }

  void write_key(const Cell& cell) { at_ = copy_short(at_, cell.key, cell.key_size); }
  void write_null(const Cell& cell) {
    if (nulls_ == Nulls::kOmit) return;
    write_key(cell);
    at_ = put(at_, "null,");
  }

  void write_cell(const Cell& cell, uint32_t row) {
    const nek_column& c = *cell.column;
    if (!nek_has(&c, row)) return write_null(cell);
    if (c.type == NEK_DICT_TEXT || c.type == NEK_DICT_LIST) return write_code(cell, row);
    if (c.type == NEK_DOUBLE) return write_double(cell, static_cast<const double*>(c.values)[row]);
    write_key(cell);
    switch (c.type) {
      case NEK_BOOL: at_ = put(at_, BoolView(c)[row] ? "true" : "false"); break;
      case NEK_INT64: at_ = write_signed(at_, static_cast<const int64_t*>(c.values)[row]); break;
      case NEK_UINT64:
        at_ = write_unsigned(at_, static_cast<const uint64_t*>(c.values)[row]);
        break;
      case NEK_TIME: write_time(*cell.member, static_cast<const int64_t*>(c.values)[row]); break;
      case NEK_TEXT: write_text(to_view(nek_text_at(&c, row))); break;
      case NEK_JSON: write_json(to_view(nek_text_at(&c, row))); break;
      default: write_list(ListView(c)[row]);
    }
    *at_++ = ',';
  }

  void write_double(const Cell& cell, double value) {
    if (!std::isfinite(value)) return write_null(cell);
    write_key(cell);
    at_ = std::to_chars(at_, at_ + kMaxValue, value).ptr;
    *at_++ = ',';
  }
  void write_time(Member& member, int64_t ms) {
    if (time_format_.is_number()) {
      at_ = write_signed(at_, ms);
      return;
    }
    *at_++ = '"';
    at_ = time_format_.write(at_, ms, member.time);
    *at_++ = '"';
  }
  void write_text(std::string_view text) {
    need(max_escaped(text.size()));
    *at_++ = '"';
    at_ = write_escaped(at_, text);
    *at_++ = '"';
  }
  // Line breaks between tokens would end the record; within strings they are escaped already.
  void write_json(std::string_view json) {
    need(json.size());
    for (const char c : json) *at_++ = c == '\n' || c == '\r' ? ' ' : c;
  }
  void write_list(const TextList& list) {
    *at_++ = '[';
    for (uint32_t i = 0; i < list.size(); i++) {
      if (i) *at_++ = ',';
      if (list.has(i)) {
        write_text(list[i]);
      } else {
        need(0);
        at_ = put(at_, "null");
      }
    }
    need(0);
    *at_++ = ']';
  }

  void write_code(const Cell& cell, uint32_t row) {
    const auto code = static_cast<uint32_t>(static_cast<const int32_t*>(cell.column->values)[row]);
    const Member& member = *cell.member;
    if (member.rendered[code].size == Member::kNotRendered) render(cell, code);
    const Member::Rendered rendered = member.rendered[code];
    need(rendered.size);
    at_ = copy_short(at_, member.text.data() + rendered.begin, rendered.size);
  }
  void render(const Cell& cell, uint32_t code) {
    Member& member = *cell.member;
    const nek_column& values = *cell.column->dictionary->values;
    const size_t begin = member.text.size();
    if (nek_has(&values, code)) {
      member.text += member.key;
      append_value(member.text, values, code);
      member.text += ',';
    } else if (nulls_ == Nulls::kWrite) {
      member.text += member.key + "null,";
    }
    member.rendered[code] = {static_cast<uint32_t>(begin),
                             static_cast<uint32_t>(member.text.size() - begin)};
    member.text.reserve(member.text.size() + kKeyOverrun);
  }
  static void append_value(std::string& out, const nek_column& values, uint32_t code) {
    if (values.type == NEK_TEXT) return append_quoted(out, to_view(nek_text_at(&values, code)));
    const TextList list = ListView(values)[code];
    out += '[';
    for (uint32_t i = 0; i < list.size(); i++) {
      if (i) out += ',';
      if (list.has(i)) {
        append_quoted(out, list[i]);
      } else {
        out += "null";
      }
    }
    out += ']';
  }

  Encoded& out_;
  const uint32_t rows_;
  const Nulls nulls_;
  const TimeFormat& time_format_;
  std::vector<Cell> cells_;
  size_t reserve_ = 0;
  char *at_ = nullptr, *end_ = nullptr;
};

Member make_member(const std::string& name) {
  Member member;
  append_quoted(member.key, name);
  member.key += ':';
  member.key.reserve(member.key.size() + kKeyOverrun);
  return member;
}

}  // namespace

Status JsonEncoder::setup(Shape& shape) {
  Status status = compile_time_format();
  if (status.ok()) status = check_names();
  if (!status.ok()) return status;
  if (config_.fields.empty()) shape.read_all();
  for (const std::string& name : config_.fields) {
    shape.read_optional(name, {NEK_BOOL, NEK_INT64, NEK_UINT64, NEK_DOUBLE, NEK_TIME, NEK_TEXT,
                               NEK_JSON, NEK_LIST, NEK_DICT_TEXT, NEK_DICT_LIST});
  }
  return {};
}

Status JsonEncoder::start(const Start&) {
  host_.log(NEK_INFO, "times are written in " + config_.timezone);
  return {};
}

Status JsonEncoder::compile_time_format() {
  std::optional<TimeZone> zone;
  if (config_.timezone != "UTC") {
    Result<TimeZone> loaded = TimeZone::load(config_.timezone);
    if (!loaded.ok()) return fail_at(host_.at("timezone"), loaded.status().message());
    zone = std::move(*loaded);
  }
  const std::string& text = config_.time_format;
  Result<TimeFormat> format = TimeFormat::compile(text, std::move(zone));
  if (!format.ok())
    return fail_at(host_.at("time_format"), "'time_format': " + format.status().message());
  if (std::any_of(text.begin(), text.end(), detail::needs_escape))
    return fail_at(host_.at("time_format"), "'time_format' may not hold quotes or backslashes");
  time_format_ = std::move(*format);
  return {};
}

Status JsonEncoder::check_names() const {
  const auto& fields = config_.fields;
  for (const auto& [column, name] : config_.rename) {
    if (!fields.empty() && std::find(fields.begin(), fields.end(), column) == fields.end())
      return fail_at(find(*host_.at("rename"), column),
                     "'rename' names '" + column + "', which is not in 'fields'");
  }
  std::set<std::string> names;
  for (const std::string& field : fields) {
    if (!names.insert(name_of(field)).second)
      return fail_at(host_.at("fields"), "'" + name_of(field) + "' would be written twice");
  }
  return {};
}

std::string JsonEncoder::name_of(const std::string& column) const {
  for (const auto& [from, to] : config_.rename) {
    if (from == column) return to;
  }
  return column;
}

std::vector<Member>& JsonEncoder::members_of(const Call& call, Lane& lane) const {
  const nek_schema* schema = config_.fields.empty() ? call.batch().schema : nullptr;
  for (auto& known : lane.schemas) {
    if (known.schema == schema) return known.members;
  }
  auto& made = lane.schemas.emplace_back(Lane::Schema{schema, {}}).members;
  for (const std::string& field : config_.fields) made.push_back(make_member(name_of(field)));
  for (uint32_t i = 0; schema && i < schema->count; i++)
    made.push_back(make_member(name_of(schema->fields[i].name)));
  return made;
}

Status JsonEncoder::encode(Call& call, Encoded& out, Lane& lane) const {
  const nek_batch& batch = call.batch();
  const nek_column* const* columns = config_.fields.empty() ? batch.columns : call.c()->reads;
  Rows(out, batch, columns, members_of(call, lane), config_.nulls, time_format_).write();
  return {};
}

}  // namespace nek
