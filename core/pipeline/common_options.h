// SPDX-License-Identifier: Apache-2.0
// The options that are the core's own: those of the pipeline's settings, and those every component has.
// They are nek_options like a plugin's, so that the same code checks, documents and prints them.
// Tables are constant; functions: one thread at a time.
#pragma once
#include "pipeline/options.h"
#include "pipeline/pipeline_config.h"

namespace nek {

OptionList common_options(Kind kind);  // id, from, codec, buffer
OptionList settings_options();

// `settings` holds what is kept where nothing is written.
PipelineSettings read_settings(const MapEntry& entry, PipelineSettings settings, Diagnostics& diagnostics);
OutputBuffer read_buffer(const nek_value& buffer);

}  // namespace nek
