// SPDX-License-Identifier: Apache-2.0
// Reads small text files: pipelines and secrets.
// One door with a bound, so that a wrong path (a device, a huge file) is an error and not a hang.
// Thread-safe: a function without state.
#pragma once
#include <string>

#include "nek/status.hpp"

namespace nek {

Result<std::string> read_text_file(const std::string& path, size_t max_bytes);

}  // namespace nek
