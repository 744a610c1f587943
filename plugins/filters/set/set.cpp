// SPDX-License-Identifier: Apache-2.0
// set: columns that are the same for all records, such as which exporter they came from.
#include <algorithm>
#include <string>
#include <vector>

#include "nek/plugin.hpp"

namespace nek {
namespace {

struct Config {
  StringPairs fields;
};

constexpr auto kOptions = options<Config>(
    option<&Config::fields>("fields", "Columns to add or replace, and the text that each gets."));

class Set {
 public:
  struct Lane {
    std::vector<const nek_column*> added;
  };

  Set(Host host, Config config) : host_(host), config_(std::move(config)) {}

  Status setup(Shape& shape) {
    if (config_.fields.empty())
      return fail_at(host_.at("fields"), "'fields' is empty: there is nothing to set");
    std::vector<Field> adds;
    for (const auto& [name, text] : config_.fields) adds.push_back({name, NEK_DICT_TEXT});
    out_ = shape.pass("out", adds);
    return {};
  }

  Status start(const Start& start) {
    for (const auto& [name, text] : config_.fields) {
      wanted_.push_back(start.wants(name));
      dictionaries_.push_back(host_.dictionary(std::vector<std::string>{text}));
    }
    return {};
  }

  Status process(Call& call, Lane& lane) const {
    lane.added.clear();
    for (size_t i = 0; i < wanted_.size(); i++)
      lane.added.push_back(wanted_[i] ? &constant(call, dictionaries_[i]) : nullptr);
    call.emit(out_, lane.added);
    return {};
  }

 private:
  static const nek_column& constant(const Call& call, const Dictionary& dictionary) {
    nek_column& column = call.column(NEK_DICT_TEXT, {.dictionary = dictionary.get()});
    std::fill_n(static_cast<int32_t*>(column.values), call.rows(), 0);
    return column;
  }

  Host host_;
  Config config_;
  std::vector<bool> wanted_;
  std::vector<Dictionary> dictionaries_;
  uint32_t out_ = 0;
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::filter<nek::Set, nek::kOptions>({
    .name = "set",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Adds columns that are the same for all records.",
    .example = "set: {fields: {exporter: fnf1}}",
}));
