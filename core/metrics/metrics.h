// SPDX-License-Identifier: Apache-2.0
// Metrics: named numbers that components keep, one door for whoever shows them.
// Thread-safe. A metric lives as long as its Metrics.
#pragma once
#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "nek/plugin.h"

struct nek_metric {
  int kind = NEK_COUNTER;
  std::string component, name, help;
  std::atomic<double> value{0};    // of a histogram: the sum
  std::atomic<uint64_t> count{0};  // observations of a histogram
};

namespace nek {

class Metrics {
 public:
  nek_metric* make(int kind, std::string component, std::string name, std::string help);
  static void add(nek_metric& metric, double value);
  void visit(const std::function<void(const nek_metric&)>& each) const;

 private:
  mutable std::mutex mutex_;
  std::deque<nek_metric> metrics_;
};

}  // namespace nek
