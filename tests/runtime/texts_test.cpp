// SPDX-License-Identifier: Apache-2.0
#include "host/texts.h"

#include <catch2/catch.hpp>
#include <memory>

#include "host/intern.h"
#include "nek/batch.hpp"

namespace nek::test {
namespace {

using Rows = std::vector<uint32_t>;
using Texts = std::vector<std::optional<std::string>>;

constexpr const char* kLong = "a text of more than twelve bytes";

nek_column& texts_of(Arena& arena, const Texts& texts, nek_type type = NEK_TEXT) {
  size_t bytes = 0;
  bool nulls = false;
  for (const auto& text : texts) {
    bytes += text ? text->size() : 0;
    nulls |= !text;
  }
  nek_make make{};
  make.type = type;
  make.rows = static_cast<uint32_t>(texts.size());
  make.nulls = nulls;
  make.text_bytes = bytes;
  TextWriter writer(*make_column(arena, make));
  for (uint32_t row = 0; row < texts.size(); row++) {
    if (texts[row])
      writer.set(row, *texts[row]);
    else
      writer.null(row);
  }
  return *const_cast<nek_column*>(writer.column());
}

nek_column& lists_of(Arena& arena, const nek_column& items, const std::vector<int32_t>& ends) {
  nek_make make{};
  make.type = NEK_LIST;
  make.rows = static_cast<uint32_t>(ends.size());
  make.items = &items;
  nek_column* lists = make_column(arena, make);
  auto* to = static_cast<int32_t*>(lists->values);
  to[0] = 0;
  for (size_t row = 0; row < ends.size(); row++) to[row + 1] = ends[row];
  return *lists;
}

Rows bad_of(const Texts& texts) {
  Arena arena;
  return rows_not_utf8(texts_of(arena, texts), static_cast<uint32_t>(texts.size()));
}

TEST_CASE("texts that are not UTF-8 are found, short and long, between any others") {
  CHECK(bad_of({"", "abcdefghijkl", kLong, "caf\xc3\xa9", std::string(kLong) + "\xc3\xa9"}) ==
        Rows{});
  CHECK(bad_of({"\xff", "b", "caf\xc3", std::nullopt, std::string(kLong) + "\xc3", kLong}) ==
        Rows{0, 2, 4});
  // At each place of a text of each size.
  for (size_t size = 1; size < 40; size++)
    for (size_t at = 0; at < size; at++) {
      std::string text(size, 'x');
      text[at] = '\x80';
      CAPTURE(size, at);
      CHECK(bad_of({std::string(size, 'y'), text}) == Rows{1});
    }
}

TEST_CASE("rows behind those that are asked for, and rows without a value, do not count") {
  Arena arena;
  CHECK(rows_not_utf8(texts_of(arena, {"a", "\xff"}), 1) == Rows{});
  nek_column& texts = texts_of(arena, {"\xff", std::nullopt});
  texts.validity[0] = 0;
  CHECK(rows_not_utf8(texts, 2) == Rows{});
}

TEST_CASE("a list is not UTF-8 where one of its texts is not") {
  Arena arena;
  const nek_column& items = texts_of(arena, {"a", "\xff", "b", "\xfe"});
  CHECK(rows_not_utf8(lists_of(arena, items, {0, 1, 3, 3, 4}), 5) == Rows{2, 4});
}

TEST_CASE("a dictionary was looked at when it was made: rows with its codes are found") {
  Arena arena;
  const auto make = [](const nek_column& values) {
    return std::unique_ptr<const HostDictionary, void (*)(const HostDictionary*)>(
        make_dictionary(values), release);
  };
  const auto texts = make(texts_of(arena, {"a", "\xff", "b"}));
  const auto lists = make(lists_of(arena, texts_of(arena, {"a", "\xff"}), {1, 1, 2}));
  const auto codes_of = [&](nek_type type, const HostDictionary& dictionary) -> nek_column& {
    nek_make all{};
    all.type = type;
    all.rows = 4;
    all.dictionary = &dictionary;
    nek_column* column = make_column(arena, all);
    auto* codes = static_cast<int32_t*>(column->values);
    for (const int32_t code : {0, 1, 2, 1}) *codes++ = code;
    return *column;
  };
  CHECK(rows_not_utf8(codes_of(NEK_DICT_TEXT, *texts), 4) == Rows{1, 3});
  CHECK(rows_not_utf8(codes_of(NEK_DICT_LIST, *lists), 4) == Rows{2});
}

TEST_CASE("each byte that is part of no character becomes U+FFFD, in texts and in lists") {
  Arena arena;
  const std::string cut = std::string(kLong) + "\xe2\x82";
  const nek_column& texts = texts_of(arena, {"\xff"
                                             "a",
                                             std::nullopt, cut, "caf\xc3\xa9"});
  const auto as_text = [](const nek_column& column, uint32_t row) {
    return std::string(to_view(nek_text_at(&column, row)));
  };
  const nek_column& mended = *column_as_utf8(arena, texts);
  CHECK(as_text(mended, 0) ==
        "\xef\xbf\xbd"
        "a");
  CHECK_FALSE(nek_has(&mended, 1));
  CHECK(as_text(mended, 2) == std::string(kLong) + "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(as_text(mended, 3) == "caf\xc3\xa9");
  const nek_column& lists =
      *column_as_utf8(arena, lists_of(arena, texts_of(arena, {"\xff"}), {0, 1}));
  CHECK(static_cast<const int32_t*>(lists.values)[2] == 1);
  CHECK(as_text(*lists.items, 0) == "\xef\xbf\xbd");
}

}  // namespace
}  // namespace nek::test
