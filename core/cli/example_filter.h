// SPDX-License-Identifier: Apache-2.0
// ExampleFilter: a filter made as its own example configures it, because which columns it reads and
// adds is known only of an instance.
// Not thread-safe: one thread at a time.
#pragma once
#include <memory>

#include "metrics/metrics.h"
#include "nek/plugin.h"
#include "pipeline/pipeline_config.h"
#include "runtime/instance.h"

namespace nek {

class ExampleFilter {
 public:
  explicit ExampleFilter(const nek_plugin& plugin);
  // NULL: it is no filter, or its example needs what is not here, such as a file.
  const nek_shape* shape() const { return instance_ ? instance_->shape : nullptr; }

 private:
  Metrics metrics_;
  ConfigTree common_, config_;
  std::unique_ptr<Instance> instance_;
};

}  // namespace nek
