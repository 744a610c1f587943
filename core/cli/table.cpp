// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <algorithm>

namespace nek {

std::string table(const Rows& rows, const std::string& indent,
                  const std::function<bool(size_t column)>& to_the_right) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); c++) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line = indent;
    for (size_t c = 0; c < row.size(); c++) {
      const std::string blanks(widths[c] - row[c].size(), ' ');
      line += c == 0 ? "" : "  ";
      line += to_the_right && to_the_right(c) ? blanks + row[c] : row[c] + blanks;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

}  // namespace nek
