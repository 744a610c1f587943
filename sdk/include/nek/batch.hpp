// SPDX-License-Identifier: Apache-2.0
// Views that read columns and writers that fill them, one row at a time, as typed values.
// Hot loops use these: each is two or three pointers, nothing is allocated and nothing is virtual.
// Thread-safe: views may be copied and read by any thread; a writer is one thread's.
#pragma once
#include <cassert>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nek/plugin.h"
#include "nek/text.hpp"

namespace nek {

// ---- Bitmaps: lowest bit first, as 64-bit words or as bytes -------------------------------------

constexpr size_t bitmap_words(size_t rows) { return (rows + 63) / 64; }
inline bool get_bit(std::span<const uint64_t> bits, size_t at) {
  return bits[at / 64] >> (at % 64) & 1;
}
inline void set_bit(std::span<uint64_t> bits, size_t at) {
  bits[at / 64] |= uint64_t{1} << (at % 64);
}
inline void clear_bit(std::span<uint64_t> bits, size_t at) {
  bits[at / 64] &= ~(uint64_t{1} << (at % 64));
}

// ---- Views --------------------------------------------------------------------------------------

// What all views know: how many rows, and which have a value.
class ColumnView {
 public:
  explicit ColumnView(const nek_column& column) : column_(&column), validity_(column.validity) {}
  uint32_t rows() const { return column_->rows; }
  bool has(uint32_t row) const { return !validity_ || (validity_[row >> 3] >> (row & 7) & 1); }
  const nek_column& column() const { return *column_; }

 private:
  const nek_column* column_;
  const uint8_t* validity_;
};

// NEK_INT64, NEK_UINT64, NEK_DOUBLE, NEK_TIME, and the codes of dictionary columns. 0 where null.
template <class T>
class FixedView : public ColumnView {
 public:
  explicit FixedView(const nek_column& column)
      : ColumnView(column), values_(static_cast<const T*>(column.values)) {}
  T operator[](uint32_t row) const { return values_[row]; }
  std::span<const T> values() const { return {values_, rows()}; }

 private:
  const T* values_;
};
using Int64View = FixedView<int64_t>;
using Uint64View = FixedView<uint64_t>;
using DoubleView = FixedView<double>;
using TimeView = FixedView<int64_t>;  // ms since 1970, UTC
using CodeView = FixedView<int32_t>;

class BoolView : public ColumnView {
 public:
  explicit BoolView(const nek_column& column)
      : ColumnView(column), bits_(static_cast<const uint8_t*>(column.values)) {}
  bool operator[](uint32_t row) const { return bits_[row >> 3] >> (row & 7) & 1; }

 private:
  const uint8_t* bits_;
};

// NEK_TEXT, NEK_JSON and NEK_DICT_TEXT alike; empty where null.
class TextView : public ColumnView {
 public:
  explicit TextView(const nek_column& column)
      : ColumnView(column),
        codes_(column.dictionary ? static_cast<const int32_t*>(column.values) : nullptr),
        texts_(column.dictionary ? column.dictionary->values : &column) {}
  std::string_view operator[](uint32_t row) const {
    if (!codes_) return to_view(nek_text_at(texts_, row));
    return has(row) ? to_view(nek_text_at(texts_, static_cast<uint32_t>(codes_[row])))
                    : std::string_view();
  }
  // Of NEK_DICT_TEXT, else nullptr: work once for each value, then once for each code.
  const nek_dictionary* dictionary() const { return column().dictionary; }

 private:
  const int32_t* codes_;
  const nek_column* texts_;
};

// The texts of one row of a ListView.
class TextList {
 public:
  TextList(const nek_column* items, int32_t begin, int32_t end)
      : items_(items),
        begin_(static_cast<uint32_t>(begin)),
        size_(static_cast<uint32_t>(end - begin)) {}
  uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool has(uint32_t i) const { return nek_has(items_, begin_ + i); }
  std::string_view operator[](uint32_t i) const { return to_view(nek_text_at(items_, begin_ + i)); }

 private:
  const nek_column* items_;
  uint32_t begin_, size_;
};

// NEK_LIST and NEK_DICT_LIST alike; an empty list where null.
class ListView : public ColumnView {
 public:
  explicit ListView(const nek_column& column)
      : ColumnView(column),
        codes_(column.dictionary ? static_cast<const int32_t*>(column.values) : nullptr),
        lists_(column.dictionary ? column.dictionary->values : &column) {}
  TextList operator[](uint32_t row) const {
    if (codes_ && !has(row)) return {lists_->items, 0, 0};
    const uint32_t at = codes_ ? static_cast<uint32_t>(codes_[row]) : row;
    const auto* ends = static_cast<const int32_t*>(lists_->values);
    return {lists_->items, ends[at], ends[at + 1]};
  }
  const nek_dictionary* dictionary() const { return column().dictionary; }

