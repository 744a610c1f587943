// SPDX-License-Identifier: Apache-2.0
// check_column: whether a column keeps the promises of plugin.h, down to each value.
// For columns from outside and for tests; columns of our own making are not checked again.
// Thread-safe: functions without state.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "nek/plugin.h"
#include "nek/status.hpp"
#include "nek/text.hpp"

namespace nek {

namespace detail {

// Walks over one JSON value; `at` stands behind it afterwards. Depth is bounded by kMaxDepth.
class JsonCheck {
 public:
  explicit JsonCheck(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}
  bool valid() {
    if (!value(0)) return false;
    skip_space();
    return at_ == end_;
  }

 private:
  static constexpr int kMaxDepth = 256;

  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) at_++;
  }
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    at_++;
    return true;
  }
  bool next(char c) {
    skip_space();
    return take(c);
  }
  bool word(std::string_view word) {
    if (static_cast<size_t>(end_ - at_) < word.size() ||
        std::string_view(at_, word.size()) != word) {
      return false;
    }
    at_ += word.size();
    return true;
  }
  bool digits() {
    const char* begin = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') at_++;
    return at_ != begin;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (!take('e') && !take('E')) return true;
    if (!take('+')) take('-');
    return digits();
  }
  bool hex4() {
    for (int i = 0; i < 4; i++, at_++) {
      if (at_ == end_ || !std::strchr("0123456789abcdefABCDEF", *at_) || *at_ == 0) return false;
    }
    return true;
  }
  bool escape() {
    if (take('u')) return hex4();
    if (at_ == end_ || *at_ == 0 || !std::strchr("\"\\/bfnrt", *at_)) return false;
    at_++;
    return true;
  }
  bool string() {
    if (!take('"')) return false;
    while (at_ != end_) {
      const char c = *at_++;
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') continue;
      if (!escape()) return false;
    }
    return false;
  }
  bool array(int depth) {
    if (next(']')) return true;
    do {
      if (!value(depth + 1)) return false;
    } while (next(','));
    return take(']');
  }
  bool object(int depth) {
    if (next('}')) return true;
    do {
      skip_space();
      if (!string() || !next(':') || !value(depth + 1)) return false;
    } while (next(','));
    return take('}');
  }
  bool value(int depth) {
    if (depth > kMaxDepth) return false;
    skip_space();
    if (take('{')) return object(depth);
    if (take('[')) return array(depth);
    if (at_ != end_ && *at_ == '"') return string();
    return word("true") || word("false") || word("null") || number();
  }

  const char* at_;
  const char* end_;
};

inline Status row_error(uint32_t row, const std::string& what) {
  return fail("row " + std::to_string(row) + ": " + what);
}

inline Status check_view(const nek_column& column, uint32_t row) {
  const nek_view& view = static_cast<const nek_view*>(column.values)[row];
  const size_t size = view.in.size;
  if (size <= sizeof view.in.bytes) {
    for (size_t i = size; i < sizeof view.in.bytes; i++) {
      if (view.in.bytes[i] != 0) return row_error(row, "unused bytes of a short text are not 0");
    }
  } else {
    if (view.out.buffer >= column.text_count) return row_error(row, "no such text buffer");
    const nek_buffer& text = column.text[view.out.buffer];
    if (view.out.offset > text.size || size > text.size - view.out.offset) {
      return row_error(row, "text reaches past its buffer");
    }
    if (std::memcmp(text.data + view.out.offset, view.out.prefix, sizeof view.out.prefix) != 0) {
      return row_error(row, "prefix is not that of the text");
    }
  }
  const std::string_view text = to_view(nek_text_at(&column, row));
  if (!valid_utf8(text)) return row_error(row, "text is not UTF-8");
  const bool json = column.type == NEK_JSON && nek_has(&column, row);
  if (json && !JsonCheck(text).valid()) return row_error(row, "not JSON");
  return {};
}

inline bool is_zero(const nek_column& column, uint32_t row) {
  const auto* bytes = static_cast<const uint8_t*>(column.values);
  switch (column.type) {
    case NEK_BOOL: return !(bytes[row >> 3] >> (row & 7) & 1);
    case NEK_TEXT:
    case NEK_JSON: return static_cast<const nek_view*>(column.values)[row].in.size == 0;
    case NEK_LIST: {
      const auto* ends = static_cast<const int32_t*>(column.values);
      return ends[row] == ends[row + 1];
    }
    case NEK_DICT_TEXT:
    case NEK_DICT_LIST: return static_cast<const int32_t*>(column.values)[row] == 0;
    default: return static_cast<const uint64_t*>(column.values)[row] == 0;
  }
}

}  // namespace detail

// UTF-8 is not checked here.
inline bool valid_json(std::string_view text) { return detail::JsonCheck(text).valid(); }

// What is wrong with it, and in which row.
inline Status check_column(const nek_column& column) {
  using detail::row_error;
  const bool dictionary = column.type == NEK_DICT_TEXT || column.type == NEK_DICT_LIST;
  if (column.type < NEK_BOOL || column.type > NEK_DICT_LIST) return fail("unknown type");
  if (dictionary) {
    if (!column.dictionary) return fail("no dictionary");
    const nek_column& values = *column.dictionary->values;
    const nek_type wanted = column.type == NEK_DICT_TEXT ? NEK_TEXT : NEK_LIST;
    if (values.type != wanted) return fail("dictionary of another type");
    if (Status s = check_column(values); !s.ok()) return fail("dictionary: " + s.message());
  }
  if (column.type == NEK_LIST) {
    if (!column.items || column.items->type != NEK_TEXT) return fail("a list's items are not text");
    if (Status s = check_column(*column.items); !s.ok()) return fail("items: " + s.message());
    if (static_cast<const int32_t*>(column.values)[0] < 0)
      return fail("a list begins before the first");
  }
  for (uint32_t row = 0; row < column.rows; row++) {
    if (column.type == NEK_TEXT || column.type == NEK_JSON) {
      if (Status s = detail::check_view(column, row); !s.ok()) return s;
    } else if (column.type == NEK_LIST) {
      const auto* ends = static_cast<const int32_t*>(column.values);
      if (ends[row] > ends[row + 1] || static_cast<uint32_t>(ends[row + 1]) > column.items->rows) {
        return row_error(row, "a list ends outside of its items");
      }
    } else if (dictionary && nek_has(&column, row)) {
      const int32_t code = static_cast<const int32_t*>(column.values)[row];
      if (code < 0 || static_cast<uint32_t>(code) >= column.dictionary->values->rows) {
        return row_error(row, "code " + std::to_string(code) + " is not in the dictionary");
      }
    }
    if (!nek_has(&column, row) && !detail::is_zero(column, row)) {
      return row_error(row, "is null, but its value is not 0");
    }
  }
  return {};
}

}  // namespace nek
