// SPDX-License-Identifier: Apache-2.0
// ColumnType: what a decoder's option `columns` can say of a column, in one list for all decoders.
// From it come the names that are taken and told, the columns' types and what is told of a value
// that is of another. Thread-safe: constants, functions without state.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "nek/plugin.hpp"

namespace nek {

// A dictionary is begun anew when it has more values, so that memory stays bounded.
constexpr size_t kMaxDictionary = 65536;

enum class ColumnType : uint8_t {
  kText,
  kDict,
  kInt64,
  kUint64,
  kDouble,
  kBool,
  kTime,
  kEpochSeconds,
  kEpochMs,
  kList,
  kJson
};

struct ColumnTypeInfo {
  ColumnType type;
  std::string_view name;
  std::string_view doc;  // what the name does not say
  nek_type makes;
  const char* expected;  // what its values look like
};
// In the order of the enum.
inline constexpr auto kColumnTypes = std::to_array<ColumnTypeInfo>({
    {ColumnType::kText, "text", "", NEK_TEXT, "a text"},
    {ColumnType::kDict, "dict", "text with few different values", NEK_DICT_TEXT, "a text"},
    {ColumnType::kInt64, "int64", "", NEK_INT64, "a whole number"},
    {ColumnType::kUint64, "uint64", "", NEK_UINT64,
     "a whole number from 0 to 18446744073709551615"},
    {ColumnType::kDouble, "double", "", NEK_DOUBLE, "a number"},
    {ColumnType::kBool, "bool", "", NEK_BOOL, "true or false"},
    {ColumnType::kTime, "time", "", NEK_TIME, "a time like 2023-01-25T18:35:43.884Z"},
    {ColumnType::kEpochSeconds, "epoch_s", "1591367999 or 1591367999.305", NEK_TIME,
     "seconds since 1970, like 1591367999 or 1591367999.305"},
    {ColumnType::kEpochMs, "epoch_ms", "", NEK_TIME, "milliseconds since 1970"},
    {ColumnType::kList, "list", "of texts", NEK_LIST, "a list of texts"},
    {ColumnType::kJson, "json", "", NEK_JSON, "a value"},
});

using ColumnTypes = std::span<const ColumnTypeInfo>;
inline constexpr ColumnTypes kAllTypes = kColumnTypes;
// Of formats that have no lists: the types before these.
inline constexpr ColumnTypes kFlatTypes = kAllTypes.first(static_cast<size_t>(ColumnType::kList));

constexpr const ColumnTypeInfo& info_of(ColumnType type) {
  return kColumnTypes[static_cast<size_t>(type)];
}
constexpr nek_type type_of(ColumnType type) { return info_of(type).makes; }

// The sentence about `types` in an option's documentation: "BEFOREtext, dict (...), ...AFTER".
struct TypesDoc {
  std::array<char, 512> text{};
  consteval TypesDoc(ColumnTypes types, std::string_view before, std::string_view after) {
    add(before);
    for (const ColumnTypeInfo& info : types) {
      if (&info != types.data()) add(", ");
      add(info.name);
      if (info.doc.empty()) continue;
      add(" (");
      add(info.doc);
      add(")");
    }
    add(after);
  }

 private:
  size_t size_ = 0;
  consteval void add(std::string_view more) {
    for (const char c : more) text.at(size_++) = c;
    text.at(size_) = '\0';
  }
};

// What the option `columns` says of `column`: the one of `types` that has this name.
Result<ColumnType> find_column_type(const Host& host, ColumnTypes types, const std::string& column,
                                    std::string_view name);

}  // namespace nek
