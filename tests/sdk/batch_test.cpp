// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <nek/arena.hpp>
#include <nek/batch.hpp>
#include <nek/check.hpp>
#include <nek/testing/host.hpp>

namespace {

nek_column& make(nek::Arena& arena, nek_type type, uint32_t rows, bool nulls = true,
                 nek_make more = {}) {
  more.type = type;
  more.rows = rows;
  more.nulls = nulls;
  return *nek::make_column(arena, more);
}

}  // namespace

TEST_CASE("numbers are read as they were written, nulls as 0") {
  nek::Arena arena;
  nek_column& column = make(arena, NEK_INT64, 3);
  nek::Int64Writer writer(column);
  writer.set(0, INT64_MIN);
  writer.null(1);
  writer.set(2, 7);
  const nek::Int64View view(column);
  CHECK(view.rows() == 3);
  CHECK(view[0] == INT64_MIN);
  CHECK_FALSE(view.has(1));
  CHECK(view[1] == 0);
  CHECK(view.has(2));
  CHECK(view.values()[2] == 7);
  CHECK(nek::check_column(column).ok());
}

TEST_CASE("a row may be set again, and made null after it was set") {
  nek::Arena arena;
  nek_column& column = make(arena, NEK_DOUBLE, 1);
  nek::DoubleWriter writer(column);
  writer.set(0, 1.5);
  writer.null(0);
  CHECK_FALSE(nek::DoubleView(column).has(0));
  CHECK(nek::check_column(column).ok());
  writer.set(0, 2.5);
  CHECK(nek::DoubleView(column)[0] == 2.5);
}

TEST_CASE("bools are bits") {
  nek::Arena arena;
  nek_column& column = make(arena, NEK_BOOL, 10);
  nek::BoolWriter writer(column);
  for (uint32_t row = 0; row < 10; row++) writer.set(row, row % 3 == 0);
  writer.null(9);
  const nek::BoolView view(column);
  CHECK(view[0]);
  CHECK_FALSE(view[1]);
  CHECK(view[6]);
  CHECK_FALSE(view[9]);
  CHECK_FALSE(view.has(9));
}

TEST_CASE("texts of up to 12 bytes lie in the view, longer ones in the column's own text") {
  nek::Arena arena;
  nek_make more{};
  more.text_bytes = 26;
  nek_column& column = make(arena, NEK_TEXT, 5, true, more);
  nek::TextWriter writer(column);
  CHECK(writer.set(0, "twelve bytes"));
  CHECK(writer.set(1, "thirteen byte"));
  CHECK(writer.set(2, ""));
  CHECK(writer.set(3, "also thirteen"));
  writer.null(4);
  const nek::TextView view(column);
  CHECK(view[0] == "twelve bytes");
  CHECK(view[1] == "thirteen byte");
  CHECK(view[2].empty());
  CHECK(view.has(2));
  CHECK(view[3] == "also thirteen");
  CHECK_FALSE(view.has(4));
  CHECK(nek::check_column(column).ok());
}

TEST_CASE("a text that does not fit is left empty, and set says so") {
  nek::Arena arena;
  nek_make more{};
  more.text_bytes = 13;
  nek_column& column = make(arena, NEK_TEXT, 2, true, more);
  nek::TextWriter writer(column);
  CHECK(writer.set(0, "thirteen byte"));
  CHECK_FALSE(writer.set(1, "also thirteen"));
  CHECK(nek::TextView(column)[1].empty());
  nek::TextWriter without(make(arena, NEK_TEXT, 1));
  CHECK_FALSE(without.set(0, "thirteen byte"));
}

TEST_CASE("texts point into the chunk, the short ones are copied") {
  nek::Arena arena;
  std::string chunk = "10.0.0.1,2001:db8:0:1::17,x";
  nek_make make{};
  make.type = NEK_TEXT;
  make.rows = 2;
  make.chunk_text = true;
  nek_column& column =
      *nek::make_column(arena, make, {reinterpret_cast<uint8_t*>(chunk.data()), chunk.size()});
  nek::TextWriter writer(column);
  writer.set_span(0, 0, 8);
  writer.set_span(1, 9, 16);
  const nek::TextView view(column);
  CHECK(view[0] == "10.0.0.1");
  CHECK(view[1] == "2001:db8:0:1::17");
  CHECK(view[1].data() == chunk.data() + 9);
  CHECK(nek::check_column(column).ok());
}

TEST_CASE("a column made like another shares its texts") {
  nek::Arena arena;
  nek_make more{};
  more.text_bytes = 100;
  nek_column& from = make(arena, NEK_TEXT, 1, false, more);
  nek::TextWriter(from).set(0, "a text longer than twelve");
  more.like = &from;
  nek_column& to = make(arena, NEK_TEXT, 2, false, more);
  nek::TextWriter writer(to);
  writer.set_view(0, static_cast<const nek_view*>(from.values)[0]);
  writer.set(1, "another long text of its own");
  const nek::TextView view(to);
  CHECK(view[0] == "a text longer than twelve");
  CHECK(view[0].data() == nek::TextView(from)[0].data());
  CHECK(view[1] == "another long text of its own");
}

