// SPDX-License-Identifier: Apache-2.0
// Log: leveled lines on stderr and the status line below them, one place that decides how they
// look. Thread-safe.
#pragma once
#include <string_view>

#include "nek/plugin.h"

namespace nek {

// Levels: NEK_ERROR, NEK_WARN, NEK_INFO, NEK_DEBUG; lines above `level` are left out.
void set_log_level(int level);
void log_line(int level, std::string_view component, std::string_view line);

// The line below all others on a terminal, written again in place; empty: none. Cut to the
// terminal's width, as a line that wraps cannot be written over. ASCII only.
void status_line(std::string_view text);

}  // namespace nek
