// SPDX-License-Identifier: Apache-2.0
// Table: draws JSON records as a table with aligned columns, for people.
// Columns widen with the values that come, so that nothing is held back to measure it; what is
// drawn depends on the records and their order alone. Not thread-safe.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json_reader.h"

namespace nek {

class Table {
 public:
  // Appends the lines of one record: a heading too, where its keys are others than before. What is
  // no JSON object is passed on as it is.
  void add(std::string_view record, std::string& out);

 private:
  struct Column {
    std::string key;  // as written
    std::string name;
    size_t width = 0;
  };

  bool has_columns(std::span<const JsonMember> members) const;
  void begin(std::span<const JsonMember> members);
  void heading(std::string& out) const;

  JsonReader reader_;
  std::vector<Column> columns_;
  std::vector<std::string> cells_;  // of one record
  bool begun_ = false;
};

}  // namespace nek
