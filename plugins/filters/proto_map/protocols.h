// SPDX-License-Identifier: Apache-2.0
// Names and numbers of IP protocols: IANA's registry, and how nfdump abbreviates it.
// Of its own because its table has tests of its own.
// Thread-safe: functions without state.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nek {

// "TCP"; the number as text where the registry has no name for it, and for 0.
std::string protocol_name(uint8_t number);

// Of a number ("6"), a registered name or one that nfdump prints ("tcp", "Frag6").
std::optional<uint8_t> protocol_number(std::string_view text);

}  // namespace nek
