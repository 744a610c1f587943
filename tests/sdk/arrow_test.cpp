// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <cstring>
#include <nek/arrow.hpp>
#include <nek/testing/host.hpp>

namespace {

const std::string kTable =
    R"({"b":"bool","i":"int64","u":"uint64","d":"double","t":"time","s":"text","j":"json","l":"list","dt":"dict_text","dl":"dict_list"})"
    "\n"
    R"({"b":true,"i":-5,"u":18446744073709551615,"d":0.1,"t":"2026-01-02T03:04:05.678Z","s":"a text longer than twelve","j":{"a":[1,null]},"l":["S","a text longer than twelve"],"dt":"TCP","dl":["S","A"]})"
    "\n"
    R"({"b":null,"i":null,"u":null,"d":null,"t":null,"s":null,"j":null,"l":null,"dt":null,"dl":null})"
    "\n"
    R"({"b":false,"i":0,"u":0,"d":-1.5,"t":"1969-12-31T23:59:59.999Z","s":"","j":"x","l":[],"dt":"a protocol with a long name","dl":[]})"
    "\n";

std::string print(const nek_batch& batch) {
  std::string text = nek::testing::format_types(*batch.schema);
  for (uint32_t row = 0; row < batch.rows; row++) {
    text += nek::testing::format_row(*batch.schema, batch.columns, row);
  }
  return text;
}

// A table exported as Arrow; `text` is read again by import.
struct Exported {
  explicit Exported(std::string_view table, std::shared_ptr<const void> owner = nullptr) {
    call = host.begin_call(nullptr, nullptr);
    batch = host.batch(*call, table);
    REQUIRE(nek::export_batch(*batch, &schema, &array, std::move(owner)).ok());
  }
  ~Exported() {
    if (schema.release) schema.release(&schema);
    if (array.release) array.release(&array);
  }
  Exported(const Exported&) = delete;
  Exported& operator=(const Exported&) = delete;

  nek::MakeDictionary dictionary() {
    return [this](const nek_column& values) { return host.make_dictionary(values); };
  }
  nek::Result<const nek_batch*> import() {
    return nek::import_batch(arena, &schema, &array, dictionary(), [this](auto fields) {
      return host.c()->schema(host.c(), fields.data(), static_cast<uint32_t>(fields.size()));
    });
  }
  // What is wrong with the only column, or "".
  std::string problem() {
    const auto imported = import();
    return imported.ok() ? "" : imported.status().message();
  }
  ArrowArray& child(int64_t i = 0) { return *array.children[i]; }
  template <class T>
  T* buffer(int64_t b, int64_t i = 0) {
    return static_cast<T*>(const_cast<void*>(child(i).buffers[b]));
  }

  nek::testing::Host host;
  std::unique_ptr<nek::testing::Host::CallOf> call;
  const nek_batch* batch = nullptr;
  nek::Arena arena;
  ArrowSchema schema{};
  ArrowArray array{};
};

const std::string kLong = "{\"s\":\"text\"}\n{\"s\":\"a text longer than twelve\"}\n";

}  // namespace

TEST_CASE("a batch of every type comes back from Arrow as it went") {
  Exported e(kTable);
  e.call.reset();  // the receiver keeps it after the batch's end
  const auto imported = e.import();
  REQUIRE(imported.ok());
  CHECK(print(**imported) == kTable);
  CHECK(e.schema.release == nullptr);
  CHECK(e.array.release == nullptr);
  for (uint32_t c = 0; c < (*imported)->schema->count; c++) {
    CHECK(nek::check_column(*(*imported)->columns[c]).message().empty());
  }
}

