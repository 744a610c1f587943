// SPDX-License-Identifier: Apache-2.0
#include "values.h"

#include <array>
#include <utility>

#include "code_column.h"

namespace nek {

int32_t Values::code_of(const Value& value) {
  const auto [at, is_new] = index_.try_emplace(value, static_cast<int32_t>(values_.size()));
  if (is_new) values_.push_back(value);
  return at->second;
}

bool Values::add(const std::optional<Value>& value) {
  if (value && !values_.empty() && values_[0].index() != value->index()) return false;
  codes_.push_back(value ? code_of(*value) : kNone);
  return true;
}

void Values::set(uint32_t record, const std::optional<std::string>& text) {
  if (text) codes_[record] = code_of(*text);
}

void Values::set_if_none(uint32_t record, const std::optional<std::string>& text) {
  if (codes_[record] == kNone) set(record, text);
}

nek_type Values::type() const {
  static constexpr std::array<nek_type, std::variant_size_v<Value>> kTypes = {
      NEK_DICT_TEXT, NEK_UINT64, NEK_INT64, NEK_DOUBLE, NEK_BOOL, NEK_JSON};
  return values_.empty() ? nek_type{NEK_DICT_TEXT} : kTypes[values_[0].index()];
}

void Values::finish(const Host& host) {
  index_.clear();
  if (type() != NEK_DICT_TEXT) return;
  for (const Value& value : values_) texts_.push_back(std::get<std::string>(value));
  dictionary_ = host.dictionary(texts_);
}

template <class Writer, class Of>
const nek_column& Values::fill(nek_column& column, std::span<const uint32_t> records,
                               Of value) const {
  Writer out(column);
  for (uint32_t row = 0; row < records.size(); row++) {
    const int32_t code = codes_[records[row]];
    if (code == kNone) {
      out.null(row);
    } else {
      out.set(row, value(code));
    }
  }
  return column;
}

const nek_column& Values::fill(const Call& call, std::span<const uint32_t> records) const {
  if (type() == NEK_DICT_TEXT) return fill_codes(call, records);
  if (type() == NEK_JSON) return fill_json(call, records);
  nek_column& column = call.column(type(), {.nulls = true});
  const auto as = [&]<class T>(T) {
    return [&](int32_t code) { return std::get<T>(values_[static_cast<size_t>(code)]); };
  };
  switch (type()) {
    case NEK_UINT64: return fill<Uint64Writer>(column, records, as(uint64_t{}));
    case NEK_INT64: return fill<Int64Writer>(column, records, as(int64_t{}));
    case NEK_DOUBLE: return fill<DoubleWriter>(column, records, as(double{}));
    default: return fill<BoolWriter>(column, records, as(bool{}));
  }
}

const nek_column& Values::fill_codes(const Call& call, std::span<const uint32_t> records) const {
  const auto codes = call.memory<int32_t>(records.size());
  for (size_t row = 0; row < records.size(); row++) codes[row] = codes_[records[row]];
  return code_column(call, NEK_DICT_TEXT, codes, dictionary_.get());
}

const nek_column& Values::fill_json(const Call& call, std::span<const uint32_t> records) const {
  const auto text = [&](int32_t code) -> std::string_view {
    return std::get<Json>(values_[static_cast<size_t>(code)]).text;
  };
  size_t bytes = 0;
  for (const uint32_t record : records) {
    if (codes_[record] != kNone) bytes += text(codes_[record]).size();
  }
  nek_column& column = call.column(NEK_JSON, {.nulls = true, .text_bytes = bytes});
  return fill<TextWriter>(column, records, text);
}

}  // namespace nek
