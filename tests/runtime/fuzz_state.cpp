// SPDX-License-Identifier: Apache-2.0
// Any bytes as a state file: read or refused, never more.
#include "memory_env.h"
#include "runtime/snapshot.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nek::test::MemoryEnv env;
  auto file = env.open("state");
  if ((*file)->append({reinterpret_cast<const char*>(data), size}).ok())
    (void)nek::read_state(env, "state");
  return 0;
}
