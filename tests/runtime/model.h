// SPDX-License-Identifier: Apache-2.0
// A random pipeline and what must come of it: the model against which the runtime is run.
#pragma once
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "pipeline/pipeline_config.h"

namespace nek::test {

struct Plan {
  PipelineConfig config;
  uint64_t count = 0;  // numbers of each input
  struct Once {
    uint64_t number = 0;
    bool messages = false;
  };
  std::vector<Once> once;  // inputs that can be read once only

  struct Expected {
    std::map<uint64_t, std::vector<uint64_t>> disks;  // by number, in an order that need not hold
    std::map<uint64_t, std::set<uint64_t>> servers;
    std::map<uint64_t, bool> may_drop;  // outputs that drop when full
    uint64_t dead_letters = 0;          // where nothing may be dropped
    bool dead_letters_known = true;
    bool once = true;  // no record comes to a component in two ways, and no count is counted
  };
  Expected expected;
};

// Options of a model plugin, as validated.
std::shared_ptr<ConfigTree> config_of(const std::vector<std::pair<const char*, uint64_t>>& options);

// The same plan for the same seed. `mended`: what must come where nothing is refused but the
// unfinished ends of inputs.
Plan make_plan(uint64_t seed, bool mended = false);

}  // namespace nek::test
