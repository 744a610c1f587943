// SPDX-License-Identifier: Apache-2.0
// Loader: opens a shared object and hands out the plugins in it, or says in one sentence why it
// can't. A loaded file is never closed: its code may be on any thread's stack. Thread-safe.
#pragma once
#include <string>
#include <vector>

#include "nek/plugin.h"
#include "nek/status.hpp"

namespace nek {

// The plugins of the file, valid for the life of the process.
Result<std::vector<const nek_plugin*>> load_plugins(const std::string& path);

// What is wrong with a plugin's description, empty when nothing is.
std::string describe_defect(const nek_plugin& plugin);

}  // namespace nek
