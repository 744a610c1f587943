// SPDX-License-Identifier: Apache-2.0
// Turns a document into a PipelineConfig, or says everything that is wrong with it.
// What needs the plugins' instances (streams, columns) is checked by make_graph afterwards.
// Not thread-safe: one thread at a time.
#pragma once
#include <optional>

#include "host/registry.h"
#include "pipeline/document.h"
#include "pipeline/pipeline_config.h"

namespace nek {

// Nothing on error; warnings do not count.
std::optional<PipelineConfig> validate(const Document& document, const Registry& plugins,
                                       Diagnostics& diagnostics);

}  // namespace nek
