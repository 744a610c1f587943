// SPDX-License-Identifier: Apache-2.0
// Hashes of the core: record ids and checksums, all XXH3 (https://github.com/Cyan4973/xxHash, spec
// 0.2.0). Thread-safe: pure functions.
#pragma once
#include <compare>
#include <cstdint>
#include <string_view>

#include "nek/plugin.h"

namespace nek {

struct Hash128 {
  uint64_t low = 0, high = 0;
  auto operator<=>(const Hash128&) const = default;
};

uint64_t hash64(std::string_view bytes);
Hash128 hash128(std::string_view bytes);

// The id of a record: of its source's identity, its position there (of a message, and where in it)
// and its bytes.
nek_id record_id(const Hash128& source, uint64_t position, uint64_t in_message,
                 std::string_view raw);

}  // namespace nek
