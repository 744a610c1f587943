// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "cli/command.h"
#include "nek/plugin.h"

namespace nek {

ExitCode version() {
  std::printf("nek %s, plugin ABI %u\n", NEK_VERSION, NEK_ABI);
  return kExitOk;
}

}  // namespace nek
