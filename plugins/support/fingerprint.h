// SPDX-License-Identifier: Apache-2.0
// fingerprint() names a file by its first bytes, so that a moved file is the same source and a new
// one isn't. An inode is used again, and a path as well; the beginning of a file with times in it
// is not. Thread-safe: a function without state.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace nek {

// Of all of them: 32 hexadecimal digits.
inline std::string fingerprint_all(std::string_view all) {
  const XXH128_hash_t hash = XXH3_128bits(all.data(), all.size());
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  std::string text;
  for (const unsigned char byte : bytes.digest) {
    static constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// Of the first line and some of what follows, at least a KiB: where a first line is long, it alone
// is the same in many files. `head`: as much of the file as may count, or all of it.
constexpr size_t kFingerprintBytes = 1024, kFingerprintAfterLine = 512;
inline size_t fingerprint_bytes(std::string_view head) {
  const size_t newline = head.find('\n');
  const size_t line = newline == std::string_view::npos ? head.size() : newline + 1;
  return line + kFingerprintAfterLine > kFingerprintBytes ? line + kFingerprintAfterLine
                                                          : kFingerprintBytes;
}
inline std::string fingerprint(std::string_view head) {
  return fingerprint_all(head.substr(0, fingerprint_bytes(head)));
}

}  // namespace nek
