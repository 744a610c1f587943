// SPDX-License-Identifier: Apache-2.0
// Columns and batches to Arrow's C data interface and back; what the extension nek.arrow/1 does.
// Arrow is the exchange form, and gives our layout a second implementation to be tested against.
// Thread-safe: functions without state; an exported array may be released on any thread.
//
//   nek           Arrow                            nek          Arrow
//   bool          b                                list         +l of vu
//   int64 uint64  l L                              dict_text    i, dictionary of vu
//   double        g                                dict_list    i, dictionary of +l of vu
//   time          tsm:UTC                          json         vu, extension arrow.json
//   text          vu (string view)
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nek/arena.hpp"
#include "nek/arrow.h"
#include "nek/batch.hpp"
#include "nek/check.hpp"
#include "nek/plugin.h"
#include "nek/status.hpp"
#include "nek/text.hpp"

namespace nek {

namespace detail {

// ---- Export
// ------------------------------------------------------------------------------------------

// Memory of exported buffers: copies, each buffer once, or the owner's own buffers.
class ArrowBuffers {
 public:
  explicit ArrowBuffers(std::shared_ptr<const void> owner) : owner_(std::move(owner)) {}
  const void* get(const void* data, size_t bytes) {
    if (owner_ || !data) return data;
    for (const Copy& copy : copies_) {
      if (copy.from == data && copy.bytes >= bytes) return copy.to;
    }
    void* to = arena_->allocate(bytes);
    if (bytes) std::memcpy(to, data, bytes);
    copies_.push_back({data, to, bytes});
    return to;
  }
  std::shared_ptr<const void> owner() const { return owner_ ? owner_ : arena_; }

 private:
  std::shared_ptr<const void> owner_;
  std::shared_ptr<Arena> arena_ = std::make_shared<Arena>(size_t{16} << 10);
  struct Copy {
    const void* from;
    const void* to;
    size_t bytes;
  };
  std::vector<Copy> copies_;
};

// What an exported struct keeps until its release(); T: ArrowSchema or ArrowArray.
template <class T>
struct ArrowChildren {
  std::vector<std::unique_ptr<T>> all;
  std::vector<T*> pointers;
  std::unique_ptr<T> dictionary;

