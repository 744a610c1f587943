// SPDX-License-Identifier: Apache-2.0
#include "kafka/record_id.h"

#include <xxhash.h>

#include <cstring>

namespace nek {
namespace {

nek_id hash_of(const void* bytes, size_t size) {
  XXH128_canonical_t canonical;  // the same on every machine
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, size));
  nek_id id;
  std::memcpy(id.bytes, canonical.digest, sizeof id.bytes);
  return id;
}

}  // namespace

char* write_record_id(char* to, const nek_id& id) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const uint8_t byte : id.bytes) {
    *to++ = kDigits[byte >> 4];
    *to++ = kDigits[byte & 15];
  }
  return to;
}

std::optional<nek_id> parse_record_id(std::string_view text) {
  if (text.size() != kRecordIdDigits) return std::nullopt;
  // Without a branch or a table, so that the compiler takes all digits at once.
  uint8_t values[kRecordIdDigits], bad = 0, any = 0;
  for (size_t i = 0; i < kRecordIdDigits; i++) {
    const auto c = static_cast<uint8_t>(text[i]);
    const auto digit = static_cast<uint8_t>(c - '0'), letter = static_cast<uint8_t>(c - 'a');
    values[i] = static_cast<uint8_t>(digit < 10 ? digit : letter + 10);
    bad |= static_cast<uint8_t>((digit >= 10) & (letter >= 6));
    any |= values[i];
  }
  if (bad || !any) return std::nullopt;
  nek_id id;
  for (size_t i = 0; i < sizeof id.bytes; i++)
    id.bytes[i] = static_cast<uint8_t>(values[2 * i] << 4 | values[2 * i + 1]);
  return id;
}

nek_id partition_id(std::string_view name) { return hash_of(name.data(), name.size()); }

nek_id message_id(const nek_id& partition, int64_t offset, int64_t time_ms,
                  std::string_view bytes) {
  struct {
    nek_id partition;
    int64_t offset, time_ms;
    uint64_t bytes;
  } const all = {partition, offset, time_ms, XXH3_64bits(bytes.data(), bytes.size())};
  return hash_of(&all, sizeof all);
}

}  // namespace nek
