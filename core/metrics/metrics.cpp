// SPDX-License-Identifier: Apache-2.0
#include "metrics/metrics.h"

namespace nek {

nek_metric* Metrics::make(int kind, std::string component, std::string name, std::string help) {
  const std::lock_guard lock(mutex_);
  nek_metric& metric = metrics_.emplace_back();
  metric.kind = kind;
  metric.component = std::move(component);
  metric.name = std::move(name);
  metric.help = std::move(help);
  return &metric;
}

void Metrics::add(nek_metric& metric, double value) {
  if (metric.kind == NEK_GAUGE) {
    metric.value.store(value, std::memory_order_relaxed);
    return;
  }
  metric.value.fetch_add(value, std::memory_order_relaxed);
  metric.count.fetch_add(1, std::memory_order_relaxed);
}

void Metrics::visit(const std::function<void(const nek_metric&)>& each) const {
  const std::lock_guard lock(mutex_);
  for (const nek_metric& metric : metrics_) each(metric);
}

}  // namespace nek