  T* add() {
    all.push_back(std::make_unique<T>());
    pointers.push_back(all.back().get());
    return pointers.back();
  }
  void attach(T* to) {
    to->n_children = static_cast<int64_t>(pointers.size());
    to->children = pointers.data();
    to->dictionary = dictionary.get();
  }
  void release() {
    for (T* child : pointers) {
      if (child->release) child->release(child);
    }
    if (dictionary && dictionary->release) dictionary->release(dictionary.get());
  }
};
struct SchemaKept {
  std::string name, metadata;
  ArrowChildren<ArrowSchema> children;
};
struct ArrayKept {
  std::shared_ptr<const void> memory;
  std::vector<const void*> buffers;
  std::vector<int64_t> text_sizes;
  ArrowChildren<ArrowArray> children;
};
template <class T, class Kept>
void release_arrow(T* released) {
  std::unique_ptr<Kept> kept(static_cast<Kept*>(released->private_data));
  kept->children.release();
  released->release = nullptr;
}

inline const char* arrow_format(nek_type type) {
  static constexpr const char* kFormats[] = {"",   "b",  "l",  "L", "g", "tsm:UTC",
                                             "vu", "vu", "+l", "i", "i"};
  return kFormats[type];
}
inline constexpr std::string_view kExtensionName = "ARROW:extension:name";
inline constexpr std::string_view kJsonExtension = "arrow.json";

// Arrow's form of a map: a count, then each key and value behind its size.
inline std::string json_metadata() {
  std::string out;
  const auto number = [&](size_t n) {
    const auto value = static_cast<int32_t>(n);
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  number(2);
  for (const std::string_view text :
       {kExtensionName, kJsonExtension, std::string_view("ARROW:extension:metadata"),
        std::string_view()}) {
    number(text.size());
    out += text;
  }
  return out;
}

inline void finish_schema(ArrowSchema* out, const char* format, std::unique_ptr<SchemaKept> kept) {
  *out = ArrowSchema{};
  out->format = format;
  out->name = kept->name.c_str();
  out->metadata = kept->metadata.empty() ? nullptr : kept->metadata.data();
  out->flags = ARROW_FLAG_NULLABLE;
  kept->children.attach(out);
  out->release = release_arrow<ArrowSchema, SchemaKept>;
  out->private_data = kept.release();
}
inline void export_type(nek_type type, std::string_view name, ArrowSchema* out) {
  auto kept = std::make_unique<SchemaKept>();
  kept->name = name;
  if (type == NEK_JSON) kept->metadata = json_metadata();
  if (type == NEK_LIST) export_type(NEK_TEXT, "item", kept->children.add());
  if (type == NEK_DICT_TEXT || type == NEK_DICT_LIST) {
    kept->children.dictionary = std::make_unique<ArrowSchema>();
    export_type(type == NEK_DICT_TEXT ? NEK_TEXT : NEK_LIST, "", kept->children.dictionary.get());
  }
  finish_schema(out, arrow_format(type), std::move(kept));
}

inline void finish_array(ArrowArray* out, uint32_t rows, int64_t null_count,
                         std::unique_ptr<ArrayKept> kept) {
  *out = ArrowArray{};
  out->length = rows;
  out->null_count = null_count;
  out->n_buffers = static_cast<int64_t>(kept->buffers.size());
  out->buffers = kept->buffers.data();
  kept->children.attach(out);
  out->release = release_arrow<ArrowArray, ArrayKept>;
  out->private_data = kept.release();
}
inline void export_values(const nek_column& column, uint32_t rows, ArrowBuffers& buffers,
                          ArrowArray* out) {
  auto kept = std::make_unique<ArrayKept>();
  kept->memory = buffers.owner();
  kept->buffers = {buffers.get(column.validity, (rows + 7) / 8),
                   buffers.get(column.values, value_bytes(column.type, rows))};
  if (column.type == NEK_TEXT || column.type == NEK_JSON) {
    for (uint32_t i = 0; i < column.text_count; i++) {
      kept->buffers.push_back(buffers.get(column.text[i].data, column.text[i].size));
      kept->text_sizes.push_back(static_cast<int64_t>(column.text[i].size));
    }
    kept->text_sizes.push_back(0);  // so that its buffer is never NULL
    kept->buffers.push_back(kept->text_sizes.data());
  }
  if (column.items) export_values(*column.items, column.items->rows, buffers, kept->children.add());
  if (column.dictionary) {
    const nek_column& values = *column.dictionary->values;
    kept->children.dictionary = std::make_unique<ArrowArray>();
    export_values(values, values.rows, buffers, kept->children.dictionary.get());
  }
  const int64_t not_counted = -1;
  finish_array(out, rows, column.validity ? not_counted : 0, std::move(kept));
}

// ---- Import
// ------------------------------------------------------------------------------------------

inline bool arrow_bit(const void* bits, int64_t at) {
  return static_cast<const uint8_t*>(bits)[at >> 3] >> (at & 7) & 1;
}
template <class T>
T arrow_value(const void* values, int64_t at) {  // foreign buffers need not be aligned
  T value;
  std::memcpy(&value, static_cast<const uint8_t*>(values) + at * static_cast<int64_t>(sizeof(T)),
              sizeof value);
  return value;
}
inline bool is_json(const char* metadata) {
  if (!metadata) return false;
  const char* at = metadata + sizeof(int32_t);
  const auto next = [&] {
    const auto size = static_cast<size_t>(arrow_value<int32_t>(at, 0));
    const std::string_view text(at + sizeof(int32_t), size);
    at += sizeof(int32_t) + size;
    return text;
  };
  for (int32_t left = arrow_value<int32_t>(metadata, 0); left > 0; left--) {
    const std::string_view key = next(), value = next();
    if (key == kExtensionName && value == kJsonExtension) return true;
  }
  return false;
}

// The type of nek that a schema stands for; the error names Arrow's format.
inline Result<nek_type> arrow_type(const ArrowSchema& schema) {
  const std::string_view format = schema.format;
  if (schema.dictionary) {
    if (format != "i")
      return fail("dictionary codes are int32 (i), not '" + std::string(format) + "'");
    const auto values = arrow_type(*schema.dictionary);
    if (values.ok() && *values == NEK_TEXT) return nek_type{NEK_DICT_TEXT};
    if (values.ok() && *values == NEK_LIST) return nek_type{NEK_DICT_LIST};
    return fail("dictionaries are of text or of lists of text");
  }
  if (format == "+l") {
    if (schema.n_children != 1) return fail("a list has one child");
    const auto items = arrow_type(*schema.children[0]);
    if (items.ok() && *items == NEK_TEXT) return nek_type{NEK_LIST};
    return fail("lists are of text, as string views (vu)");
  }
  if (format == "vu") return nek_type{is_json(schema.metadata) ? NEK_JSON : NEK_TEXT};
  for (nek_type type = NEK_BOOL; type <= NEK_TIME; type++) {
    if (format == arrow_format(type)) return type;
  }
  return fail("type '" + std::string(format) + "' is not one of b, l, L, g, tsm:UTC, vu, +l of vu");
}

// Copies Arrow arrays into an arena: our columns promise alignment, padding and zeros where null.
class ArrowImport {
 public:
  using MakeDictionary = std::function<const nek_dictionary*(const nek_column&)>;
  ArrowImport(Arena& arena, const MakeDictionary& dictionary)
      : arena_(arena), dictionary_(dictionary) {}

  // Rows [begin, begin + rows) of the array, its own offset not counted.
  Result<nek_column*> column(nek_type type, const ArrowArray& array, int64_t begin, int64_t rows) {
    if (Status s = check(type, array, begin, rows); !s.ok()) return s;
    const Rows all = sequence(array.offset + begin, rows);
    switch (type) {
      case NEK_BOOL: return bools(array, all);
      case NEK_TEXT:
      case NEK_JSON: return texts(type, array, all);
      case NEK_LIST: return lists(array, all);
      case NEK_DICT_TEXT: return codes(type, NEK_TEXT, array, all);
      case NEK_DICT_LIST: return codes(type, NEK_LIST, array, all);
      default: return fixed(type, array, all);
    }
  }

 private:
  using Rows = std::vector<int64_t>;  // positions in an array's buffers

  static Rows sequence(int64_t begin, int64_t rows) {
    Rows all(static_cast<size_t>(rows));
    for (int64_t i = 0; i < rows; i++) all[static_cast<size_t>(i)] = begin + i;
    return all;
  }
  static Status check(nek_type type, const ArrowArray& array, int64_t begin, int64_t rows) {
    const bool text = type == NEK_TEXT || type == NEK_JSON;
    const bool dictionary = type == NEK_DICT_TEXT || type == NEK_DICT_LIST;
    if (array.length < 0 || array.offset < 0 || array.length > INT32_MAX ||
        array.offset > INT64_MAX / 64) {
      return fail("length or offset is out of range");
    }
    if (begin < 0 || rows < 0 || begin > array.length || rows > array.length - begin) {
      return fail("has too few rows");
    }
    if (text ? array.n_buffers < 3 : array.n_buffers != 2)
      return fail("number of buffers is wrong");
    if (!array.buffers) return fail("has no buffers");
    if (rows > 0 && !array.buffers[1]) return fail("values are missing");
    if (array.n_children != (type == NEK_LIST ? 1 : 0)) return fail("number of children is wrong");
    if (dictionary != (array.dictionary != nullptr))
      return fail("dictionary is missing, or not expected");
    return {};
  }
  static bool has(const ArrowArray& array, int64_t at) {
    return !array.buffers[0] || arrow_bit(array.buffers[0], at);
  }
  nek_column& make(nek_type type, const ArrowArray& array, const Rows& rows, nek_make more = {}) {
    more.type = type;
    more.rows = static_cast<uint32_t>(rows.size());
    more.nulls = array.buffers[0] != nullptr;
    return *make_column(arena_, more);
  }
  // writer.set() for rows that have a value, else writer.null().
  template <class Writer, class Set>
  static void each(Writer& writer, const ArrowArray& array, const Rows& rows, Set set) {
    for (uint32_t row = 0; row < rows.size(); row++) {
      if (has(array, rows[row])) {
        set(row, rows[row]);
      } else {
        writer.null(row);
      }
    }
  }

  Result<nek_column*> fixed(nek_type type, const ArrowArray& array, const Rows& rows) {
    nek_column& column = make(type, array, rows);
    FixedWriter<uint64_t> writer(column);  // of any 8 bytes
    each(writer, array, rows, [&](uint32_t row, int64_t at) {
      writer.set(row, arrow_value<uint64_t>(array.buffers[1], at));
    });
    return &column;
  }
  Result<nek_column*> bools(const ArrowArray& array, const Rows& rows) {
    nek_column& column = make(NEK_BOOL, array, rows);
    BoolWriter writer(column);
    each(writer, array, rows,
         [&](uint32_t row, int64_t at) { writer.set(row, arrow_bit(array.buffers[1], at)); });
    return &column;
  }

  // The text at a position, after its place is checked.
  static Result<std::string_view> text_at(const ArrowArray& array, int64_t at) {
    const auto* views = static_cast<const char*>(array.buffers[1]);
    const auto view = arrow_value<nek_view>(views, at);
    if (view.in.size > INT32_MAX) return fail("a text has a negative size");
    if (view.in.size <= sizeof view.in.bytes) {
      const char* bytes =
          views + at * static_cast<int64_t>(sizeof view) + offsetof(nek_view, in.bytes);
      return std::string_view(bytes, view.in.size);
    }
    const int64_t buffers = array.n_buffers - 3;
    if (view.out.buffer >= static_cast<uint64_t>(buffers)) return fail("a text is in no buffer");
    const void* sizes = array.buffers[array.n_buffers - 1];
    const int64_t size = sizes ? arrow_value<int64_t>(sizes, view.out.buffer) : 0;
    const auto* text = static_cast<const char*>(array.buffers[2 + view.out.buffer]);
    if (!text || size < 0 || int64_t{view.out.offset} + int64_t{view.out.size} > size) {
      return fail("a text reaches past its buffer");
    }
    return std::string_view(text + view.out.offset, view.out.size);
  }
  Result<nek_column*> texts(nek_type type, const ArrowArray& array, const Rows& rows) {
    nek_make more{};
    for (const int64_t at : rows) {
      if (!has(array, at)) continue;
      const auto text = text_at(array, at);
      if (!text.ok()) return text.status();
      if (!valid_utf8(*text)) return fail("a text is not UTF-8");
      if (type == NEK_JSON && !valid_json(*text)) return fail("a text is not JSON");
      if (text->size() > sizeof(nek_view::in.bytes)) more.text_bytes += text->size();
    }
    if (more.text_bytes > UINT32_MAX) return fail("has more than 4 GiB of text");
    nek_column& column = make(type, array, rows, more);
    TextWriter writer(column);
    each(writer, array, rows,
         [&](uint32_t row, int64_t at) { writer.set(row, *text_at(array, at)); });
    return &column;
  }

  Result<nek_column*> lists(const ArrowArray& array, const Rows& rows) {
    const ArrowArray& child = *array.children[0];
    const auto end = [&](int64_t at) { return arrow_value<int32_t>(array.buffers[1], at); };
    Rows items;
    std::vector<int32_t> ends = {0};
    for (const int64_t at : rows) {
      if (has(array, at)) {
        if (end(at) < 0 || end(at) > end(at + 1) || end(at + 1) > child.length) {
          return fail("a list ends outside of its items");
        }
        for (int32_t i = end(at); i < end(at + 1); i++) items.push_back(child.offset + i);
        if (items.size() > INT32_MAX) return fail("lists have too many items");
      }
      ends.push_back(static_cast<int32_t>(items.size()));
    }
    if (Status s = check(NEK_TEXT, child, 0, child.length); !s.ok())
      return fail("items: " + s.message());
    const auto made = texts(NEK_TEXT, child, items);
    if (!made.ok()) return made.status();
    nek_make more{};
    more.items = *made;
    nek_column& column = make(NEK_LIST, array, rows, more);
    std::memcpy(column.values, ends.data(), ends.size() * sizeof ends[0]);
    for (uint32_t row = 0; column.validity && row < rows.size(); row++) {
      if (has(array, rows[row])) column.validity[row >> 3] |= static_cast<uint8_t>(1u << (row & 7));
    }
    return &column;
  }

  // A row whose dictionary value is null becomes null: our dictionaries have no nulls.
  Result<nek_column*> codes(nek_type type, nek_type of, const ArrowArray& array, const Rows& rows) {
    const ArrowArray& dictionary = *array.dictionary;
    const auto code = [&](int64_t at) { return arrow_value<int32_t>(array.buffers[1], at); };
    for (const int64_t at : rows) {
      if (has(array, at) && (code(at) < 0 || code(at) >= dictionary.length)) {
        return fail("code " + std::to_string(code(at)) + " is not in the dictionary");
      }
    }
    const auto values = column(of, dictionary, 0, dictionary.length);
    if (!values.ok()) return fail("dictionary: " + values.status().message());
    const nek_column nullable = **values;
    (*values)->validity = nullptr;
    nek_make more{};
    more.type = type;
    more.rows = static_cast<uint32_t>(rows.size());
    more.nulls = array.buffers[0] || nullable.validity;
    more.dictionary = dictionary_(**values);
    nek_column& column = *make_column(arena_, more);
    CodeWriter writer(column);
    each(writer, array, rows, [&](uint32_t row, int64_t at) {
      if (nek_has(&nullable, static_cast<uint32_t>(code(at)))) {
        writer.set(row, code(at));
      } else {
        writer.null(row);
      }
    });
    return &column;
  }

  Arena& arena_;
  const MakeDictionary& dictionary_;
};

inline Status named(const char* name, const Status& status) {
  return fail("column '" + std::string(name ? name : "") + "': " + status.message());
}
inline void release_both(ArrowSchema* schema, ArrowArray* array) {
  schema->release(schema);
  array->release(array);
}

}  // namespace detail

// Fills both structs with a struct array of the batch's columns; the receiver releases them. With
// an owner, which keeps the batch's memory as long as it is held, nothing is copied.
inline Status export_batch(const nek_batch& batch, ArrowSchema* schema, ArrowArray* array,
                           std::shared_ptr<const void> owner = nullptr) {
  detail::ArrowBuffers buffers(std::move(owner));
  auto types = std::make_unique<detail::SchemaKept>();
  auto values = std::make_unique<detail::ArrayKept>();
  values->buffers = {nullptr};  // validity: no row is null as a whole
  for (uint32_t c = 0; c < batch.schema->count; c++) {
    const nek_field& field = batch.schema->fields[c];
    detail::export_type(field.type, field.name, types->children.add());
    detail::export_values(*batch.columns[c], batch.rows, buffers, values->children.add());
  }
  detail::finish_schema(schema, "+s", std::move(types));
  detail::finish_array(array, batch.rows, 0, std::move(values));
  return {};
}

using MakeDictionary = detail::ArrowImport::MakeDictionary;

// Copies an Arrow array into the arena after checking it. On success both structs are released,
// else they stay the caller's.
inline Result<const nek_column*> import_column(Arena& arena, ArrowSchema* schema, ArrowArray* array,
                                               const MakeDictionary& dictionary) {
  const auto type = detail::arrow_type(*schema);
  if (!type.ok()) return detail::named(schema->name, type.status());
  const auto column =
      detail::ArrowImport(arena, dictionary).column(*type, *array, 0, array->length);
  if (!column.ok()) return detail::named(schema->name, column.status());
  detail::release_both(schema, array);
  return static_cast<const nek_column*>(*column);
}

using MakeSchema = std::function<const nek_schema*(std::span<const nek_field>)>;

// The same for a struct array, which has a column for each child.
inline Result<const nek_batch*> import_batch(Arena& arena, ArrowSchema* schema, ArrowArray* array,
                                             const MakeDictionary& dictionary,
                                             const MakeSchema& intern) {
  if (std::string_view(schema->format) != "+s" || schema->n_children != array->n_children) {
    return fail("not a struct array (+s)");
  }
  if (array->length < 0 || array->length > INT32_MAX || array->offset < 0)
    return fail("length is out of range");
  const void* validity = array->n_buffers == 1 ? array->buffers[0] : nullptr;
  for (int64_t row = 0; validity && row < array->length; row++) {
    if (!detail::arrow_bit(validity, array->offset + row)) return fail("a whole row is null");
  }
  std::vector<nek_field> fields;
  auto** columns = arena.array<const nek_column*>(static_cast<size_t>(schema->n_children) + 1);
  for (int64_t c = 0; c < schema->n_children; c++) {
    const ArrowSchema& child = *schema->children[c];
    const auto type = detail::arrow_type(child);
    if (!type.ok()) return detail::named(child.name, type.status());
    const auto column = detail::ArrowImport(arena, dictionary)
                            .column(*type, *array->children[c], array->offset, array->length);
    if (!column.ok()) return detail::named(child.name, column.status());
    columns[c] = *column;
    fields.push_back({child.name, *type, 0});
  }
  auto* batch = arena.array<nek_batch>(1);
  *batch = {intern(fields), static_cast<uint32_t>(array->length), columns};
  detail::release_both(schema, array);
  return static_cast<const nek_batch*>(batch);
}

}  // namespace nek
