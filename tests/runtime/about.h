// SPDX-License-Identifier: Apache-2.0
// What a plugin of a test says of itself.
#pragma once
#include "nek/plugin.hpp"

namespace nek::test {

constexpr About about(const char* name, const char* codec = nullptr) {
  return {.name = name,
          .version = "0",
          .vendor = "nek",
          .licence = "Apache-2.0",
          .summary = "For tests.",
          .codec = codec};
}

}  // namespace nek::test
