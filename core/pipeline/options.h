// SPDX-License-Identifier: Apache-2.0
// Checks a map of the document against tables of options and turns it into nek_values.
// Types, ranges, units and defaults come from the tables, so a plugin gets only values that it asked for.
// Not thread-safe: one thread at a time.
#pragma once
#include <span>
#include <string>

#include "pipeline/document.h"
#include "pipeline/pipeline_config.h"

namespace nek {

using OptionList = const nek_option* const*;  // ends with NULL

// A table of options, and the tree that gets the values of its options.
struct OptionTable {
  OptionList options;
  ConfigTree* tree;
};

// The options of one map, which are those of all `tables`: a component's, a plugin's, its codec's.
// `label` begins each message; `at` is the place of a missing option and of defaults.
void read_options(const Node& map, Place at, const std::string& label, std::span<const OptionTable> tables,
                  Diagnostics& diagnostics);

const nek_option* find_option(OptionList options, std::string_view name);  // NULL: none

// A map's item by its key; NULL: it was not written and has no default.
const nek_value* find_item(const nek_value& map, std::string_view key);

inline std::string_view view(nek_text text) { return {text.data, text.size}; }

}  // namespace nek
