// SPDX-License-Identifier: Apache-2.0
#include "host/texts.h"

#include <algorithm>
#include <cstring>

#include "host/intern.h"
#include "nek/batch.hpp"
#include "nek/text.hpp"

namespace nek {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080u;

uint64_t word_at(const char* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// Has a high bit where the text has a byte that is not ASCII; a view of at most 12 bytes is zero
// behind them.
uint64_t high_bits(const nek_column& column, uint32_t row) {
  const nek_text text = nek_text_at(&column, row);
  if (text.size <= 12) {
    const auto& view = static_cast<const nek_view*>(column.values)[row].in;
    return word_at(view.bytes) | word_at(view.bytes + 4);
  }
  uint64_t all = word_at(text.data + text.size - sizeof all);
  for (size_t i = 0; i + sizeof all < text.size; i += sizeof all) all |= word_at(text.data + i);
  return all;
}

std::vector<uint32_t> bad_texts(const nek_column& column, uint32_t rows) {
  uint64_t all = 0;
  if (column.validity) {
    for (uint32_t row = 0; row < rows; row++)
      if (nek_has(&column, row)) all |= high_bits(column, row);
  } else {
    for (uint32_t row = 0; row < rows; row++) all |= high_bits(column, row);
  }
  std::vector<uint32_t> bad;
  if (!(all & kHighBits)) return bad;
  for (uint32_t row = 0; row < rows; row++)
    if (nek_has(&column, row) && !valid_utf8(to_view(nek_text_at(&column, row))))
      bad.push_back(row);
  return bad;
}

std::vector<uint32_t> bad_lists(const nek_column& column, uint32_t rows) {
  const auto* ends = static_cast<const int32_t*>(column.values);
  const std::vector<uint32_t> items =
      bad_texts(*column.items, std::min(static_cast<uint32_t>(ends[rows]), column.items->rows));
  std::vector<uint32_t> bad;
  for (uint32_t row = 0; row < rows && !items.empty(); row++) {
    const auto item =
        std::lower_bound(items.begin(), items.end(), static_cast<uint32_t>(ends[row]));
    if (item != items.end() && *item < static_cast<uint32_t>(ends[row + 1]) &&
        nek_has(&column, row))
      bad.push_back(row);
  }
  return bad;
}

std::vector<uint32_t> bad_codes(const nek_column& column, uint32_t rows) {
  std::vector<uint32_t> bad;
  if (!column.dictionary->id) return bad;  // of a column that is all null
  const auto& values = static_cast<const HostDictionary*>(column.dictionary)->not_utf8;
  const auto* codes = static_cast<const int32_t*>(column.values);
  for (uint32_t row = 0; row < rows && !values.empty(); row++)
    if (nek_has(&column, row) &&
        std::binary_search(values.begin(), values.end(), static_cast<uint32_t>(codes[row])))
      bad.push_back(row);
  return bad;
}

nek_column* texts_as_utf8(Arena& arena, const nek_column& column) {
  std::vector<std::string> texts(column.rows);
  nek_make make{};
  make.type = column.type;
  make.rows = column.rows;
  make.nulls = column.validity != nullptr;
  for (uint32_t row = 0; row < column.rows; row++) {
    if (nek_has(&column, row)) texts[row] = as_utf8(to_view(nek_text_at(&column, row)));
    make.text_bytes += texts[row].size();
  }
  nek_column* mended = make_column(arena, make);
  TextWriter writer(*mended);
  for (uint32_t row = 0; row < column.rows; row++) {
    if (nek_has(&column, row))
      writer.set(row, texts[row]);
    else
      writer.null(row);
  }
  return mended;
}

}  // namespace

std::vector<uint32_t> rows_not_utf8(const nek_column& column, uint32_t rows) {
  switch (column.type) {
    case NEK_TEXT:
    case NEK_JSON: return bad_texts(column, rows);
    case NEK_LIST: return bad_lists(column, rows);
    case NEK_DICT_TEXT:
    case NEK_DICT_LIST: return bad_codes(column, rows);
    default: return {};
  }
}

std::string as_utf8(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    const size_t size = *at < 0x80 ? 1 : detail::utf8_sequence(at, bytes.size());
    text += size > 0 ? bytes.substr(0, size) : std::string_view("\xef\xbf\xbd");
    bytes.remove_prefix(std::max<size_t>(size, 1));
  }
  return text;
}

nek_column* column_as_utf8(Arena& arena, const nek_column& column) {
  if (column.type != NEK_LIST) return texts_as_utf8(arena, column);
  nek_column* lists = copy_column(arena, column);
  lists->items = texts_as_utf8(arena, *column.items);
  return lists;
}

}  // namespace nek
