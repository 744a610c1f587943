// SPDX-License-Identifier: Apache-2.0
// Templates: how an index is made when its first document comes: types of the fields and settings.
// For flows there are two profiles, one for each server. Thread-safe: functions without state.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "nek/status.hpp"

namespace nek {

enum class Profile : uint8_t { kAuto, kElasticsearch, kOpensearch };
enum class Names : uint8_t { kShort, kEcs };

struct TemplateConfig {
  std::string name;
  std::string file;  // a template of one's own, instead of a profile
  Profile profile = Profile::kAuto;
  Names names = Names::kShort;
  bool source = true, data_stream = false;
  uint32_t priority = 200, version = 1, shards = 1, replicas = 1;
};

// The body of PUT /_index_template/NAME for indices of this pattern.
nlohmann::json flow_template(const TemplateConfig& config, const std::string& pattern,
                             bool opensearch, const std::string& codec);
// The user's file, with the pattern and the version where it has none.
Result<nlohmann::json> own_template(const TemplateConfig& config, const std::string& pattern);

}  // namespace nek
