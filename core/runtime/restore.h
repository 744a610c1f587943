// SPDX-License-Identifier: Apache-2.0
// Restore: takes up what the last run of a pipeline left in its data_dir, or sets it aside, and
// warns of what will not go on as its owner may think.
//
// Not thread-safe: on the main thread, before anything runs.
#pragma once
#include <string>

#include "nek/status.hpp"
#include "pipeline/graph.h"
#include "pipeline/pipeline_config.h"
#include "runtime/data_dir.h"
#include "runtime/dead_letter.h"
#include "runtime/ledger.h"
#include "runtime/snapshot.h"

namespace nek {

struct RestoreMode {
  bool from_start = false;  // sets the last state aside
  bool replay = false;      // needs one, and counts anew
};

struct Restored {
  State state;
  Ledger ledger;         // of the runs before this one; all 0 where it cannot go on
  uint64_t records = 0;  // that inputs made in them
  // The file that the pipeline stands in now; empty where it is no file that stays.
  std::string own_file;
};

// Locks the folder. Restores `letters` too.
Result<Restored> restore(const PipelineConfig& config, const Graph& graph, DataDir& folder,
                         DeadLetters& letters, RestoreMode mode);

// The ledger as a snapshot keeps it, with what it is the ledger of.
std::string saved_ledger(const PipelineConfig& config, const Graph& graph, const Ledger& ledger);

}  // namespace nek
