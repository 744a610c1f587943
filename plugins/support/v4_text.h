// SPDX-License-Identifier: Apache-2.0
// IPv4 addresses from a column of text, all of its rows in one go.
// Nearly all flows are IPv4: sixteen bytes at a time, without a branch on how long the numbers are.
// Thread-safe: functions without state.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "nek/plugin.h"

namespace nek {

// Without leading zeros, as inet_pton takes it.
bool parse_v4(std::string_view text, uint32_t& address);

// For each row of a NEK_TEXT column; where is_v4 is 0 it is no IPv4 address.
void parse_v4_rows(const nek_column& texts, std::span<uint32_t> addresses,
                   std::span<uint8_t> is_v4);

}  // namespace nek
