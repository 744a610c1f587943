// SPDX-License-Identifier: Apache-2.0
// A table as text for people. Pure function; any thread.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace nek {

using Rows = std::vector<std::vector<std::string>>;

// Rows of cells as aligned columns, a line for each row, without blanks at its end. to_the_right:
// of a column with numbers.
std::string table(const Rows& rows, const std::string& indent = "  ",
                  const std::function<bool(size_t column)>& to_the_right = {});

}  // namespace nek
