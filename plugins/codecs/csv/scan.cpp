// SPDX-License-Identifier: Apache-2.0
#include "scan.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace nek::csv {

namespace {

// Behind the quote that closes the field which opens at `at`; `end` when it is not closed.
uint32_t skip_quoted(const char* bytes, uint32_t at, uint32_t end) {
  for (at++; at < end; at++) {
    const auto* quote = static_cast<const char*>(std::memchr(bytes + at, '"', end - at));
    if (!quote) return end;
    at = static_cast<uint32_t>(quote - bytes) + 1;
    if (at == end || bytes[at] != '"') return at;
  }
  return end;
}

// Whether a byte order mark is all that precedes `at`: a quote behind it opens the record's first
// field.
bool is_behind_bom(const char* bytes, size_t record, size_t at) {
  return at - record == kBom.size() && std::string_view(bytes + record, kBom.size()) == kBom;
}

class Scanner {
 public:
  Scanner(const char* bytes, Dialect dialect, const BitmapUnit& unit, Index& index)
      : bytes_(bytes), dialect_(dialect), unit_(unit), index_(index) {}

  void run(uint32_t begin, uint32_t end) {
    begin_ = field_ = begin;
    first_ = index_.ends.size();
    end_ = end;
    for (uint32_t at = begin; at < end; at += kPiece) scan_piece(at, std::min(end - at, kPiece));
    if (begin_ == end) return;
    index_.ends.push(end);  // the last line has no end
    end_record(index_.ends.size() - 1);
  }

 private:
  static constexpr uint32_t kPiece = 4096, kBlock = 64;

  void scan_piece(uint32_t begin, uint32_t size) {
    Bitmaps bitmaps[kPiece / kBlock];
    const uint32_t rest = size % kBlock;
    uint32_t blocks = size / kBlock;
    unit_.find(bytes_ + begin, blocks, dialect_.delimiter, bitmaps);
    if (rest > 0) find_last(bytes_ + begin + size - rest, rest, bitmaps[blocks++]);
    for (uint32_t at = 0; at < blocks;) {
      if (!in_quotes_) at += scan_unquoted(begin + kBlock * at, bitmaps + at, blocks - at);
      if (at < blocks) scan_quoted(begin + kBlock * at, bitmaps[at]), at++;
    }
  }
  // What lies behind the end may be anything, or nothing.
  void find_last(const char* from, uint32_t size, Bitmaps& bitmaps) const {
    char last[kBlock] = {};
    std::memcpy(last, from, size);
    unit_.find(last, 1, dialect_.delimiter, &bitmaps);
    const uint64_t inside = (uint64_t{1} << size) - 1;
    bitmaps = {bitmaps.delimiters & inside, bitmaps.newlines & inside, bitmaps.quotes & inside};
  }
  // Up to the first block with a quote; returns how many blocks.
  uint32_t scan_unquoted(uint32_t base, const Bitmaps* bitmaps, uint32_t blocks) {
    const uint32_t before = index_.ends.size();
    index_.ends.reserve(before + blocks * kBlock + kBlock);
    uint32_t newlines[kPiece + 8];
    BitPositions found = {index_.ends.data(), newlines, before, 0};
    const uint64_t quotes = dialect_.quotes ? UINT64_MAX : 0;
    const auto done = static_cast<uint32_t>(unit_.flatten(bitmaps, blocks, base, quotes, found));
    index_.ends.resize(found.count);
    for (uint32_t i = 0; i < found.newline_count; i++) end_record(newlines[i]);
    if (found.count > before) field_ = index_.ends.data()[found.count - 1] + 1;
    return done;
  }
  // Bit by bit, where a quote may change what the others mean.
  void scan_quoted(uint32_t base, const Bitmaps& bitmaps) {
    for (uint64_t all = bitmaps.delimiters | bitmaps.newlines | bitmaps.quotes; all;
         all &= all - 1) {
      const uint64_t bit = all & -all;
      const uint32_t at = base + static_cast<uint32_t>(std::countr_zero(all));
      if (bit & bitmaps.quotes) {
        take_quote(at);
      } else if (!in_quotes_) {
        index_.ends.push(at);
        field_ = at + 1;
        if (bit & bitmaps.newlines) end_record(index_.ends.size() - 1);
      }
    }
  }
  void take_quote(uint32_t at) {
    if (at == doubled_) return;
    if (!in_quotes_) {
      in_quotes_ = at == field_ || (field_ == begin_ && is_behind_bom(bytes_, begin_, at));
      index_.quoted |= in_quotes_;
    } else if (at + 1 < end_ && bytes_[at + 1] == '"') {
      doubled_ = at + 1;
    } else {
      in_quotes_ = false;
    }
  }
  // `last`: the index of its line end.
  void end_record(uint32_t last) {
    uint32_t& end = index_.ends.data()[last];
    const uint32_t next = end + 1;
    if (end > begin_ && bytes_[end - 1] == '\r') end--;
    if (end > begin_) index_.records.push_back({begin_, end, first_, last + 1 - first_});
    begin_ = next;
    first_ = last + 1;
  }

