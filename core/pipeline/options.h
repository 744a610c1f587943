// SPDX-License-Identifier: Apache-2.0
// Checks a map of the document against targets of options and turns it into nek_values.
// Types, ranges, units and defaults come from the targets, so a plugin gets only values that it
// asked for. Thread-safe: functions without state; a tree and its diagnostics are one thread's.
#pragma once
#include <span>
#include <string>

#include "pipeline/document.h"
#include "pipeline/pipeline_config.h"

namespace nek {

using OptionList = const nek_option* const*;  // ends with NULL

// A table of options, and the tree that gets the values of its options.
struct OptionTarget {
  OptionList options;
  ConfigTree* tree;
  const char* defaults = nullptr;  // a YAML map: instead of those that the options name
  // The same, made of the options of the target before it; NULL: `defaults`.
  const char* (*defaults_of)(const nek_value*) = nullptr;
};

// The options of one map, which are those of all `targets`: a component's, a plugin's, its codec's.
// `label` begins each message; `at` is the place of a missing option and of defaults.
enum class UnknownKeys : uint8_t { kError, kIgnored };  // ignored: a table is missing
void read_options(const Node& map, Place at, const std::string& label,
                  std::span<const OptionTarget> targets, Diagnostics& diagnostics,
                  UnknownKeys unknown = UnknownKeys::kError);

const nek_option* find_option(OptionList options, std::string_view name);  // NULL: none

}  // namespace nek