TEST_CASE("types are written in Arrow's formats") {
  Exported e(kTable);
  CHECK(std::string(e.schema.format) == "+s");
  std::string formats;
  for (int64_t i = 0; i < e.schema.n_children; i++) {
    formats += std::string(e.schema.children[i]->format) + " ";
    CHECK(e.schema.children[i]->flags == ARROW_FLAG_NULLABLE);
  }
  CHECK(formats == "b l L g tsm:UTC vu vu +l i i ");
  CHECK(std::string(e.schema.children[4]->name) == "t");
  CHECK(std::string(e.schema.children[8]->dictionary->format) == "vu");
  CHECK(std::string(e.schema.children[9]->dictionary->format) == "+l");
  CHECK(std::string(e.schema.children[7]->children[0]->format) == "vu");
  CHECK(e.schema.children[5]->metadata == nullptr);
  CHECK(std::memcmp(e.schema.children[6]->metadata + 8, "ARROW:extension:name", 20) == 0);
}

TEST_CASE("a batch without rows or without columns is exchanged too") {
  for (const std::string& table : {kTable.substr(0, kTable.find('\n') + 1), std::string("{}\n"),
                                   std::string("{}\n{}\n{}\n")}) {
    Exported e(table);
    const auto imported = e.import();
    REQUIRE(imported.ok());
    CHECK(print(**imported) == table);
  }
}

TEST_CASE("with an owner nothing is copied, and the last release lets go of it") {
  const auto owner = std::make_shared<int>(1);
  Exported e(kTable, owner);
  CHECK(e.child(1).buffers[1] == e.batch->columns[1]->values);
  CHECK(e.child(5).buffers[2] == e.batch->columns[5]->text[0].data);
  CHECK(owner.use_count() > 1);
  e.array.release(&e.array);
  CHECK(owner.use_count() == 1);
}

TEST_CASE("a child that its receiver moved out outlives its parent") {
  Exported e(kTable);
  ArrowArray moved = e.child(5);
  e.child(5).release = nullptr;
  e.array.release(&e.array);
  CHECK(static_cast<const nek_view*>(moved.buffers[1])[0].in.size == 25);
  moved.release(&moved);
  CHECK(moved.release == nullptr);
}

TEST_CASE("a slice is imported as its rows") {
  Exported e(kTable);
  e.array.offset = 1;
  e.array.length = 2;
  const auto imported = e.import();
  REQUIRE(imported.ok());
  const size_t row2 = kTable.find("{\"b\":null");
  CHECK(print(**imported) == kTable.substr(0, kTable.find('\n') + 1) + kTable.substr(row2));
}

TEST_CASE("a column's own slice is imported as its rows") {
  Exported e(kTable);
  for (int64_t i = 0; i < e.array.n_children; i++) {
    e.child(i).offset = 2;
    e.child(i).length = 1;
  }
  e.array.length = 1;
  const auto imported = e.import();
  REQUIRE(imported.ok());
  CHECK(print(**imported) ==
        kTable.substr(0, kTable.find('\n') + 1) + kTable.substr(kTable.find("{\"b\":false")));
}

TEST_CASE("one column is imported alone") {
  Exported e(kLong);
  ArrowSchema* schema = e.schema.children[0];
  const auto column = nek::import_column(e.arena, schema, &e.child(), e.dictionary());
  REQUIRE(column.ok());
  CHECK(nek::TextView(**column)[0] == "a text longer than twelve");
  CHECK(schema->release == nullptr);
  CHECK(e.child().release == nullptr);
}

TEST_CASE("a type outside of the list is refused by name, and stays the caller's") {
  Exported e(kLong);
  e.schema.children[0]->format = "u";
  CHECK(e.problem() == "column 's': type 'u' is not one of b, l, L, g, tsm:UTC, vu, +l of vu");
  CHECK(e.schema.release != nullptr);
  CHECK(e.array.release != nullptr);
}

