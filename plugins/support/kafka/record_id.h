// SPDX-License-Identifier: Apache-2.0
// Ids of records that go through Kafka. A header of 32 hexadecimal digits carries the one that a
// record had before; a message without it gets one of its place, its time and its bytes, by which
// it differs from what stood there in a topic of the same name.
// Thread-safe: functions without state.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "nek/plugin.h"

namespace nek {

inline constexpr const char* kRecordIdHeader = "nek-id";
inline constexpr size_t kRecordIdDigits = 2 * sizeof(nek_id);

// Writes kRecordIdDigits digits; returns their end.
char* write_record_id(char* to, const nek_id& id);
// Nothing where the text is no id.
std::optional<nek_id> parse_record_id(std::string_view text);

// Of a partition, named in full.
nek_id partition_id(std::string_view name);
nek_id message_id(const nek_id& partition, int64_t offset, int64_t time_ms, std::string_view bytes);

}  // namespace nek
