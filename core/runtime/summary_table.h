// SPDX-License-Identifier: Apache-2.0
// SummaryTable: what a component has to say to people at the end of a run, as a table.
// Not thread-safe: one thread at a time.
#pragma once
#include <string>
#include <vector>

#include "runtime/instance.h"

namespace nek {

// A cell for each column in each row.
struct SummaryTable {
  struct Column {
    std::string name;
    bool number;
  };
  std::string component, title;
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
};

// Adds the tables of this instance, when it has any.
void add_summary(const Instance& of, std::vector<SummaryTable>& tables);

}  // namespace nek
