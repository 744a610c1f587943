// SPDX-License-Identifier: Apache-2.0
// scan() finds records and their fields in CSV bytes; last_record_end() only where the last one
// ends. Values are parsed column by column afterwards, so that each loop does one thing.
// Thread-safe: functions without state; an Index is one thread's.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace nek::csv {

struct Dialect {
  char delimiter = ',';
  bool quotes = true;  // RFC 4180: a field that begins with '"' ends at the next single '"'
};

// One record, without its line end. Field i ends before ends[first + i].
struct Record {
  uint32_t begin, end;
  uint32_t first, fields;
};

struct Index {
  std::vector<uint32_t> ends;
  std::vector<Record> records;  // blank lines are none
  bool quoted = false;          // there is a quoted field

  void clear() {
    ends.clear();
    records.clear();
    quoted = false;
  }
};

inline std::string_view field(const char* bytes, const uint32_t* ends, const Record& record,
                              uint32_t at) {
  const uint32_t begin = at ? ends[record.first + at - 1] + 1 : record.begin;
  return {bytes + begin, ends[record.first + at] - begin};
}

// Appends the records of bytes[begin, end); positions are counted from bytes.
void scan(const char* bytes, uint32_t begin, uint32_t end, Dialect dialect, Index& index);

// Size of the whole records at the beginning of `bytes`: up to the last line end outside of quotes.
size_t last_record_end(std::string_view bytes, Dialect dialect);

}  // namespace nek::csv