  const char* bytes_;
  Dialect dialect_;
  const BitmapUnit& unit_;
  Index& index_;
  uint32_t end_ = 0;
  uint32_t begin_ = 0, first_ = 0;  // of the record
  uint32_t field_ = 0;              // where the field begins
  bool in_quotes_ = false;
  uint32_t doubled_ = UINT32_MAX;  // the second quote of two
};

size_t last_line_end(std::string_view bytes) {
  const void* newline = bytes.empty() ? nullptr : memrchr(bytes.data(), '\n', bytes.size());
  return newline ? static_cast<size_t>(static_cast<const char*>(newline) - bytes.data()) + 1 : 0;
}

}  // namespace

void Numbers::grow(uint32_t size) {
  const uint32_t capacity = std::max(size, 2 * capacity_);
  auto larger = std::make_unique_for_overwrite<uint32_t[]>(capacity);
  if (size_) std::memcpy(larger.get(), all_.get(), size_ * sizeof(uint32_t));
  all_ = std::move(larger);
  capacity_ = capacity;
}

void scan(const char* bytes, uint32_t begin, uint32_t end, Dialect dialect, const BitmapUnit& unit,
          Index& index) {
  Scanner(bytes, dialect, unit, index).run(begin, end);
}

size_t last_record_end(std::string_view bytes, Dialect dialect) {
  size_t whole = 0, from = 0;  // from: behind the last quoted field
  while (dialect.quotes) {
    size_t quote = bytes.find('"', from);
    const auto opens = [&](size_t at) {
      if (at == 0 || bytes[at - 1] == '\n' || bytes[at - 1] == dialect.delimiter) return true;
      const size_t record = at - std::min(at, kBom.size());
      return (record == 0 || bytes[record - 1] == '\n') && is_behind_bom(bytes.data(), record, at);
    };
    while (quote != std::string_view::npos && !opens(quote)) quote = bytes.find('"', quote + 1);
    if (quote == std::string_view::npos) break;
    if (const size_t end = last_line_end(bytes.substr(from, quote - from))) whole = from + end;
    const auto size = static_cast<uint32_t>(bytes.size());
    from = skip_quoted(bytes.data(), static_cast<uint32_t>(quote), size);
    if (from == size) return whole;
  }
  const size_t end = last_line_end(bytes.substr(from));
  return end ? from + end : whole;
}

bool unquote(std::string_view& text, std::string& scratch) {
  if (text.empty() || text.front() != '"') return true;
  text.remove_prefix(1);
  scratch.clear();
  for (;;) {
    const size_t quote = text.find('"');
    if (quote == std::string_view::npos) return false;
    if (quote + 1 == text.size() && scratch.empty()) {
      text.remove_suffix(1);
      return true;
    }
    scratch += text.substr(0, quote);
    text.remove_prefix(quote + 1);
    if (text.empty()) break;
    if (text.front() != '"') return false;
    scratch += '"';
    text.remove_prefix(1);
  }
  text = scratch;
  return true;
}

}  // namespace nek::csv
