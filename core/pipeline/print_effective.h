// SPDX-License-Identifier: Apache-2.0
// Prints a pipeline as it takes effect: every option with its value, secrets masked, and the edges.
// What `nek check --print` shows; it can be read again as a pipeline, but for the secrets.
// Thread-safe: a function without state.
#pragma once
#include <string>

#include "pipeline/graph.h"
#include "pipeline/pipeline_config.h"

namespace nek {

std::string print_effective(const PipelineConfig& config, const Graph& graph);

}  // namespace nek
