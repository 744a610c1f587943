// SPDX-License-Identifier: Apache-2.0
// option_error(): what is wrong with an option, told at its place, behind its name.
// So the same mistake reads the same in all plugins. Thread-safe: a function without state.
#pragma once
#include <string>
#include <string_view>

#include "nek/plugin.hpp"

namespace nek {

inline Status option_error(const Host& host, std::string_view option, const std::string& what) {
  return fail_at(host.at(option), std::string(option) + ": " + what);
}

}  // namespace nek
