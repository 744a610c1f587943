// SPDX-License-Identifier: Apache-2.0
// Turns the fields of records into typed columns, one column at a time.
// A Plan says which field becomes which column; a row with a value that can't be parsed is left out
// and its reason kept.
// Thread-safety: a Plan is read-only and shared; a Scratch is one lane's.
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "column_types.h"
#include "nek/plugin.hpp"
#include "scan.h"
#include "text_codes.h"
#include "time_zone.h"

namespace nek::csv {

// What nfdump prints in its own ways.
enum class FlowKind : uint8_t {
  kNone,       // the column's type says all
  kTime,       // time
  kAddress,    // text; shortened ones are counted
  kWords,      // text of an address that is printed as four numbers
  kProtocol,   // dict: a number or a name
  kFlags,      // dict: letters and dots, or a number
  kCount,      // uint64, with units
  kInterface,  // uint64, of 32 bits
  kPort,       // uint64, of 3.10 the 3
  kIcmpType,   // uint64, of 3.10 the 3, else null
  kIcmpCode,   // uint64, of 3.10 the 10, else null
};

struct Column {
  std::string name;
  ColumnType type = ColumnType::kText;
  FlowKind flow = FlowKind::kNone;
  int field = -1;  // of the record; -1: all null
  int protocol =
      -1;  // kPort, kIcmp...: the field that says whether the number is ICMP's type and code
  bool trim = false;
  bool empty_is_null = true;
};

// How records of one form become rows of one schema.
struct Plan {
  const nek_schema* schema = nullptr;
  uint32_t fields = 0;
  std::vector<Column> columns;  // those that anyone reads
  bool lacks_flags = false;     // nfdump's, though someone reads them
};

// What went through, for warnings.
struct Counts {
  uint64_t shortened = 0;  // addresses that nfdump shortened
  uint64_t ambiguous = 0;  // times of an hour that comes twice
  uint64_t rows = 0, refused = 0;
  uint64_t flagless = 0;  // flows that were printed without flags, though someone reads them
};

// What a lane keeps from chunk to chunk.
class Scratch {
 public:
  // Of a column: codes stay, values are only added.
  struct Values {
    TextCodes codes;
    size_t known = 0;  // to the dictionary
    Dictionary dictionary;
  };
  Values& values_of(const std::string& column) { return values_[column]; }
  Counts counts;

 private:
  std::map<std::string, Values> values_;
};

// Bytes that are no record, and why.
struct Refusal {
  nek_span bytes;
  const char* reason;
  std::string detail;
};

// Records of one plan.
struct Batch {
  const char* bytes;          // of the chunk
  const uint32_t* ends;       // of fields
  std::span<Record> records;  // those that are bad are taken out
  bool quoted;                // there may be quoted fields
  bool utf8;                  // checked already
  const TimeZone* zone;
};

// Hands out all records that can be parsed as one batch; the others are appended to `refusals`.
void decode_records(Call& call, const Plan& plan, Batch batch, Scratch& scratch,
                    std::vector<Refusal>& refusals);

}  // namespace nek::csv
