// SPDX-License-Identifier: Apache-2.0
// TCP flags as a mask, from whatever a column holds: text of nfdump, numbers or letters.
// Filters that work with flags share it, so that each takes the same forms.
// Thread-safe: functions without state; a TcpFlagsReader belongs to a lane.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "nek/batch.hpp"
#include "nek/plugin.h"
#include "per_code.h"

namespace nek {

// By bit, lowest first, as in the TCP header; nfdump prints them from the highest.
inline constexpr std::string_view kTcpFlagLetters = "FSRPAUEC";

// "...A..S.", ".A..S.", "AS", "0x12" or "18"; nothing of these: nullopt.
std::optional<uint8_t> parse_tcp_flags(std::string_view text);
// A list of letters.
std::optional<uint8_t> parse_tcp_flags(const TextList& letters);

// A row's flags: 0 to 255, or one of these.
inline constexpr int16_t kNoTcpFlags = -1, kBadTcpFlags = -2;

inline constexpr std::initializer_list<nek_type> kTcpFlagsTypes = {
    NEK_INT64, NEK_UINT64, NEK_TEXT, NEK_LIST, NEK_DICT_TEXT, NEK_DICT_LIST};

class TcpFlagsReader {
 public:
  // `column`: of one of kTcpFlagsTypes; masks[i]: flags of row i.
  void read(const nek_column& column, std::span<int16_t> masks);

 private:
  PerCode<int16_t> by_code_;
};

// What stands in a row, for messages.
std::string tcp_flags_text(const nek_column& column, uint32_t row);

}  // namespace nek
