// SPDX-License-Identifier: Apache-2.0
#include "column_types.h"

#include <algorithm>

namespace nek {

namespace {

static_assert(std::ranges::all_of(kAllTypes, [](const ColumnTypeInfo& info) {
  return &info == &info_of(info.type);
}));

std::string names_of(ColumnTypes types) {
  std::string names;
  for (const ColumnTypeInfo& info : types) {
    const bool is_last = &info == &types.back();
    if (!names.empty()) names += is_last ? " and " : ", ";
    names += info.name;
  }
  return names;
}

}  // namespace

Result<ColumnType> find_column_type(const Host& host, ColumnTypes types, const std::string& column,
                                    std::string_view name) {
  for (const ColumnTypeInfo& info : types) {
    if (info.name == name) return info.type;
  }
  return fail_at(find(*host.at("columns"), column),
                 "columns: '" + column + "' has the unknown type '" + std::string(name) +
                     "'; there are " + names_of(types));
}

}  // namespace nek
