// SPDX-License-Identifier: Apache-2.0
// Texts that plugins make: encoders trust them to be UTF-8, so the host looks at them.
// Thread-safe: functions without state.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nek/arena.hpp"
#include "nek/plugin.h"

namespace nek {

// Those of the first `rows` rows that hold text which is not UTF-8, in order. Quick where there are
// none. A dictionary is the host's and was looked at when it was made.
std::vector<uint32_t> rows_not_utf8(const nek_column& column, uint32_t rows);

// With U+FFFD in the place of each byte that is part of no character.
std::string as_utf8(std::string_view bytes);

// A copy of a column of texts or lists, each text as_utf8().
nek_column* column_as_utf8(Arena& arena, const nek_column& column);

}  // namespace nek
