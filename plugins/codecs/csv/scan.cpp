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

// std::popcount is a call without the instruction, which not every processor has.
uint32_t count_bits(uint64_t bits) {
  bits -= bits >> 1 & 0x5555555555555555;
  bits = (bits & 0x3333333333333333) + (bits >> 2 & 0x3333333333333333);
  bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0F;
  return static_cast<uint32_t>(bits * 0x0101010101010101 >> 56);
}

class Scanner {
 public:
  Scanner(const char* bytes, Dialect dialect, MaskFunction masks, Index& index)
      : bytes_(bytes), dialect_(dialect), masks_(masks), index_(index) {}

  void run(uint32_t begin, uint32_t end) {
    start(begin);
    field_ = begin;
    end_ = end;
    for (uint32_t at = begin; at < end; at += kPiece) scan_piece(at, std::min(end - at, kPiece));
    if (record_.begin < end) finish_last();
  }

 private:
  static constexpr uint32_t kPiece = 4096;

  void scan_piece(uint32_t begin, uint32_t size) {
    Masks masks[kPiece / 64];
    const uint32_t blocks = size / 64, rest = size % 64;
    masks_(bytes_ + begin, blocks, dialect_.delimiter, masks);
    for (uint32_t i = 0; i < blocks; i++) scan_block(begin + 64 * i, masks[i]);
    if (rest == 0) return;
    char last[64] = {};  // what lies behind the end may be anything, or nothing
    std::memcpy(last, bytes_ + begin + 64 * blocks, rest);
    masks_(last, 1, dialect_.delimiter, masks);
    const uint64_t inside = (uint64_t{1} << rest) - 1;
    masks->delimiters &= inside;
    masks->newlines &= inside;
    masks->quotes &= inside;
    scan_block(begin + 64 * blocks, *masks);
  }
  void scan_block(uint32_t base, const Masks& masks) {
    if (in_quotes_ || (masks.quotes && dialect_.quotes)) return scan_quoted(base, masks);
    const uint64_t all = masks.delimiters | masks.newlines;
    const uint32_t before = index_.ends.size();
    append(base, all);
    for (uint64_t newlines = masks.newlines; newlines; newlines &= newlines - 1) {
      const uint64_t lower = (newlines & -newlines) - 1;
      end_record(base + static_cast<uint32_t>(std::countr_zero(newlines)),
                 before + count_bits(all & lower));
    }
    if (all) field_ = base + 64 - static_cast<uint32_t>(std::countl_zero(all));
  }
  // Eight at a time without a branch for each; what is too many is overwritten.
  void append(uint32_t base, uint64_t bits) {
    uint32_t* to = index_.ends.reserve(64 + 8);
    const uint32_t count = count_bits(bits);
    for (uint32_t done = 0; done < count; done += 8, to += 8) {
      for (uint32_t i = 0; i < 8; i++) {
        to[i] = base + static_cast<uint32_t>(std::countr_zero(bits));
        bits &= bits - 1;
      }
    }
    index_.ends.resize(index_.ends.size() + count);
  }
  // Bit by bit, where a quote may change what the others mean.
  void scan_quoted(uint32_t base, const Masks& masks) {
    for (uint64_t all = masks.delimiters | masks.newlines | masks.quotes; all; all &= all - 1) {
      const uint64_t bit = all & -all;
      const uint32_t at = base + static_cast<uint32_t>(std::countr_zero(all));
      if (bit & masks.quotes) {
        take_quote(at);
      } else if (!in_quotes_) {
        index_.ends.push(at);
        field_ = at + 1;
        if (bit & masks.newlines) end_record(at, index_.ends.size() - 1);
      }
    }
  }
  void take_quote(uint32_t at) {
    if (at == doubled_) return;
    if (!in_quotes_) {
      in_quotes_ = at == field_;
      index_.quoted |= in_quotes_;
    } else if (at + 1 < end_ && bytes_[at + 1] == '"') {
      doubled_ = at + 1;
    } else {
      in_quotes_ = false;
    }
  }

  void start(uint32_t at) { record_ = {at, at, index_.ends.size(), 0}; }
  // `end`: its line end in the index.
  void end_record(uint32_t at, uint32_t end) {
    record_.end = at > record_.begin && bytes_[at - 1] == '\r' ? at - 1 : at;
    if (record_.end > record_.begin) {
      index_.ends.set(end, record_.end);
      record_.fields = end + 1 - record_.first;
      index_.records.push_back(record_);
    }
    record_ = {at + 1, at + 1, end + 1, 0};
  }
  // The last line has no end.
  void finish_last() {
    index_.ends.push(end_);
    end_record(end_, index_.ends.size() - 1);
  }

  const char* bytes_;
  Dialect dialect_;
  MaskFunction masks_;
  Index& index_;
  Record record_{};
  uint32_t end_ = 0;
  uint32_t field_ = 0;  // where the field begins
  bool in_quotes_ = false;
  uint32_t doubled_ = UINT32_MAX;  // the second quote of two
};

size_t last_line_end(std::string_view bytes) {
  const void* newline = bytes.empty() ? nullptr : memrchr(bytes.data(), '\n', bytes.size());
  return newline ? static_cast<size_t>(static_cast<const char*>(newline) - bytes.data()) + 1 : 0;
}

}  // namespace

void Positions::grow(uint32_t more) {
  const uint32_t capacity = std::max(size_ + more, 2 * capacity_);
  auto larger = std::make_unique_for_overwrite<uint32_t[]>(capacity);
  if (size_) std::memcpy(larger.get(), all_.get(), size_ * sizeof(uint32_t));
  all_ = std::move(larger);
  capacity_ = capacity;
}

void scan(const char* bytes, uint32_t begin, uint32_t end, Dialect dialect, MaskFunction masks,
          Index& index) {
  Scanner(bytes, dialect, masks, index).run(begin, end);
}

size_t last_record_end(std::string_view bytes, Dialect dialect) {
  size_t whole = 0, from = 0;  // from: behind the last quoted field
  while (dialect.quotes) {
    size_t quote = bytes.find('"', from);
    const auto opens = [&](size_t at) {
      return at == 0 || bytes[at - 1] == '\n' || bytes[at - 1] == dialect.delimiter;
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

}  // namespace nek::csv
