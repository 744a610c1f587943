// SPDX-License-Identifier: Apache-2.0
// What `nek run` tells while it runs and when it has ended.
// Not thread-safe: one thread at a time.
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "runtime/pipeline.h"

namespace nek {

// Lines of progress: records, the speed since the line before, how much is done and what is left.
class Progress {
 public:
  explicit Progress(const PipelineProgress& begin) : begin_(begin), last_records_(begin.records) {}
  std::string line(const PipelineProgress& now);

 private:
  using Clock = std::chrono::steady_clock;
  const PipelineProgress begin_;  // what is there from earlier runs
  const Clock::time_point begin_time_ = Clock::now();
  Clock::time_point last_ = begin_time_;
  uint64_t last_records_;
};

// Those of earlier runs not counted.
uint64_t records_of_run(const Pipeline& pipeline);

// The ledger as a table, and why there are dead letters; of a run and of a replay.
std::string summary(const Pipeline& pipeline, std::chrono::steady_clock::duration time);
std::string replay_summary(const Pipeline& pipeline, std::chrono::steady_clock::duration time);

// The components' own tables, each with its title; "" when there are none.
std::string component_tables(const std::vector<SummaryTable>& tables);

// 1234567 as "1,234,567".
std::string grouped(uint64_t number);

// 3725 as "1 h 2 min".
std::string short_time(double seconds);

}  // namespace nek
