// SPDX-License-Identifier: Apache-2.0
#include "encoder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "delimiter.h"
#include "digits.h"
#include "option_error.h"

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
  // A text of a column or of RenderedValues, behind which there are bytes to read.
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
  if (config_.fields.empty()) return option_error(host_, "fields", "names no column");
  Status status = check_delimiter(host_, config_.delimiter);
  for (const unsigned char c : config_.delimiter + "\"\r\n") is_special_[c] = true;
  if (status.ok()) status = set_time_format();
  if (status.ok()) status = config_.check_rename(host_);
  if (status.ok() && config_.header) status = config_.check_names(host_);
  if (!status.ok()) return status;
  for (const std::string& name : config_.fields) EncoderOptions::read_column(shape, name);
  if (config_.header) set_header();
  return {};
}

Status Encoder::start(const Start&) {
  config_.log_timezone(host_);
  return {};
}

Status Encoder::set_time_format() {
  Result<TimeFormat> format = config_.compile_time_format(host_);
  if (!format.ok()) return format.status();
  if (needs_quotes(config_.time_format))
    return option_error(host_, "time_format", "may not hold the delimiter or quotes");
  time_format_ = std::move(*format);
  return {};
}

void Encoder::set_header() {
  for (const std::string& field : config_.fields) {
    if (!header_.empty()) header_ += config_.delimiter;
    header_ += field_of(config_.name_of(field));
  }
  header_ += '\n';
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
      lane.fields[i].values.use(column.dictionary);
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
      case NEK_DICT_LIST: return to_.append_padded(rendered(cell, cell.value<uint32_t>(row)));
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
  std::string_view rendered(const Cell& cell, uint32_t code) const {
    const RenderedValues& values = cell.field->values;
    const RenderedValues::Place place = values.places()[code];
    if (place.size == RenderedValues::Place::kNotYet) [[unlikely]]
      return values.at(render(cell, code));
    return values.at(place);
  }
  RenderedValues::Place render(const Cell& cell, uint32_t code) const {
    return cell.field->values.render(code, [&](std::string& out) {
      const nek_column& values = *cell.column->dictionary->values;
      if (!nek_has(&values, code)) return;
      out += values.type == NEK_TEXT ? of_.field_of(to_view(nek_text_at(&values, code)))
                                     : of_.field_of(ListView(values)[code]);
    });
  }

  const Encoder& of_;
  Encoded& out_;
  Writer to_;
  const uint32_t rows_;
  std::vector<Cell> cells_;
};

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
