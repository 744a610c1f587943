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
#include "runtime/pipeline.h"

namespace nek {

// All plugins; says on stderr which files are none.
Registry load_registry(const std::vector<std::string>& folders);

struct Loaded {
  Diagnostics diagnostics;
  std::optional<PipelineConfig> config;  // none: the errors are in `diagnostics`
};
// Opens only the plugins that the file names, unless something is wrong with it.
Loaded load_pipeline(const std::string& file, const std::vector<std::string>& folders);

// Prints errors and warnings on stderr, in colour where that is a terminal.
void show(const Diagnostics& diagnostics);

// Where state and dead letters of a pipeline lie.
std::string data_dir_of(const PipelineConfig& config);

// What the command line says instead of the file.
struct Overrides {
  std::optional<uint32_t> workers;
  std::optional<std::string> data_dir;
};
// The file's pipeline, ready to be started; options.data_dir is filled in. NULL: it is wrong, and
// what is wrong was shown.
std::unique_ptr<Pipeline> make_pipeline(const std::string& file,
                                        const std::vector<std::string>& folders,
                                        const Overrides& overrides, PipelineOptions options);

}  // namespace nek
