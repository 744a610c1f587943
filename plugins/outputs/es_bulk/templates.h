// SPDX-License-Identifier: Apache-2.0
// Templates: how an index is made when its first document comes: types of the fields and settings.
// For flows there are two profiles, one for each server; alerts are the same for both.
// Thread-safe: functions without state.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "nek/status.hpp"

namespace nek {

enum class Profile : uint8_t { kAuto, kElasticsearch, kOpensearch };
enum class Names : uint8_t { kShort, kEcs };
enum class Records : uint8_t { kFlows, kAlerts };

struct TemplateConfig {
  std::string name;
  std::string file;  // a template of one's own, instead of a profile
  Profile profile = Profile::kAuto;
  Records records = Records::kFlows;
  Names names = Names::kShort;
  bool source = true, data_stream = false;
  uint32_t priority = 200, version = 1, shards = 1, replicas = 1;
};

// The body of PUT /_index_template/NAME for indices of this pattern.
nlohmann::json template_body(const TemplateConfig& config, const std::string& pattern,
                             bool opensearch, const std::string& codec);
// How the columns of a flow are called in ECS, as the YAML map of `rename`.
std::string ecs_names();
// The user's file, with the pattern and the version where it has none.
Result<nlohmann::json> own_template(const TemplateConfig& config, const std::string& pattern);

}  // namespace nek
