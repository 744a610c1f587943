// SPDX-License-Identifier: Apache-2.0
#include "tcp_flags.h"

#include <limits>

#include "nek/text.hpp"

namespace nek {
namespace {

int16_t mask_or_bad(std::optional<uint8_t> mask) { return mask ? int16_t{*mask} : kBadTcpFlags; }

int16_t mask_of(std::string_view text) {  // an empty text says nothing
  return text.empty() ? kNoTcpFlags : mask_or_bad(parse_tcp_flags(text));
}
int16_t mask_of(const TextList& letters) { return mask_or_bad(parse_tcp_flags(letters)); }

template <class T>
int16_t mask_of_number(T value) {
  return value >= 0 && value <= T{std::numeric_limits<uint8_t>::max()} ? static_cast<int16_t>(value)
                                                                       : kBadTcpFlags;
}

std::optional<uint8_t> parse_hex(std::string_view digits) {
  uint8_t mask = 0;
  const char* end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, mask, 16);
  if (error != std::errc() || at != end) return std::nullopt;
  return mask;
}

std::optional<uint8_t> parse_letters(std::string_view text) {
  uint8_t mask = 0;
  for (const char letter : text) {
    if (letter == '.') continue;
    const size_t bit = kTcpFlagLetters.find(letter);
    if (bit == std::string_view::npos) return std::nullopt;
    mask |= static_cast<uint8_t>(1u << bit);
  }
  return mask;
}

// Rows of a dictionary column; the dictionary's values are of type View.
template <class View>
void read_codes(const nek_column& column, PerCode<int16_t>& by_code, std::span<int16_t> masks) {
  const nek_column& values = *column.dictionary->values;
  const View view(values);
  const auto by = by_code.of(*column.dictionary, [&](uint32_t code) {
    return view.has(code) ? mask_of(view[code]) : kNoTcpFlags;
  });
  const auto* codes = static_cast<const int32_t*>(column.values);
  for (uint32_t row = 0; row < column.rows; row++) {
    masks[row] = by[static_cast<uint32_t>(codes[row])];
  }
}

template <class View>
void read_texts(const View& view, std::span<int16_t> masks) {
  for (uint32_t row = 0; row < view.rows(); row++) masks[row] = mask_of(view[row]);
}

template <class View>
void read_numbers(const View& view, std::span<int16_t> masks) {
  for (uint32_t row = 0; row < view.rows(); row++) masks[row] = mask_of_number(view[row]);
}

}  // namespace

std::optional<uint8_t> parse_tcp_flags(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text.starts_with("0x")) return parse_hex(text.substr(2));
  if (text[0] >= '0' && text[0] <= '9') return parse_number<uint8_t>(text);
  return parse_letters(text);
}

std::optional<uint8_t> parse_tcp_flags(const TextList& letters) {
  uint8_t mask = 0;
  for (uint32_t i = 0; i < letters.size(); i++) {
    const auto one = parse_letters(letters[i]);
    if (!one) return std::nullopt;
    mask |= *one;
  }
  return mask;
}

void TcpFlagsReader::read(const nek_column& column, std::span<int16_t> masks) {
  switch (column.type) {
    case NEK_INT64: read_numbers(Int64View(column), masks); break;
    case NEK_UINT64: read_numbers(Uint64View(column), masks); break;
    case NEK_TEXT: read_texts(TextView(column), masks); break;
    case NEK_LIST: read_texts(ListView(column), masks); break;
    case NEK_DICT_TEXT: read_codes<TextView>(column, by_code_, masks); break;
    default: read_codes<ListView>(column, by_code_, masks); break;
  }
  if (!column.validity) return;
  for (uint32_t row = 0; row < column.rows; row++) {
    if (!nek_has(&column, row)) masks[row] = kNoTcpFlags;
  }
}

std::string tcp_flags_text(const nek_column& column, uint32_t row) {
  switch (column.type) {
    case NEK_INT64: return std::to_string(Int64View(column)[row]);
    case NEK_UINT64: return std::to_string(Uint64View(column)[row]);
    case NEK_TEXT:
    case NEK_DICT_TEXT: return std::string(TextView(column)[row]);
    default: break;
  }
  const TextList letters = ListView(column)[row];
  std::string text;
  for (uint32_t i = 0; i < letters.size(); i++) {
    if (i) text += ',';
    text += letters[i];
  }
  return text;
}

}  // namespace nek
