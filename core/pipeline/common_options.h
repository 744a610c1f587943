// SPDX-License-Identifier: Apache-2.0
// The options that are the core's own: those of the pipeline's settings, and those every component
// has. They are declared like a plugin's, so that the same code checks, documents and prints them.
// Thread-safe: constants and functions without state.
#pragma once
#include "pipeline/options.h"
#include "pipeline/pipeline_config.h"

namespace nek {

OptionList settings_options();
OptionList common_options(Kind kind);

// Takes what is written in `map`, already checked; the rest stays as it is.
void bind_settings(const nek_value& map, PipelineSettings& settings);

struct CommonOptions {
  const nek_value* from = nullptr;  // a list
  OutputBuffer buffer;
  InputSpool spool;
};
CommonOptions bind_common(const nek_value& map);

}  // namespace nek
