// SPDX-License-Identifier: Apache-2.0
// Plugins that only describe themselves, and short cuts from YAML text to what came of it.
// They let validation be tested without a shared object.
// Not thread-safe: one thread at a time.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/document.h"
#include "pipeline/validate.h"

namespace nek::fake {

// csv and fifo (no codec of its own); csv and json; geoip, flags and split; file, es and report
// (encodes for itself).
const Registry& plugins();

struct Result {
  std::optional<PipelineConfig> config;
  std::string messages;  // "LINE:COLUMN: TEXT\n" each, in order
  std::string printed;   // as users see them
};

using Variables = std::map<std::string, std::string>;

// The file is called p.yaml.
Result check(const std::string& yaml, const Variables& variables = {});

std::string messages(const Diagnostics& diagnostics);

// A small pipeline around these options of a filter, which begin in line 4, column 7.
std::string with_filter(const std::string& name, const std::string& options);

}  // namespace nek::fake
