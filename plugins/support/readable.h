// SPDX-License-Identifier: Apache-2.0
// check_readable(): what is wrong with a file that an option names, so that `nek check` says it.
// Thread-safe: a function without state.
#pragma once
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "nek/services.hpp"

namespace nek {

// `at`: the option that stands in the file; option: how it is called. No path: nothing is wrong.
inline Status check_readable(const nek_value* at, const char* option, const std::string& path) {
  if (path.empty() || ::access(path.c_str(), R_OK) == 0) return {};
  return fail_at(at, std::string(option) + ": cannot read " + path + ": " +
                         std::system_category().message(errno));
}

}  // namespace nek
