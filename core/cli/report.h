// SPDX-License-Identifier: Apache-2.0
// The end of a run as a JSON file, for scripts that want figures instead of a table.
// Thread-safe: a function without state.
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "nek/status.hpp"
#include "runtime/pipeline.h"

namespace nek {

struct RunResult {
  int exit_code = 0;
  std::chrono::steady_clock::duration time{};
  std::vector<std::string> faults;   // of the ledger
  std::vector<SummaryTable> tables;  // of the components
};

Status write_report(const std::string& path, const Pipeline& pipeline, const RunResult& result);

}  // namespace nek
