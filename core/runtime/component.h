// SPDX-License-Identifier: Apache-2.0
// Component: one component of a pipeline as it runs; Lane: what one worker keeps of it.
//
// A Component is thread-safe as far as its parts are; a Lane is used by one thread at a time.
#pragma once
#include <memory>

#include "nek/status.hpp"
#include "pipeline/graph.h"
#include "pipeline/pipeline_config.h"
#include "runtime/binding.h"
#include "runtime/instance.h"
#include "runtime/output.h"

namespace nek {

struct Component {
  Kind kind = Kind::kFilter;
  std::unique_ptr<Instance> plugin;
  std::unique_ptr<Instance> codec;
  std::unique_ptr<Output> output;
  // Filters that must see their batches in chunk order.
  bool ordered() const { return plugin->plugin.filter && (plugin->control || commits()); }
  bool commits() const {
    const nek_filter* filter = plugin->plugin.filter;
    return filter && NEK_HAS(filter, commit) && filter->commit;
  }
};

struct Lane {
  void* plugin = nullptr;
  void* codec = nullptr;
  std::unique_ptr<Binder> binder, codec_binder;

  Status make(const Component& of, const Graph::Node& node);
  void free(const Component& of);
};

}  // namespace nek
