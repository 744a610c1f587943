// SPDX-License-Identifier: Apache-2.0
// Log: leveled lines on stderr, one place that decides how they look.
// Thread-safe.
#pragma once
#include <string_view>

#include "nek/plugin.h"

namespace nek {

// Levels: NEK_ERROR, NEK_WARN, NEK_INFO, NEK_DEBUG; lines above `level` are left out.
void set_log_level(int level);
void log_line(int level, std::string_view component, std::string_view line);

}  // namespace nek