 private:
  const int32_t* codes_;
  const nek_column* lists_;
};

// ---- Writers: of columns that Call::column() made; every row is to be set, or null
// ---------------

class ColumnWriter {
 public:
  explicit ColumnWriter(nek_column& column) : column_(&column) {}
  const nek_column* column() const { return column_; }
  // Where fewer rows were written than the column was made for.
  void set_rows(uint32_t rows) { column_->rows = rows; }

 protected:
  void mark(uint32_t row) {
    if (column_->validity) column_->validity[row >> 3] |= static_cast<uint8_t>(1u << (row & 7));
  }
  void unmark(uint32_t row) {
    assert(column_->validity && "made without .nulls");
    column_->validity[row >> 3] &= static_cast<uint8_t>(~(1u << (row & 7)));
  }
  nek_column& made() { return *column_; }

 private:
  nek_column* column_;
};

template <class T>
class FixedWriter : public ColumnWriter {
 public:
  explicit FixedWriter(nek_column& column)
      : ColumnWriter(column), values_(static_cast<T*>(column.values)) {}
  void set(uint32_t row, T value) {
    values_[row] = value;
    mark(row);
  }
  void null(uint32_t row) {
    values_[row] = T{};
    unmark(row);
  }

 private:
  T* values_;
};
using Int64Writer = FixedWriter<int64_t>;
using Uint64Writer = FixedWriter<uint64_t>;
using DoubleWriter = FixedWriter<double>;
using TimeWriter = FixedWriter<int64_t>;
using CodeWriter = FixedWriter<int32_t>;

class BoolWriter : public ColumnWriter {
 public:
  explicit BoolWriter(nek_column& column)
      : ColumnWriter(column), bits_(static_cast<uint8_t*>(column.values)) {}
  void set(uint32_t row, bool value) {
    put(row, value);
    mark(row);
  }
  void null(uint32_t row) {
    put(row, false);
    unmark(row);
  }

 private:
  void put(uint32_t row, bool value) {
    const auto bit = static_cast<uint8_t>(1u << (row & 7));
    bits_[row >> 3] = static_cast<uint8_t>(value ? bits_[row >> 3] | bit : bits_[row >> 3] & ~bit);
  }
  uint8_t* bits_;
};

// A text of up to 12 bytes, which lies in the view itself; unused bytes are 0.
inline nek_view inline_view(std::string_view text) {
  nek_view view{};
  view.in.size = static_cast<uint32_t>(text.size());
  if (!text.empty()) std::memcpy(view.in.bytes, text.data(), text.size());
  return view;
}
// Text that lies at `offset` in the column's text[buffer], which begins at `base`.
inline nek_view view_of(const uint8_t* base, uint32_t buffer, uint32_t offset, uint32_t size) {
  const auto* text = reinterpret_cast<const char*>(base) + offset;
  if (size <= sizeof(nek_view::in.bytes)) return inline_view({text, size});
  nek_view view;
  view.out.size = size;
  std::memcpy(view.out.prefix, text, sizeof view.out.prefix);
  view.out.buffer = buffer;
  view.out.offset = offset;
  return view;
}

// NEK_TEXT and NEK_JSON.
class TextWriter : public ColumnWriter {
 public:
  explicit TextWriter(nek_column& column)
      : ColumnWriter(column), views_(static_cast<nek_view*>(column.values)) {}

  // Copies: up to 12 bytes into the view, more into the column's own text (made with .text_bytes).
  // False, and the row is empty, when that is full.
  bool set(uint32_t row, std::string_view text) {
    mark(row);
    if (text.size() <= sizeof(nek_view::in.bytes)) {
      views_[row] = inline_view(text);
      return true;
    }
    views_[row] = nek_view{};
    const uint32_t count = made().text_count;
    if (count == 0 || made().text[count - 1].size - used_ < text.size()) return false;
    uint8_t* own = made().text[count - 1].data;
    std::memcpy(own + used_, text.data(), text.size());
    views_[row] = view_of(own, count - 1, used_, static_cast<uint32_t>(text.size()));
    used_ += static_cast<uint32_t>(text.size());
    return true;
  }
  // Points at bytes of text[buffer]; with .chunk_text buffer 0 is the chunk.
  void set_span(uint32_t row, uint32_t offset, uint32_t size, uint32_t buffer = 0) {
    views_[row] = view_of(made().text[buffer].data, buffer, offset, size);
    mark(row);
  }
  // A view of the column that this one was made .like.
  void set_view(uint32_t row, const nek_view& view) {
    views_[row] = view;
    mark(row);
  }
  void null(uint32_t row) {
    views_[row] = nek_view{};
    unmark(row);
  }