TEST_CASE("lists are written row after row") {
  nek::Arena arena;
  nek_column& items = make(arena, NEK_TEXT, 10, false);
  nek_make more{};
  more.items = &items;
  nek_column& column = make(arena, NEK_LIST, 3, true, more);
  nek::ListWriter writer(column, items);
  writer.add("S");
  writer.add("A");
  writer.end_row();
  writer.null_row();
  writer.end_row();
  const nek::ListView view(column);
  CHECK(view[0].size() == 2);
  CHECK(view[0][1] == "A");
  CHECK_FALSE(view.has(1));
  CHECK(view.has(2));
  CHECK(view[2].empty());
  CHECK(items.rows == 2);
  CHECK(nek::check_column(column).ok());
}

TEST_CASE("a dictionary is read like the texts that its codes stand for") {
  nek::testing::Host host;
  nek::Arena arena;
  const std::vector<std::string> texts = {"TCP", "a protocol with a long name"};
  const nek::Dictionary dictionary(host.c(), texts);
  nek_make more{};
  more.dictionary = dictionary.get();
  nek_column& column = make(arena, NEK_DICT_TEXT, 3, true, more);
  nek::CodeWriter writer(column);
  writer.set(0, 1);
  writer.null(1);
  writer.set(2, 0);
  const nek::TextView view(column);
  CHECK(view[0] == "a protocol with a long name");
  CHECK(view[1].empty());
  CHECK(view[2] == "TCP");
  CHECK(view.dictionary() == dictionary.get());
  CHECK(nek::check_column(column).ok());
}

TEST_CASE("a dictionary of lists is read like lists") {
  nek::testing::Host host;
  nek::Arena arena;
  const std::vector<std::vector<std::string>> lists = {{}, {"S"}, {"S", "A"}};
  const nek::Dictionary dictionary(host.c(), lists);
  nek_make more{};
  more.dictionary = dictionary.get();
  nek_column& column = make(arena, NEK_DICT_LIST, 2, true, more);
  nek::CodeWriter writer(column);
  writer.set(0, 2);
  writer.null(1);
  const nek::ListView view(column);
  CHECK(view[0].size() == 2);
  CHECK(view[0][0] == "S");
  CHECK(view[1].empty());
}

TEST_CASE("a dictionary is freed once, by the last owner") {
  nek::testing::Host host;
  const std::vector<std::string> texts = {"a"};
  {
    nek::Dictionary first(host.c(), texts);
    nek::Dictionary second = std::move(first);
    CHECK(host.open_dictionaries() == 1);
    second = nek::Dictionary(host.c(), texts);
    CHECK(host.open_dictionaries() == 1);
  }
  CHECK(host.open_dictionaries() == 0);
}

TEST_CASE("bits are set and cleared one by one") {
  std::vector<uint64_t> bits(nek::bitmap_words(65));
  REQUIRE(bits.size() == 2);
  nek::set_bit(bits, 64);
  nek::set_bit(bits, 0);
  nek::clear_bit(bits, 0);
  CHECK(bits == std::vector<uint64_t>{0, 1});
  CHECK(nek::get_bit(bits, 64));
}

TEST_CASE("each broken promise of a column is named") {
  nek::Arena arena;
  nek_make more{};
  more.text_bytes = 40;
  nek_column& text = make(arena, NEK_TEXT, 1, true, more);
  nek::TextWriter writer(text);
  auto& view = static_cast<nek_view*>(text.values)[0];
  const auto problem = [&] { return nek::check_column(text).message(); };
  writer.set(0, "a text longer than twelve");
  CHECK(problem().empty());
  view.out.offset = 16;
  CHECK(problem() == "row 0: text reaches past its buffer");
  view.out.offset = 1;
  CHECK(problem() == "row 0: prefix is not that of the text");
  view.out.buffer = 1;
  CHECK(problem() == "row 0: no such text buffer");
  writer.set(0, "short");
  view.in.bytes[11] = 'x';
  CHECK(problem() == "row 0: unused bytes of a short text are not 0");
  writer.set(0, "\xFF");
  CHECK(problem() == "row 0: text is not UTF-8");
  writer.set(0, "{");
  text.type = NEK_JSON;
  CHECK(problem() == "row 0: not JSON");
  text.validity[0] = 0;
  CHECK(problem() == "row 0: is null, but its value is not 0");
}

TEST_CASE("a code outside of its dictionary is found") {
  nek::testing::Host host;
  nek::Arena arena;
  const nek::Dictionary dictionary(host.c(), std::vector<std::string>{"a"});
  nek_make more{};
  more.dictionary = dictionary.get();
  nek_column& column = make(arena, NEK_DICT_TEXT, 1, false, more);
  nek::CodeWriter(column).set(0, 1);
  CHECK(nek::check_column(column).message() == "row 0: code 1 is not in the dictionary");
}
