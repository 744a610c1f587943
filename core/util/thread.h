// SPDX-License-Identifier: Apache-2.0
// start_thread: threads with names, so that `top -H`, perf and a debugger tell them apart.
// [any-thread]
#pragma once
#include <string_view>
#include <thread>
#include <utility>

namespace nek {

// As the system keeps it: the first 15 bytes.
void name_thread(std::thread& thread, std::string_view name);

// It has its name when this returns.
template <class F>
std::thread start_thread(std::string_view name, F run) {
  std::thread thread(std::move(run));
  name_thread(thread, name);
  return thread;
}

}  // namespace nek
