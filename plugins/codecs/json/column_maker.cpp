// SPDX-License-Identifier: Apache-2.0
#include "column_maker.h"

#include <cstring>

#include "eight_bytes.h"

namespace nek {
namespace {

using Values = JsonDecoder::Values;
using Value = Values::Value;

class ColumnMaker {
 public:
  ColumnMaker(const Call& call, const char* chunk, const Values& from, uint32_t rows)
      : call_(call),
        chunk_(chunk),
        values_(from.values.data()),
        flags_(from.flags.data()),
        rows_(rows) {
    uint8_t all = Values::kHas, any = 0;
    for (uint32_t row = 0; row < rows_; row++) {
      all &= flags_[row];
      any |= flags_[row];
    }
    nulls_ = all == 0;
    escapes_ = any & Values::kEscaped;
  }

  const nek_column* make(nek_type type, JsonDecoder::Codes* codes) {
    switch (type) {
      case NEK_TEXT: return text(type, escapes_);
      case NEK_JSON: return text(type, false);
      case NEK_LIST: return list();
      case NEK_DICT_TEXT: return dictionary(*codes);
      case NEK_BOOL: return bools();
      default: return numbers(type);
    }
  }

 private:
  bool has(uint32_t row) const { return flags_[row] & Values::kHas; }
  bool escaped(uint32_t row) const { return flags_[row] & Values::kEscaped; }
  std::string_view view(uint32_t row) const {
    return {chunk_ + values_[row].text.begin, values_[row].text.size};
  }
  // Without escapes; valid until the next call.
  std::string_view plain(std::string_view escaped) {
    if (scratch_.size() < escaped.size()) scratch_.resize(escaped.size());
    const char* end = unescape_json(escaped, scratch_.data());
    return {scratch_.data(), static_cast<size_t>(end - scratch_.data())};
  }
  void set_nulls(nek_column& column) const {
    if (!nulls_) return;
    for (uint32_t row = 0; row < rows_; row++)
      column.validity[row / 8] |= static_cast<uint8_t>((flags_[row] & Values::kHas) << row % 8);
  }

  // All of them are eight bytes.
  const nek_column* numbers(nek_type type) const {
    nek_column& column = call_.column(type, {.rows = rows_, .nulls = nulls_});
    std::memcpy(column.values, values_, rows_ * sizeof(Value));
    set_nulls(column);
    return &column;
  }
  const nek_column* bools() const {
    BoolWriter writer(call_.column(NEK_BOOL, {.rows = rows_, .nulls = nulls_}));
    for (uint32_t row = 0; row < rows_; row++) {
      if (has(row)) {
        writer.set(row, values_[row].integer != 0);
      } else {
        writer.null(row);
      }
    }
    return writer.column();
  }
  const nek_column* text(nek_type type, bool unescape) {
    size_t own = 0;
    for (uint32_t row = 0; unescape && row < rows_; row++)
      own += escaped(row) ? values_[row].text.size : 0;
    nek_column& column =
        call_.column(type, {.rows = rows_, .nulls = nulls_, .chunk_text = true, .text_bytes = own});
    auto* views = static_cast<nek_view*>(column.values);
    TextWriter writer(column);
    for (uint32_t row = 0; row < rows_; row++) {
      if (unescape && escaped(row)) {
        writer.set(row, plain(view(row)));
      } else {
        views[row] = view_of_chunk(chunk_, values_[row].text.begin, values_[row].text.size);
      }
    }
    set_nulls(column);
    return &column;
  }
  const nek_column* list() {
    size_t bytes = 0;
    for (uint32_t row = 0; row < rows_; row++) bytes += values_[row].text.size;
    // An item takes three bytes at least: its quotes, a comma or bracket.
    const auto items = static_cast<uint32_t>(bytes / 3);
    nek_column& texts = call_.column(NEK_TEXT, {.rows = items, .text_bytes = bytes});
    ListWriter writer(call_.column(NEK_LIST, {.rows = rows_, .nulls = nulls_, .items = &texts}),
                      texts);
    for (uint32_t row = 0; row < rows_; row++) {
      if (!has(row)) {
        writer.null_row();
        continue;
      }
      each_json_text(view(row), [&](std::string_view text, bool is_escaped) {
        writer.add(is_escaped ? plain(text) : text);
      });
      writer.end_row();
    }
    return writer.column();
  }
  const nek_column* dictionary(JsonDecoder::Codes& codes) {
    const auto numbers = call_.memory<int32_t>(rows_);
    for (uint32_t row = 0; row < rows_; row++) numbers[row] = has(row) ? code(codes, row) : 0;
    nek_column& column = call_.column(
        NEK_DICT_TEXT, {.rows = rows_, .nulls = nulls_, .dictionary = codes.seen.dictionary()});
    std::memcpy(column.values, numbers.data(), numbers.size_bytes());
    set_nulls(column);
    return &column;
  }
  int32_t code(JsonDecoder::Codes& codes, uint32_t row) {
    const std::string_view text = view(row);
    if (escaped(row)) return codes.seen.code(plain(text));
    if (text.size() > 8) return codes.seen.code(text);
    const auto size = static_cast<uint32_t>(text.size());
    const uint64_t bytes = load<uint64_t>(text.data()) & kFirstBytes[size];
    auto& slot = codes.last[(bytes * 0x9E3779B97F4A7C15 ^ size) % codes.last.size()];
    if (slot.text != bytes || slot.size != size) slot = {bytes, size, codes.seen.code(text)};
    return slot.code;
  }

  const Call& call_;
  const char* chunk_;
  const Value* values_;
  const uint8_t* flags_;
  uint32_t rows_;
  bool nulls_, escapes_;
  std::string scratch_;
};

}  // namespace

const nek_column* make_json_column(const Call& call, const char* chunk, const Values& from,
                                   uint32_t rows, ColumnType type, JsonDecoder::Codes* codes) {
  return ColumnMaker(call, chunk, from, rows).make(type_of(type), codes);
}

}  // namespace nek
