// SPDX-License-Identifier: Apache-2.0
#include "pipeline/pipeline_config.h"

namespace nek {

ConfigTree::ConfigTree() : root_(std::make_unique<nek_value>()) {}

nek_text ConfigTree::keep(std::string text) {
  const std::string& kept = texts_.emplace_back(std::move(text));
  return {kept.data(), kept.size()};
}

nek_value* ConfigTree::keep_items(std::vector<nek_value> items) {
  return items_.emplace_back(std::move(items)).data();
}

const char* kind_name(Kind kind) {
  switch (kind) {
    case Kind::kInput: return "input";
    case Kind::kFilter: return "filter";
    case Kind::kOutput: return "output";
  }
  return "component";
}

}  // namespace nek
