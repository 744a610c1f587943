// SPDX-License-Identifier: Apache-2.0
// Arena: memory of one task, freed all at once, and the columns made in it. The host and the test
// harness lay out columns by the same code, so that a plugin sees the same alignment and padding in
// both. Not thread-safe: one thread at a time.
#pragma once
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "nek/plugin.h"

namespace nek {

class Arena {
 public:
  static constexpr size_t kAlign = 64;    // every allocation begins at a multiple of this
  static constexpr size_t kPadding = 64;  // and may be read this far past its end

  explicit Arena(size_t block_bytes = size_t{256} << 10) : block_bytes_(block_bytes) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Uninitialised bytes, valid until reset() or the arena's end.
  void* allocate(size_t bytes) {
    const size_t need = (bytes + kPadding + kAlign - 1) / kAlign * kAlign;
    in_use_ += need;
    while (current_ < blocks_.size()) {
      Block& block = blocks_[current_];
      if (block.size - used_ >= need) {
        void* at = block.data.get() + used_;
        used_ += need;
        return at;
      }
      current_++;
      used_ = 0;
    }
    const size_t size = need > block_bytes_ ? need : block_bytes_;
    auto* data = static_cast<std::byte*>(std::aligned_alloc(kAlign, size));
    if (!data) throw std::bad_alloc();
    blocks_.push_back({std::unique_ptr<std::byte, Free>(data), size});
    bytes_ += size;
    used_ = need;
    return data;
  }
  template <class T>
  T* array(size_t count) {
    // T may be a pointer. NOLINTNEXTLINE(bugprone-sizeof-expression)
    return static_cast<T*>(allocate(count * sizeof(T)));
  }
  template <class T>
  T* zeroed(size_t count) {
    return static_cast<T*>(std::memset(allocate(count * sizeof(T)), 0, count * sizeof(T)));
  }
  // Forgets all allocations and keeps the blocks for the next use.
  void reset() {
    current_ = 0;
    used_ = in_use_ = 0;
  }
  // Bytes that were allocated since the last reset().
  size_t in_use() const { return in_use_; }
  // Bytes held from the system.
  size_t bytes() const { return bytes_; }
  // Gives blocks back to the system until at most `keep` bytes are held; call it after reset().
  void trim(size_t keep) {
    while (bytes_ > keep && !blocks_.empty()) {
      bytes_ -= blocks_.back().size;
      blocks_.pop_back();
    }
  }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  struct Block {
    std::unique_ptr<std::byte, Free> data;
    size_t size;
  };
  std::vector<Block> blocks_;
  size_t block_bytes_, bytes_ = 0, current_ = 0, used_ = 0, in_use_ = 0;
};

// Bytes of `rows` values of a type in nek_column.values.
inline size_t value_bytes(nek_type type, size_t rows) {
  switch (type) {
    case NEK_BOOL: return (rows + 7) / 8;
    case NEK_TEXT:
    case NEK_JSON: return rows * sizeof(nek_view);
    case NEK_LIST: return (rows + 1) * sizeof(int32_t);
    case NEK_DICT_TEXT:
    case NEK_DICT_LIST: return rows * sizeof(int32_t);
    default: return rows * sizeof(int64_t);
  }
}

// A column as nek_make describes it; `chunk`: what text[0] is with chunk_text.
inline nek_column* make_column(Arena& arena, const nek_make& make, nek_buffer chunk = {}) {
  auto* column = arena.zeroed<nek_column>(1);
  column->type = make.type;
  column->rows = make.rows;
  column->values = arena.allocate(value_bytes(make.type, make.rows));
  if (make.type == NEK_BOOL) std::memset(column->values, 0, value_bytes(make.type, make.rows));
  if (make.nulls) column->validity = arena.zeroed<uint8_t>((size_t{make.rows} + 63) / 64 * 8);
  column->dictionary = make.dictionary;
  column->items = make.items;
  const uint32_t shared = make.like ? make.like->text_count : 0;
  column->text_count = shared + (make.chunk_text ? 1 : 0) + (make.text_bytes ? 1 : 0);
  if (column->text_count) column->text = arena.array<nek_buffer>(column->text_count);
  uint32_t at = 0;
  for (; at < shared; at++) column->text[at] = make.like->text[at];
  if (make.chunk_text) column->text[at++] = chunk;
  if (make.text_bytes) column->text[at] = {arena.array<uint8_t>(make.text_bytes), make.text_bytes};
  return column;
}

}  // namespace nek
