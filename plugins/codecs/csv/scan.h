// SPDX-License-Identifier: Apache-2.0
// scan() finds records and their fields in CSV bytes; last_record_end() only where the last one
// ends. Values are parsed column by column afterwards, so that each loop does one thing.
// Thread-safe: functions without state; an Index is one thread's.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bitmaps.h"

namespace nek::csv {

constexpr std::string_view kBom = "\xef\xbb\xbf";  // the byte order mark

struct Dialect {
  char delimiter = ',';
  bool quotes = true;  // RFC 4180: a field that begins with '"' ends at the next single '"'
};

// One record, without its line end. Field i ends before ends[first + i].
struct Record {
  uint32_t begin, end;
  uint32_t first, fields;
};

// Numbers one behind the other; memory is kept from chunk to chunk, and not cleared.
class Numbers {
 public:
  const uint32_t* data() const { return all_.get(); }
  uint32_t* data() { return all_.get(); }
  uint32_t size() const { return size_; }
  void resize(uint32_t size) { size_ = size; }  // within what is reserved
  void reserve(uint32_t size) {
    if (capacity_ < size) grow(size);
  }
  void push(uint32_t number) {
    reserve(size_ + 1);
    all_[size_++] = number;
  }

 private:
  void grow(uint32_t size);

  std::unique_ptr<uint32_t[]> all_;
  uint32_t size_ = 0, capacity_ = 0;
};

struct Index {
  Numbers ends;
  std::vector<Record> records;  // blank lines are none
  bool quoted = false;          // there is a quoted field

  void clear() {
    ends.resize(0);
    records.clear();
    quoted = false;
  }
};

inline std::string_view field(const char* bytes, const uint32_t* ends, const Record& record,
                              uint32_t at) {
  const uint32_t begin = at ? ends[record.first + at - 1] + 1 : record.begin;
  return {bytes + begin, ends[record.first + at] - begin};
}

// Takes the quotes off a field, in place or by way of `scratch`. False: there is something behind
// the closing quote, or none.
bool unquote(std::string_view& text, std::string& scratch);

// Appends the records of bytes[begin, end); positions are counted from bytes. `unit`: one of
// bitmap_units().
void scan(const char* bytes, uint32_t begin, uint32_t end, Dialect dialect, const BitmapUnit& unit,
          Index& index);

// Size of the whole records at the beginning of `bytes`: up to the last line end outside of quotes.
size_t last_record_end(std::string_view bytes, Dialect dialect);

}  // namespace nek::csv
