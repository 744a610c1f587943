// SPDX-License-Identifier: Apache-2.0
// Turns the fields of records into typed columns, one column at a time.
// A Plan says which field becomes which column; a row with a value that can't be parsed is left out
// and its reason kept.
// Thread-safety: a Plan is read-only and shared; a Dictionaries is one lane's.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "nek/plugin.hpp"
#include "scan.h"

namespace nek::csv {

enum class Kind : uint8_t {
  kText,
  kDict,
  kInt64,
  kUint64,
  kDouble,
  kBool,
  kTime,
  kEpochSeconds,
  kEpochMs,
  kCount,     // uint64, with nfdump's units
  kPort,      // uint64, of 3.10 the 3
  kIcmpType,  // uint64, of 3.10 the 3, else null
  kIcmpCode,  // uint64, of 3.10 the 10, else null
};
nek_type type_of(Kind kind);

// Takes the quotes off a field, in place or by way of `scratch`. False: there is something behind
// the closing quote, or none.
bool unquote(std::string_view& text, std::string& scratch);

struct Column {
  std::string name;
  Kind kind = Kind::kText;
  int field = -1;  // of the record; -1: all null
  bool trim = false;
  bool empty_is_null = true;
};

// How records of one form become rows of one schema.
struct Plan {
  const nek_schema* schema = nullptr;
  uint32_t fields = 0;
  std::vector<Column> columns;  // those that anyone reads
};

// The dictionaries that a lane has given out, by column: codes stay, values are only added.
class Dictionaries {
 public:
  struct Values {
    std::vector<std::string> texts;
    std::unordered_map<std::string, int32_t> codes;
    Dictionary dictionary;
    int32_t code(std::string_view text);
  };
  Values& of(const std::string& column) { return all_[column]; }

 private:
  std::map<std::string, Values> all_;
};

// Bytes that are no record, and why.
struct Refusal {
  nek_span bytes;
  const char* reason;
  std::string detail;
};

struct Batch {
  const char* bytes;     // of the chunk
  const uint32_t* ends;  // of fields
  std::vector<Record>* records;
  bool quoted;  // there may be quoted fields
  bool utf8;    // checked already
};

// Hands out all records that can be parsed as one batch; the others are appended to `refusals`.
void decode_records(Call& call, const Plan& plan, Batch batch, Dictionaries& dictionaries,
                    std::vector<Refusal>& refusals);

}  // namespace nek::csv
