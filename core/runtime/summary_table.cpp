// SPDX-License-Identifier: Apache-2.0
#include "runtime/summary_table.h"

#include "nek/text.hpp"

namespace nek {
namespace {

struct Collector : nek_summary {
  Collector(std::string id, std::vector<SummaryTable>& all)
      : nek_summary{sizeof(nek_summary), add_table, add_row},
        component(std::move(id)),
        tables(all) {}
  static Collector& of(nek_summary* summary) { return *static_cast<Collector*>(summary); }
  static void add_table(nek_summary* to, const char* title, const nek_summary_column* columns,
                        uint32_t count) {
    SummaryTable table{of(to).component, title, {}, {}};
    for (uint32_t i = 0; i < count; i++)
      table.columns.push_back({columns[i].name, columns[i].number});
    of(to).tables.push_back(std::move(table));
    of(to).begun = true;
  }
  static void add_row(nek_summary* to, const nek_text* cells) {
    if (!of(to).begun) return;
    SummaryTable& table = of(to).tables.back();
    auto& row = table.rows.emplace_back();
    for (size_t i = 0; i < table.columns.size(); i++) row.emplace_back(to_view(cells[i]));
  }
  const std::string component;
  std::vector<SummaryTable>& tables;
  bool begun = false;
};

}  // namespace

void add_summary(const Instance& of, std::vector<SummaryTable>& tables) {
  if (!of.summary || !of.started) return;
  Collector collector(of.id, tables);
  of.tell("summary", [&] { of.summary->summary(of.self, &collector); });
}

}  // namespace nek
