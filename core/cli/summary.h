// SPDX-License-Identifier: Apache-2.0
// What `nek run` tells while it runs and when it has ended.
// Not thread-safe: one thread at a time.
#pragma once
#include <chrono>
#include <string>

#include "runtime/pipeline.h"

namespace nek {

// Lines of progress, with the speed since the line before.
class Progress {
 public:
  explicit Progress(uint64_t records) : records_(records) {}  // there before this run
  std::string line(const PipelineProgress& now);

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  uint64_t records_;
};

// The ledger as a table, and where the dead letters are.
std::string summary(const Pipeline& pipeline, std::chrono::steady_clock::duration time);

// Aligned columns; the first is text, all others are numbers.
std::string ledger_table(const Ledger& ledger, const Graph& graph, const PipelineConfig& config);

// 1234567 as "1,234,567".
std::string grouped(uint64_t number);

}  // namespace nek
