// SPDX-License-Identifier: Apache-2.0
#include "kafka/record_id.h"

#include <xxhash.h>

#include <array>
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

// The value of each digit, by a table: digits come in no order that could be foreseen.
constexpr std::array<int8_t, 256> kHexDigits = [] {
  std::array<int8_t, 256> all{};
  all.fill(-1);
  for (int8_t i = 0; i < 10; i++) all[static_cast<size_t>('0' + i)] = i;
  for (int8_t i = 0; i < 6; i++) all[static_cast<size_t>('a' + i)] = static_cast<int8_t>(10 + i);
  return all;
}();
int hex_digit(char c) { return kHexDigits[static_cast<unsigned char>(c)]; }

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
  nek_id id;
  int bad = 0;
  uint8_t any = 0;
  for (size_t i = 0; i < sizeof id.bytes; i++) {
    const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
    bad |= high | low;
    id.bytes[i] = static_cast<uint8_t>(high * 16 + low);
    any |= id.bytes[i];
  }
  if (bad < 0 || any == 0) return std::nullopt;
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
