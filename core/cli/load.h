// SPDX-License-Identifier: Apache-2.0
// What verbs share: the plugins that are there, and a file as a checked configuration.
// Not thread-safe: one thread at a time.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/registry.h"
#include "pipeline/diagnostics.h"
#include "pipeline/pipeline_config.h"

namespace nek {

// Says on stderr which files are no plugins.
Registry load_registry(const std::vector<std::string>& folders);

struct Loaded {
  Diagnostics diagnostics;
  std::optional<PipelineConfig> config;  // none: the errors are in `diagnostics`
};
Loaded load_pipeline(const std::string& file, const Registry& registry);

// Prints errors and warnings on stderr, in colour where that is a terminal.
void show(const Diagnostics& diagnostics);

// Where state and dead letters of a pipeline lie.
std::string data_dir_of(const PipelineConfig& config);

}  // namespace nek
