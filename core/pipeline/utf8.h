// SPDX-License-Identifier: Apache-2.0
// Finds where a text stops being UTF-8, so that the place can be named.
// Pure function; any thread.
#pragma once
#include <cstddef>
#include <string_view>

namespace nek {

// Position of the first byte that is not part of a UTF-8 character; the text's size: there is none.
size_t find_invalid_utf8(std::string_view text);

}  // namespace nek