TEST_CASE("texts outside of their buffers are refused") {
  const std::string past = "column 's': a text reaches past its buffer";
  SECTION("by offset") {
    Exported e(kLong);
    e.buffer<nek_view>(1)->out.offset = 1000;
    CHECK(e.problem() == past);
  }
  SECTION("by size") {
    Exported e(kLong);
    e.buffer<nek_view>(1)->out.size = 1000;
    CHECK(e.problem() == past);
  }
  SECTION("by a negative size") {
    Exported e(kLong);
    e.buffer<nek_view>(1)->out.size = UINT32_MAX;
    CHECK(e.problem() == "column 's': a text has a negative size");
  }
  SECTION("by buffer") {
    Exported e(kLong);
    e.buffer<nek_view>(1)->out.buffer = 7;
    CHECK(e.problem() == "column 's': a text is in no buffer");
  }
  SECTION("by the buffer's size") {
    Exported e(kLong);
    e.buffer<int64_t>(3)[0] = -1;
    CHECK(e.problem() == past);
  }
}

TEST_CASE("text that is not UTF-8 and JSON that is none are refused") {
  Exported e(kLong);
  e.buffer<char>(2)[3] = '\xFF';
  CHECK(e.problem() == "column 's': a text is not UTF-8");
  Exported json("{\"j\":\"json\"}\n{\"j\":[1]}\n");
  json.buffer<nek_view>(1)->in.bytes[2] = 'x';
  CHECK(json.problem() == "column 'j': a text is not JSON");
}

TEST_CASE("lists and codes that point outside are refused") {
  const std::string list = "{\"l\":\"list\"}\n{\"l\":[\"a\",\"b\"]}\n";
  SECTION("a list that ends behind its items") {
    Exported e(list);
    e.buffer<int32_t>(1)[1] = 3;
    CHECK(e.problem() == "column 'l': a list ends outside of its items");
  }
  SECTION("a list that begins before them") {
    Exported e(list);
    e.buffer<int32_t>(1)[0] = -1;
    CHECK(e.problem() == "column 'l': a list ends outside of its items");
  }
  SECTION("a code") {
    Exported e("{\"d\":\"dict_text\"}\n{\"d\":\"x\"}\n");
    e.buffer<int32_t>(1)[0] = 1;
    CHECK(e.problem() == "column 'd': code 1 is not in the dictionary");
  }
}

TEST_CASE("structs that do not hang together are refused") {
  SECTION("too few rows") {
    Exported e(kLong);
    e.array.length = 2;
    CHECK(e.problem() == "column 's': has too few rows");
  }
  SECTION("too few buffers") {
    Exported e(kLong);
    e.child().n_buffers = 2;
    CHECK(e.problem() == "column 's': number of buffers is wrong");
  }
  SECTION("no values") {
    Exported e(kLong);
    e.child().buffers[1] = nullptr;
    CHECK(e.problem() == "column 's': values are missing");
  }
  SECTION("a negative length") {
    Exported e(kLong);
    e.child().length = -1;
    CHECK(e.problem() == "column 's': length or offset is out of range");
  }
  SECTION("schema and array of different width") {
    Exported e(kLong);
    e.schema.n_children = 0;
    CHECK(e.problem() == "not a struct array (+s)");
    e.schema.n_children = 1;
  }
  SECTION("a row that is null as a whole") {
    Exported e(kLong);
    const uint64_t none = 0;
    e.array.buffers[0] = &none;
    CHECK(e.problem() == "a whole row is null");
  }
}

TEST_CASE("what lies under a null is not looked at, and becomes 0") {
  Exported e("{\"s\":\"text\"}\n{\"s\":\"a text longer than twelve\"}\n{}\n");
  e.buffer<nek_view>(1)[1].out.size = 5000;
  const auto imported = e.import();
  REQUIRE(imported.ok());
  CHECK(nek::check_column(*(*imported)->columns[0]).ok());
}

TEST_CASE("a row whose dictionary value is null becomes null") {
  Exported e("{\"d\":\"dict_text\"}\n{\"d\":\"x\"}\n{\"d\":\"y\"}\n");
  const uint64_t first_is_null = 2;
  e.child().dictionary->buffers[0] = &first_is_null;
  const auto imported = e.import();
  REQUIRE(imported.ok());
  CHECK(print(**imported) == "{\"d\":\"dict_text\"}\n{\"d\":null}\n{\"d\":\"y\"}\n");
  CHECK(nek::check_column(*(*imported)->columns[0]).ok());
}
