// SPDX-License-Identifier: Apache-2.0
// HostCall: one call of a plugin's step, with what the services need to know about it.
// Not thread-safe: belongs to the thread that makes the call.
#pragma once
#include "runtime/component.h"

namespace nek {

struct HostCall : nek_call {
  HostCall(const Instance& instance, Task& task, void* lane)
      : nek_call{}, instance(instance), task(task) {
    size = sizeof(nek_call);
    host = &instance;
    this->lane = lane;
  }
  // Over a batch: the plugin gets it and the columns that it reads.
  void over(Visit& of) {
    visit = &of;
    batch = &of.in->c;
    reads = of.reads;
    prepared = of.prepared;
  }

  const Instance& instance;
  Task& task;
  Visit* visit = nullptr;
  Lane* output_lane = nullptr;  // in encode: of the component, for its codec
  bool strict = false;
  bool mute = false;  // COMMITTED: nothing may be emitted any more
  std::string fault;  // what a service refused to take: the plugin is broken
};

}  // namespace nek
