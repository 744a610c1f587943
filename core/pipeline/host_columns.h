// SPDX-License-Identifier: Apache-2.0
// The columns that nek makes of where a record came from, for whoever reads them.
// Constants; any thread.
#pragma once
#include <algorithm>
#include <iterator>
#include <string_view>

#include "nek/plugin.h"

namespace nek {

struct HostColumn {
  const char* name;
  nek_type type;
};
inline constexpr HostColumn kSourceColumn{"nek.source", NEK_TEXT};
inline constexpr HostColumn kPositionColumn{"nek.position", NEK_UINT64};
inline constexpr HostColumn kLineColumn{"nek.line", NEK_UINT64};
inline constexpr HostColumn kHostColumns[] = {kSourceColumn, kPositionColumn, kLineColumn};

// NULL: there is none of that name.
constexpr const HostColumn* host_column(std::string_view name) {
  const auto* at = std::find_if(std::begin(kHostColumns), std::end(kHostColumns),
                                [name](const HostColumn& column) { return column.name == name; });
  return at == std::end(kHostColumns) ? nullptr : at;
}

}  // namespace nek
