// SPDX-License-Identifier: Apache-2.0
// Outputs for test_stop.py: `stuck`, whose write() never returns, as on a file system that hangs;
// and `fails`, which gives up as soon as the other is stuck.
#include <unistd.h>

#include <atomic>

#include "nek/plugin.hpp"

namespace nek {
namespace {

std::atomic<bool> is_stuck{false};

class Stuck {
 public:
  explicit Stuck(Host) {}
  static Status write(std::span<const nek_encoded* const>) {
    is_stuck = true;
    is_stuck.notify_all();
    for (;;) ::pause();
  }
};

class Fails {
 public:
  explicit Fails(Host) {}
  static Status write(std::span<const nek_encoded* const>) {
    is_stuck.wait(false);
    return fail("it gives up");
  }
};

constexpr About about(const char* name, const char* summary) {
  return {.name = name,
          .version = "0",
          .vendor = "nek",
          .licence = "Apache-2.0",
          .summary = summary,
          .codec = "json"};
}

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::output<nek::Stuck>(nek::about("stuck", "Takes nothing, for ever.")),
                   nek::output<nek::Fails>(nek::about("fails", "Fails when the other is stuck.")));
