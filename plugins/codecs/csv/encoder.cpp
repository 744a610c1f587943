// SPDX-License-Identifier: Apache-2.0
#include "encoder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

#include "digits.h"

namespace nek::csv {

namespace {

constexpr size_t kMostNumber = 32;  // of any number
static_assert(kMostNumber >= kMaxDigits + kDigitsOverrun);

// Appends to `out` while it keeps the end by itself.
class Writer {
 public:
  explicit Writer(Encoded& out) : out_(out) {}
  // Where so many bytes can be written.
  char* room(size_t bytes) {
    if (static_cast<size_t>(limit_ - at_) < bytes) [[unlikely]]
      get_more(bytes);
    return at_;
  }
  void wrote_to(char* end) { at_ = end; }
  void append(char c) {
    *room(1) = c;
    at_++;
  }
  void append(std::string_view text) {
    char* to = room(text.size());
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    at_ = to + text.size();
  }
  // A text of a column, behind which columns have bytes to read.
  void append_padded(std::string_view text) {
    char* to = room(text.size() + kBlock);
    for (size_t at = 0; at < text.size(); at += kBlock)
      std::memcpy(to + at, text.data() + at, kBlock);
    at_ = to + text.size();
  }
  void end_row(uint32_t row) {
    out_.wrote_to(at_);
    out_.end_row(row);
  }

 private:
  static constexpr size_t kAhead = 4096, kBlock = 16;
  [[gnu::noinline]] void get_more(size_t bytes) {
    if (at_) out_.wrote_to(at_);
    at_ = out_.room(bytes + kAhead);
    limit_ = at_ + bytes + kAhead;
  }

  Encoded& out_;
  char* at_ = nullptr;
  char* limit_ = nullptr;
};

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
  for (const unsigned char c : delimiter + "\"\r\n") is_special_[c] = true;
  if (Status status = set_time_format(); !status.ok()) return status;
  for (const std::string& name : config_.fields) {
    shape.read_optional(name, {NEK_BOOL, NEK_INT64, NEK_UINT64, NEK_DOUBLE, NEK_TIME, NEK_TEXT,
                               NEK_JSON, NEK_LIST, NEK_DICT_TEXT, NEK_DICT_LIST});
  }
  return set_header();
}

Status Encoder::start(const Start&) {
  if (config_.timezone != "UTC") host_.log(NEK_INFO, "times are written in " + config_.timezone);
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

// Writes the rows of one batch.
class Encoder::Rows {
 public:
  Rows(const Encoder& encoder, Call& call, Encoded& out, Lane& lane)
      : of_(encoder), out_(out), to_(out), rows_(call.rows()) {
    const auto count = static_cast<uint32_t>(of_.config_.fields.size());
    lane.fields.resize(count);
    for (uint32_t i = 0; i < count; i++) {
      const nek_column& column = call.read(i);
      lane.fields[i].use(column.dictionary);
      cells_.push_back({&column, &lane.fields[i]});
    }
  }
  void write() {
    const char delimiter = of_.config_.delimiter[0];
    for (uint32_t row = 0; row < rows_; row++) {
      to_.append(out_.before(row));
      for (const Cell& cell : cells_) {
        if (&cell != cells_.data()) to_.append(delimiter);
        if (cells_.size() == 1 && is_null(cell, row))
          to_.append("\"\"");  // a blank line would be no record
        else if (nek_has(cell.column, row))
          write_value(cell, row);
      }
      to_.append(of_.record_end());
      to_.end_row(row);
    }
  }

 private:
  struct Cell {
    const nek_column* column;
    Field* field;
    template <class T>
    T value(uint32_t row) const {
      return static_cast<const T*>(column->values)[row];
    }
  };

  static bool is_null(const Cell& cell, uint32_t row) {
    const nek_column& column = *cell.column;
    if (!nek_has(&column, row)) return true;
    if (column.type == NEK_DOUBLE) return !std::isfinite(cell.value<double>(row));
    return column.dictionary && !nek_has(column.dictionary->values, cell.value<uint32_t>(row));
  }
  void write_value(const Cell& cell, uint32_t row) {
    switch (cell.column->type) {
      case NEK_BOOL: return to_.append(BoolView(*cell.column)[row] ? "true" : "false");
      case NEK_INT64:
        return to_.wrote_to(write_signed(to_.room(kMostNumber), cell.value<int64_t>(row)));
      case NEK_UINT64:
        return to_.wrote_to(write_unsigned(to_.room(kMostNumber), cell.value<uint64_t>(row)));
      case NEK_DOUBLE: return write_double(cell.value<double>(row));
      case NEK_TIME: {
        char* to = to_.room(of_.time_format_.max_size());
        return to_.wrote_to(
            of_.time_format_.write(to, cell.value<int64_t>(row), cell.field->times));
      }
      case NEK_DICT_TEXT:
      case NEK_DICT_LIST: return to_.append(rendered(cell, cell.value<uint32_t>(row)));
      case NEK_LIST: return to_.append(of_.field_of(ListView(*cell.column)[row]));
      default: return write_text(to_view(nek_text_at(cell.column, row)));
    }
  }
  void write_double(double value) {
    if (!std::isfinite(value)) return;
    char* to = to_.room(kMostNumber);
    to_.wrote_to(std::to_chars(to, to + kMostNumber, value).ptr);
  }
  void write_text(std::string_view text) {
    if (of_.needs_quotes(text)) return to_.append(in_quotes(text));
    to_.append_padded(text);
  }
  const std::string& rendered(const Cell& cell, uint32_t code) const {
    Field& field = *cell.field;
    if (!field.is_rendered[code]) [[unlikely]] {
      const nek_column& values = *cell.column->dictionary->values;
      if (nek_has(&values, code))
        field.rendered[code] = values.type == NEK_TEXT
                                   ? of_.field_of(to_view(nek_text_at(&values, code)))
                                   : of_.field_of(ListView(values)[code]);
      field.is_rendered[code] = true;
    }
    return field.rendered[code];
  }

  const Encoder& of_;
  Encoded& out_;
  Writer to_;
  const uint32_t rows_;
  std::vector<Cell> cells_;
};

void Encoder::Field::use(const nek_dictionary* of) {
  if (!of || of->id == dictionary) return;
  dictionary = of->id;
  rendered.assign(of->values->rows, {});
  is_rendered.assign(of->values->rows, false);
}

Status Encoder::encode(Call& call, Encoded& out, Lane& lane) const {
  Rows(*this, call, out, lane).write();
  return {};
}

std::string Encoder::field_of(std::string_view text) const {
  return needs_quotes(text) ? in_quotes(text) : std::string(text);
}

std::string Encoder::field_of(const TextList& items) const {
  std::string joined;
  for (uint32_t i = 0; i < items.size(); i++) {
    if (i > 0) joined += config_.list_separator;
    joined += items[i];
  }
  return field_of(joined);
}

// An empty text has quotes, because without them it is no value.
bool Encoder::needs_quotes(std::string_view text) const {
  bool needs = text.empty();
  for (const char c : text) needs |= is_special_[static_cast<unsigned char>(c)];
  return needs;
}

}  // namespace nek::csv
