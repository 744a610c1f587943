// SPDX-License-Identifier: Apache-2.0
#include "util/hash.h"

#include <xxhash.h>

#include <cstring>

namespace nek {

uint64_t hash64(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

Hash128 hash128(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

nek_id record_id(const Hash128& source, uint64_t position, uint64_t in_message,
                 std::string_view raw) {
  const Hash128 bytes = hash128(raw);
  const uint64_t parts[6] = {source.low, source.high, position, in_message, bytes.low, bytes.high};
  const XXH128_hash_t hash = XXH3_128bits(parts, sizeof parts);
  XXH128_canonical_t canonical;  // the same id on every machine
  XXH128_canonicalFromHash(&canonical, hash);
  nek_id id;
  std::memcpy(id.bytes, canonical.digest, sizeof id.bytes);
  return id;
}

}  // namespace nek
