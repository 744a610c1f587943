// SPDX-License-Identifier: Apache-2.0
// Config: a plugin's options as the host would hand them to create(), from text in a test.
// Fills in defaults, converts units and checks types and ranges; the host's messages are better.
// Not thread-safe.
#pragma once
#include <charconv>
#include <deque>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "nek/plugin.h"
#include "nek/testing/node.hpp"
#include "nek/text.hpp"

namespace nek::testing {

// "5s" is 5000 with units {"s", 1000}; a plain number is taken as it is.
struct Unit {
  std::string_view name;
  int64_t factor;
};
inline constexpr Unit kDurationUnits[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
inline constexpr Unit kByteUnits[] = {{"", 1},
                                      {"B", 1},
                                      {"KB", 1000},
                                      {"MB", 1'000'000},
                                      {"GB", 1'000'000'000},
                                      {"KiB", int64_t{1} << 10},
                                      {"MiB", int64_t{1} << 20},
                                      {"GiB", int64_t{1} << 30}};
inline constexpr Unit kNoUnits[] = {{"", 1}};

inline std::optional<int64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  const size_t digits = text.find_last_of("0123456789") + 1;
  const auto number = parse_number<int64_t>(text.substr(0, digits));
  if (!number) return std::nullopt;
  for (const Unit& unit : units) {
    if (text.substr(digits) == unit.name) return *number * unit.factor;
  }
  return std::nullopt;
}

class Config {
 public:
  Config(const nek_option* const* options, std::string_view text) {
    root_ = map(options, parse_node(text));
  }
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;
  const nek_value* root() const { return &root_; }

 private:
  [[noreturn]] static void fail(const nek_option& option, const std::string& what) {
    throw std::runtime_error(std::string("option '") + option.name + "': " + what);
  }
  nek_text keep(std::string_view text) { return to_text(texts_.emplace_back(text)); }
  static nek_value begin(const Node& node, uint32_t kind) {
    nek_value value{};
    value.kind = kind;
    value.line = node.line;
    value.column = node.column;
    return value;
  }
  void set_items(nek_value& value, std::vector<nek_value> items) {
    const auto& kept = items_.emplace_back(std::move(items));
    value.items = kept.data();
    value.count = static_cast<uint32_t>(kept.size());
  }

  nek_value map(const nek_option* const* options, const Node& node) {
    if (node.kind != Node::Kind::kMap && node.kind != Node::Kind::kNull) {
      throw std::runtime_error("options are not a map");
    }
    check_known(options, node);
    nek_value value = begin(node, NEK_MAP);
    std::vector<nek_value> items;
    for (; *options; options++) {
      const nek_option& option = **options;
      const Node* written = node.find(option.name);
      if (!written && !option.fallback) fail(option, "is required");
      if (!written && *option.fallback == '\0') continue;
      nek_value item = convert(option, written ? *written : parse_node(option.fallback));
      item.key = keep(option.name);
      items.push_back(item);
    }
    set_items(value, std::move(items));
    return value;
  }
  static void check_known(const nek_option* const* options, const Node& node) {
    for (const Node& item : node.items) {
      const nek_option* const* option = options;
      while (*option && item.key != (*option)->name) option++;
      if (!*option) throw std::runtime_error("unknown option '" + item.key + "'");
    }
  }
  nek_value convert(const nek_option& option, const Node& node) {
    const std::string_view type = option.type;
    if (type == "map") return option.options ? map(option.options, node) : any_map(option, node);
    if (type == "list") return list(option, node);
    if (node.kind != Node::Kind::kScalar) fail(option, "is not a scalar");
    nek_value value = begin(node, NEK_STRING);
    if (type == "flag") {
      if (node.text != "true" && node.text != "false") fail(option, "is neither true nor false");
      value.kind = NEK_FLAG;
      value.integer = node.text == "true";
    } else if (type == "real") {
      const auto number = parse_number<double>(node.text);
      if (!number) fail(option, "is not a number");
      value.kind = NEK_REAL;
      value.real = *number;
    } else if (const auto units = units_of(type); !units.empty()) {
      const auto number = parse_with_unit(node.text, units);
      if (!number) fail(option, "is not a number of this type: " + node.text);
      value.kind = NEK_INTEGER;
      value.integer = *number;
    } else if (type == "text" || type == "path" || type == "secret" || type == "field") {
      value.string = keep(node.text);
    } else {
      fail(option, "is of unknown type " + std::string(type));
    }
    check_range(option, value);
    return value;
  }
  static std::span<const Unit> units_of(std::string_view type) {
    if (type == "integer") return kNoUnits;
    if (type == "duration") return kDurationUnits;
    if (type == "bytes") return kByteUnits;
    return {};
  }
  nek_value scalar(const nek_option& option, const Node& node) {
    if (node.kind != Node::Kind::kScalar) fail(option, "has an item that is not a text");
    nek_value value = begin(node, NEK_STRING);
    value.string = keep(node.text);
    return value;
  }
  nek_value list(const nek_option& option, const Node& node) {
    nek_value value = begin(node, NEK_ITEMS);
    std::vector<nek_value> items;
    if (node.kind == Node::Kind::kScalar) items.push_back(scalar(option, node));
    for (const Node& item : node.items) items.push_back(scalar(option, item));
    set_items(value, std::move(items));
    return value;
  }
  nek_value any_map(const nek_option& option, const Node& node) {
    if (node.kind != Node::Kind::kMap) fail(option, "is not a map");
    nek_value value = begin(node, NEK_MAP);
    std::vector<nek_value> items;
    for (const Node& item : node.items) {
      nek_value made = any(option, item);
      made.key = keep(item.key);
      items.push_back(made);
    }
    set_items(value, std::move(items));
    return value;
  }
  nek_value any(const nek_option& option, const Node& node) {
    if (node.kind == Node::Kind::kMap) return any_map(option, node);
    return node.kind == Node::Kind::kList ? list(option, node) : scalar(option, node);
  }
  static void check_range(const nek_option& option, const nek_value& value) {
    if (!option.range) return;
    const std::string_view range = option.range;
    if (value.kind == NEK_STRING) {
      const std::string words = "|" + std::string(range) + "|";
      if (words.find("|" + std::string(to_view(value.string)) + "|") == std::string::npos) {
        fail(option, "is not one of " + std::string(range));
      }
      return;
    }
    const size_t dots = range.find("..");
    if (dots == std::string_view::npos) fail(option, "has a range without '..'");
    const double number = value.kind == NEK_REAL ? value.real : static_cast<double>(value.integer);
    if (number < bound(option, range.substr(0, dots), -kNoBound) ||
        number > bound(option, range.substr(dots + 2), kNoBound)) {
      fail(option, "is not within " + std::string(range));
    }
  }
  static constexpr double kNoBound = std::numeric_limits<double>::infinity();
  static double bound(const nek_option& option, std::string_view text, double none) {
    if (text.empty()) return none;
    if (const auto units = units_of(option.type); !units.empty()) {
      if (const auto number = parse_with_unit(text, units)) return static_cast<double>(*number);
    }
    const auto number = parse_number<double>(text);
    if (!number) fail(option, "has a range that is not of numbers");
    return *number;
  }

  nek_value root_{};
  std::deque<std::string> texts_;
  std::deque<std::vector<nek_value>> items_;
};

}  // namespace nek::testing
