// SPDX-License-Identifier: Apache-2.0
#include "rows.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "digits.h"
#include "json_escape.h"

namespace nek {
namespace {

using Member = JsonEncoder::Member;

// Records are written some at a time, column by column, each into a line of its own: so no value
// waits for where the one before it ended, and what a column needs is fetched once. Then the lines
// are copied behind each other.
//
//             sa                 dp         pr
//   line 0    ,"sa":"1.2.3.4"    ,"dp":445  ,"pr":"TCP"
//   line 1    ,"sa":"5.6.7.8"    ,"dp":80   ,"pr":"UDP"
//
// A record's first comma becomes its brace.
//
// A value for which a line has no room, or that must be escaped, makes its record a slow one, which
// is written for itself.
constexpr uint32_t kMostLines = ShortNumbers::kMost;
constexpr size_t kLineBytes = 24 << 10;       // of all lines: they stay in the first cache
constexpr size_t kBlock = 16;                 // what is copied at once
constexpr size_t kPiece = 4 * kBlock;         // the same, of whole lines
constexpr size_t kMostText = 3 * kBlock;      // of a text, in a line
constexpr size_t kMostRendered = 4 * kBlock;  // of a dictionary's value with its key, in a line
constexpr size_t kMostNumber = 24;            // of any number, true and false
static_assert(kMostNumber >= kMaxDigits && kMostRendered >= kDigitsOverrun);
static_assert(kMostRendered <= RenderedValues::kReadable);

constexpr size_t kCacheLine = 64;
// So that speed does not depend on where memory happens to begin.
char* at_cache_line(char* at) {
  return at + (uintptr_t{0} - reinterpret_cast<uintptr_t>(at)) % kCacheLine;
}

template <size_t kSize>
char* put(char* to, const char (&text)[kSize]) {
  std::memcpy(to, text, kSize - 1);
  return to + kSize - 1;
}
char* put(char* to, std::string_view text) {
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

// Sixteen bytes as a value, so that loops hold them in a register.
using Block = char __attribute__((vector_size(kBlock)));

Block first_block(std::string_view text) {
  char bytes[kBlock] = {};
  std::memcpy(bytes, text.data(), std::min(text.size(), kBlock));
  Block block;
  std::memcpy(&block, bytes, kBlock);
  return block;
}

class Key {
 public:
  explicit Key(std::string_view text)
      : first_(first_block(text)), text_(text.data()), size_(text.size()) {}
  char* put(char* to) const {
    std::memcpy(to, &first_, kBlock);
    if (size_ > kBlock) [[unlikely]]
      std::memcpy(to + kBlock, text_ + kBlock, size_ - kBlock);
    return to + size_;
  }

 private:
  const Block first_;
  const char* const text_;
  const size_t size_;
};

// A member and its column in one batch.
struct Cell {
  const nek_column* column;
  Member* member;
  bool has(uint32_t row) const { return nek_has(column, row); }
  template <class T>
  const T* values() const {
    return static_cast<const T*>(column->values);
  }
};

// Texts of a column. The address is chosen without a branch, because short and long ones come in no
// order.
class Texts {
 public:
  explicit Texts(const nek_column& column)
      : column_(&column),
        views_(static_cast<const nek_view*>(column.values)),
        only_(column.text_count == 1 ? reinterpret_cast<const char*>(column.text[0].data)
                                     : nullptr) {}
  std::string_view operator[](uint32_t row) const {
    if (!only_) return to_view(nek_text_at(column_, row));
    const nek_view& view = views_[row];
    const uint32_t size = view.in.size;
    const char* const from[] = {view.in.bytes, only_ + view.out.offset};
    return {from[size > sizeof view.in.bytes], size};
  }

 private:
  const nek_column* column_;
  const nek_view* views_;
  const char* const only_;  // the only buffer of texts
};

// Writes the rows of one batch. What fills lines with a column is not inlined, so that each loop
// has the registers for itself.
class Rows {
 public:
  Rows(Encoded& out, const nek_batch& batch, const nek_column* const* columns,
       std::vector<Member>& members, std::vector<char>& lines, Nulls nulls,
       const TimeFormat& time_format)
      : out_(out), rows_(batch.rows), nulls_(nulls), time_format_(time_format) {
    for (size_t i = 0; i < members.size(); i++) {
      cells_.push_back({columns[i], &members[i]});
      members[i].values.use(columns[i]->dictionary);
      line_ += room_for(members[i].key.size(), columns[i]->type);
    }
    line_ += kMostRendered + 3;  // overrun of the last copy; punctuation
    line_ = (line_ + kCacheLine - 1) / kCacheLine * kCacheLine;
    lines_ = static_cast<uint32_t>(std::clamp<size_t>(kLineBytes / line_, 1, kMostLines));
    lines.resize(lines_ * line_ + kCacheLine);
    first_ = at_cache_line(lines.data());
  }

  void write() {
    for (uint32_t begin = 0; begin < rows_; begin += lines_) {
      begin_ = begin;
      count_ = std::min(lines_, rows_ - begin);
      slow_ = 0;
      for (uint32_t i = 0; i < count_; i++) ends_[i] = first_ + i * line_;
      for (const Cell& cell : cells_) fill(cell);
      for (uint32_t i = 0; i < count_; i++) end_line(i);
      hand_out();
    }
  }

 private:
  size_t room_for(size_t key, nek_type type) const {
    switch (type) {
      case NEK_TIME: return key + std::max(time_format_.max_size() + 2, kMaxDigits) + 1;
      case NEK_TEXT: return key + kMostText + 3;
      case NEK_JSON:
      case NEK_LIST: return key + kMostText + 1;
      case NEK_DICT_TEXT:
      case NEK_DICT_LIST: return std::max(key + 5, kMostRendered);
      default: return key + kMostNumber + 1;
    }
  }

  // ---- Lines ------------------------------------------------------------------------------------

  void fill(const Cell& cell) {
    switch (cell.column->type) {
      case NEK_BOOL: return fill_bools(cell);
      case NEK_INT64: return fill_integers(cell);
      case NEK_UINT64: return fill_counters(cell);
      case NEK_DOUBLE: return fill_doubles(cell);
      case NEK_TIME: return time_format_.is_number() ? fill_integers(cell) : fill_times(cell);
      case NEK_TEXT: return fill_texts(cell);
      case NEK_JSON: return fill_json(cell);
      case NEK_LIST: return fill_lists(cell);
      default: return fill_codes(cell);
    }
  }

  // For each line that has a value: write(end, i), where end is that of the line, returns the new
  // one. Line i is of row begin_ + i.
  template <class Write>
  void each(const Cell& cell, Write write) {
    const uint32_t count = count_, has = values_of(cell);
    if (has == all_lines(count)) {
      for (uint32_t i = 0; i < count; i++) ends_[i] = write(ends_[i], i);
      return;
    }
    for (uint32_t i = 0; i < count; i++)
      ends_[i] = has >> i & 1 ? write(ends_[i], i) : put_null(ends_[i], cell);
  }
  static uint32_t all_lines(uint32_t count) {
    return static_cast<uint32_t>((uint64_t{1} << count) - 1);
  }
  // Bit i: line i has a value.
  uint32_t values_of(const Cell& cell) const {
    const uint8_t* validity = cell.column->validity;
    if (!validity) return all_lines(count_);
    uint64_t bits;
    std::memcpy(&bits, validity + begin_ / 8, sizeof bits);
    return static_cast<uint32_t>(bits >> begin_ % 8) & all_lines(count_);
  }
  char* put_null(char* at, const Cell& cell) const {
    return nulls_ == Nulls::kOmit ? at : put(Key(cell.member->key).put(at), "null");
  }
  char* slow(char* at, uint32_t i) {
    slow_ |= uint32_t{1} << i;
    return at;
  }

  [[gnu::noinline]] void fill_bools(const Cell& cell) {
    each(cell, [key = Key(cell.member->key), values = BoolView(*cell.column), begin = begin_](
                   char* at, uint32_t i) {
      at = key.put(at);
      return values[begin + i] ? put(at, "true") : put(at, "false");
    });
  }
  [[gnu::noinline]] void fill_integers(const Cell& cell) {
    each(cell, [key = Key(cell.member->key), values = cell.values<int64_t>() + begin_](
                   char* at, uint32_t i) { return write_signed(key.put(at), values[i]); });
  }
  [[gnu::noinline]] void fill_counters(const Cell& cell) {
    const Key key(cell.member->key);
    const auto* values = cell.values<uint64_t>() + begin_;
    ShortNumbers numbers;
    if (!numbers.set(values, count_)) {
      return each(cell, [key, values](char* at, uint32_t i) {
        return write_unsigned(key.put(at), values[i]);
      });
    }
    each(cell, [key, &numbers](char* at, uint32_t i) {
      at = key.put(at);
      std::memcpy(at, &numbers.text[i], sizeof numbers.text[i]);
      return at + numbers.size[i];
    });
  }
  [[gnu::noinline]] void fill_doubles(const Cell& cell) {
    each(cell, [this, &cell, key = Key(cell.member->key), values = cell.values<double>() + begin_](
                   char* at, uint32_t i) {
      if (!std::isfinite(values[i])) return put_null(at, cell);
      at = key.put(at);
      return std::to_chars(at, at + kMostNumber, values[i]).ptr;
    });
  }
  [[gnu::noinline]] void fill_times(const Cell& cell) {
    each(cell,
         [key = Key(cell.member->quoted_key), &format = time_format_, &cache = cell.member->time,
          values = cell.values<int64_t>() + begin_](char* at, uint32_t i) {
           return put(format.write(key.put(at), values[i], cache), "\"");
         });
  }
  [[gnu::noinline]] void fill_texts(const Cell& cell) {
    each(cell, [this, key = Key(cell.member->quoted_key), texts = Texts(*cell.column),
                begin = begin_](char* at, uint32_t i) {
      const std::string_view text = texts[begin + i];
      at = key.put(at);
      if (text.size() > kMostText || !copy_plain(at, text)) return slow(at, i);
      return put(at + text.size(), "\"");
    });
  }
  // Copies in whole blocks. False: there is something to be escaped.
  static bool copy_plain(char* to, std::string_view text) {
    uint32_t escapes = 0;
    size_t left = text.size();
    const char* from = text.data();
    for (; left > kBlock; left -= kBlock, from += kBlock, to += kBlock) {
      escapes |= detail::escapes_of_16(from);
      std::memcpy(to, from, kBlock);
    }
    escapes |= detail::escapes_of_16(from) << (kBlock - left);
    std::memcpy(to, from, kBlock);
    return (escapes & 0xFFFF) == 0;
  }
  [[gnu::noinline]] void fill_json(const Cell& cell) {
    each(cell, [this, key = Key(cell.member->key), texts = Texts(*cell.column), begin = begin_](
                   char* at, uint32_t i) {
      const std::string_view json = texts[begin + i];
      return json.size() > kMostText ? slow(at, i) : put_json(key.put(at), json);
    });
  }
  [[gnu::noinline]] void fill_lists(const Cell& cell) {
    each(cell, [this, key = Key(cell.member->key), lists = ListView(*cell.column), begin = begin_](
                   char* at, uint32_t i) {
      const TextList list = lists[begin + i];
      at = put(key.put(at), "[");
      const char* limit = at + kMostText - 1;
      for (uint32_t item = 0; item < list.size(); item++) {
        const std::string_view text = list[item];
        const bool fits = at + text.size() + 3 + kBlock <= limit;
        if (!list.has(item) || !fits || !copy_plain(at + 1, text)) return slow(at, i);
        *at = '"';
        at = put(at + 1 + text.size(), "\",");
      }
      if (at[-1] == ',') at--;
      return put(at, "]");
    });
  }
  [[gnu::noinline]] void fill_codes(const Cell& cell) {
    const RenderedValues& values = cell.member->values;
    each(cell,
         [this, &cell, &values, codes = cell.values<uint32_t>() + begin_, places = values.places(),
          text = values.text(), longest = values.longest()](char* at, uint32_t i) mutable {
           RenderedValues::Place one = places[codes[i]];
           if (one.size > kMostRendered) [[unlikely]] {
             if (one.size == RenderedValues::Place::kNotYet) one = render(cell, codes[i]);
             text = values.text();
             longest = values.longest();
             if (one.size > kMostRendered) return slow(at, i);
           }
           // As much of each value: which ones are long no processor foretells.
           constexpr size_t kHalf = kMostRendered / 2;
           std::memcpy(at, text + one.begin, kHalf);
           if (longest > kHalf) std::memcpy(at + kHalf, text + one.begin + kHalf, kHalf);
           return at + one.size;
         });
  }
  [[gnu::noinline]] RenderedValues::Place render(const Cell& cell, uint32_t code) const {
    Member& member = *cell.member;
    return member.values.render(code, [&](std::string& out) {
      const nek_column& values = *cell.column->dictionary->values;
      if (nek_has(&values, code)) {
        out += member.key;
        append_value(out, values, code);
      } else if (nulls_ == Nulls::kWrite) {
        out += member.key + "null";
      }
    });
  }
  static void append_value(std::string& out, const nek_column& values, uint32_t code) {
    if (values.type == NEK_TEXT) return append_quoted(out, to_view(nek_text_at(&values, code)));
    const TextList list = ListView(values)[code];
    out += '[';
    for (uint32_t i = 0; i < list.size(); i++) {
      if (i) out += ',';
      if (list.has(i)) {
        append_quoted(out, list[i]);
      } else {
        out += "null";
      }
    }
    out += ']';
  }

  void end_line(uint32_t i) {
    char* const line = first_ + i * line_;
    *line = '{';
    ends_[i] = put(std::max(ends_[i], line + 1), "}\n");
  }

  // In whole pieces: both are readable and writable up to kPiece behind the line.
  static char* copy_line(char* to, const char* line, const char* end) {
    const auto size = static_cast<size_t>(end - line);
    for (size_t at = 0; at < size; at += kPiece) std::memcpy(to + at, line + at, kPiece);
    return to + size;
  }
  [[gnu::noinline]] void hand_out() {
    size_t bytes = kPiece;
    for (uint32_t i = 0; i < count_; i++)
      bytes += static_cast<size_t>(ends_[i] - (first_ + i * line_));
    char* at = out_.room(bytes);
    for (uint32_t i = 0; i < count_; i++) {
      const char* const line = first_ + i * line_;
      if (const std::string_view before = out_.before(begin_ + i); !before.empty()) {
        out_.wrote_to(at);
        at = put(out_.room(before.size() + bytes), before);
      }
      if (slow_ >> i & 1) {
        write_slowly(at, begin_ + i);
        at = out_.room(bytes);
      } else {
        at = copy_line(at, line, ends_[i]);
      }
      out_.wrote_to(at);
      out_.end_row(begin_ + i);
    }
  }

  // ---- Slow records: of texts of any length, with escapes ---------------------------------------

  char* need(char* at, size_t more) {
    out_.wrote_to(at);
    return out_.room(more + kBlock);  // some punctuation besides
  }
  [[gnu::noinline]] void write_slowly(char* at, uint32_t row) {
    at = put(need(at, 0), "{");
    size_t comma = 1;  // of the first key it is left out
    for (const Cell& cell : cells_) {
      const bool has_value = cell.has(row) && !is_null(cell, row);
      if (!has_value && nulls_ == Nulls::kOmit) continue;
      const std::string_view key = cell.member->key;
      at = put(need(at, key.size()), key.substr(comma));
      at = has_value ? write_value(at, cell, row) : put(at, "null");
      comma = 0;
    }
    out_.wrote_to(put(need(at, 0), "}\n"));
  }
  static bool is_null(const Cell& cell, uint32_t row) {
    const nek_column& column = *cell.column;
    if (column.type == NEK_DOUBLE) return !std::isfinite(cell.values<double>()[row]);
    return column.dictionary && !nek_has(column.dictionary->values, cell.values<uint32_t>()[row]);
  }
  char* write_value(char* at, const Cell& cell, uint32_t row) {
    at = need(at, std::max(kMostNumber, time_format_.max_size()));
    switch (cell.column->type) {
      case NEK_BOOL: return BoolView(*cell.column)[row] ? put(at, "true") : put(at, "false");
      case NEK_INT64: return write_signed(at, cell.values<int64_t>()[row]);
      case NEK_UINT64: return write_unsigned(at, cell.values<uint64_t>()[row]);
      case NEK_DOUBLE: return std::to_chars(at, at + kMostNumber, cell.values<double>()[row]).ptr;
      case NEK_TIME: return write_time(at, *cell.member, cell.values<int64_t>()[row]);
      case NEK_TEXT:
      case NEK_DICT_TEXT: return write_text(at, TextView(*cell.column)[row]);
      case NEK_JSON:
        return put_json(need(at, TextView(*cell.column)[row].size()), TextView(*cell.column)[row]);
      default: return write_list(at, ListView(*cell.column)[row]);
    }
  }
  char* write_time(char* at, Member& member, int64_t ms) {
    if (time_format_.is_number()) return write_signed(at, ms);
    return put(time_format_.write(put(at, "\""), ms, member.time), "\"");
  }
  char* write_text(char* at, std::string_view text) {
    at = put(need(at, max_escaped(text.size()) + kEscapeOverrun), "\"");
    return put(write_escaped(at, text), "\"");
  }
  // Line breaks between tokens would end the record; within strings they are escaped already.
  static char* put_json(char* at, std::string_view json) {
    for (const char c : json) *at++ = c == '\n' || c == '\r' ? ' ' : c;
    return at;
  }
  char* write_list(char* at, const TextList& list) {
    at = put(at, "[");
    for (uint32_t i = 0; i < list.size(); i++) {
      if (i) at = put(need(at, 0), ",");
      at = list.has(i) ? write_text(at, list[i]) : put(need(at, 0), "null");
    }
    return put(need(at, 0), "]");
  }

  Encoded& out_;
  const uint32_t rows_;
  const Nulls nulls_;
  const TimeFormat& time_format_;
  std::vector<Cell> cells_;
  char* first_ = nullptr;  // the first line
  size_t line_ = 0;        // bytes from one to the next
  uint32_t lines_ = 0;
  // Of the records that are being written:
  uint32_t begin_ = 0, count_ = 0;
  char* ends_[kMostLines];  // of their lines
  uint32_t slow_ = 0;       // bit i: line i is not used
};

}  // namespace

void write_json_rows(Encoded& out, const nek_batch& batch, const nek_column* const* columns,
                     std::vector<Member>& members, std::vector<char>& lines, Nulls nulls,
                     const TimeFormat& time_format) {
  Rows(out, batch, columns, members, lines, nulls, time_format).write();
}

}  // namespace nek
