// SPDX-License-Identifier: Apache-2.0
// Reads small text files: pipelines and secrets.
// One door with a bound, so that a wrong path (a device, a huge file) is an error and not a hang.
// Pure function; any thread.
#pragma once
#include <optional>
#include <string>

namespace nek {

// Nothing: `error` says why.
std::optional<std::string> read_text_file(const std::string& path, size_t max_bytes, std::string& error);

}  // namespace nek