 private:
  nek_view* views_;
  uint32_t used_ = 0;  // of the column's own text
};

// NEK_LIST, row after row: add() the texts of a row, then end_row().
class ListWriter : public ColumnWriter {
 public:
  // `items`: the NEK_TEXT column that `lists` was made with.
  ListWriter(nek_column& lists, nek_column& items)
      : ColumnWriter(lists),
        ends_(static_cast<int32_t*>(lists.values)),
        items_(items),
        all_(&items) {
    ends_[0] = 0;
    items.rows = 0;
  }
  bool add(std::string_view text) { return items_.set(all_->rows++, text); }
  void end_row() {
    mark(row_);
    ends_[++row_] = static_cast<int32_t>(all_->rows);
  }
  void null_row() {
    unmark(row_);
    ends_[++row_] = static_cast<int32_t>(all_->rows);
  }

 private:
  int32_t* ends_;
  TextWriter items_;
  nek_column* all_;
  uint32_t row_ = 0;
};

// ---- Dictionaries -------------------------------------------------------------------------------

// A dictionary that the host holds for this object and for the columns that use it.
class Dictionary {
 public:
  Dictionary() = default;
  // Code i stands for texts[i].
  Dictionary(const nek_host* host, std::span<const std::string> texts) : host_(host) {
    TextColumn column(texts);
    dictionary_ = host->dictionary(host, column.get());
  }
  // Code i stands for the list lists[i].
  Dictionary(const nek_host* host, std::span<const std::vector<std::string>> lists) : host_(host) {
    std::vector<std::string> texts;
    std::vector<int32_t> ends = {0};
    for (const auto& list : lists) {
      texts.insert(texts.end(), list.begin(), list.end());
      ends.push_back(static_cast<int32_t>(texts.size()));
    }
    TextColumn items(texts);
    nek_column column{};
    column.type = NEK_LIST;
    column.rows = static_cast<uint32_t>(lists.size());
    column.values = ends.data();
    column.items = items.get();
    dictionary_ = host->dictionary(host, &column);
  }
  ~Dictionary() { reset(); }
  Dictionary(Dictionary&& other) noexcept
      : host_(other.host_), dictionary_(std::exchange(other.dictionary_, nullptr)) {}
  Dictionary& operator=(Dictionary&& other) noexcept {
    if (this != &other) {
      reset();
      host_ = other.host_;
      dictionary_ = std::exchange(other.dictionary_, nullptr);
    }
    return *this;
  }

  const nek_dictionary* get() const { return dictionary_; }

 private:
  // A text column over strings, for the moment in which the host copies it.
  class TextColumn {
   public:
    explicit TextColumn(std::span<const std::string> texts) : views_(texts.size() + 1) {
      for (const auto& text : texts) all_ += text;
      uint32_t at = 0;
      for (size_t i = 0; i < texts.size(); i++) {
        const auto size = static_cast<uint32_t>(texts[i].size());
        views_[i] = view_of(reinterpret_cast<const uint8_t*>(all_.data()), 0, at, size);
        at += size;
      }
      buffer_ = {reinterpret_cast<uint8_t*>(all_.data()), all_.size()};
      column_.type = NEK_TEXT;
      column_.rows = static_cast<uint32_t>(texts.size());
      column_.values = views_.data();
      column_.text_count = 1;
      column_.text = &buffer_;
    }
    TextColumn(const TextColumn&) = delete;
    TextColumn& operator=(const TextColumn&) = delete;
    const nek_column* get() const { return &column_; }

   private:
    std::string all_;
    std::vector<nek_view> views_;
    nek_buffer buffer_{};
    nek_column column_{};
  };

  void reset() {
    if (dictionary_) host_->dictionary_free(host_, dictionary_);
    dictionary_ = nullptr;
  }

  const nek_host* host_ = nullptr;
  const nek_dictionary* dictionary_ = nullptr;
};

}  // namespace nek
