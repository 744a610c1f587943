// SPDX-License-Identifier: Apache-2.0
// Text helpers: texts of the C boundary as string_view, numbers, UTF-8.
// Everything that comes from outside is checked by the same code before it becomes a text column.
// Thread-safe: functions without state.
#pragma once
#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "nek/plugin.h"

namespace nek {

constexpr std::string_view to_view(nek_text text) { return {text.data, text.size}; }
constexpr nek_text to_text(std::string_view view) { return {view.data(), view.size()}; }

// All of `text` as a number; nothing else before or after it.
template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

namespace detail {
// Length of the well-formed multi-byte sequence that begins at `s`, or 0. Unicode 15, table 3-7.
inline size_t utf8_sequence(const unsigned char* s, size_t left) {
  const auto follows = [&](size_t i) { return (s[i] & 0xC0) == 0x80; };
  const unsigned char a = s[0];
  if (a >= 0xC2 && a <= 0xDF) return left >= 2 && follows(1) ? 2 : 0;
  if (a >= 0xE0 && a <= 0xEF) {
    if (left < 3 || !follows(1) || !follows(2)) return 0;
    if (a == 0xE0 && s[1] < 0xA0) return 0;   // overlong
    if (a == 0xED && s[1] >= 0xA0) return 0;  // surrogates
    return 3;
  }
  if (a >= 0xF0 && a <= 0xF4) {
    if (left < 4 || !follows(1) || !follows(2) || !follows(3)) return 0;
    if (a == 0xF0 && s[1] < 0x90) return 0;   // overlong
    if (a == 0xF4 && s[1] >= 0x90) return 0;  // past U+10FFFF
    return 4;
  }
  return 0;
}
inline bool ascii64(const unsigned char* s) {  // 64 bytes; the compiler makes vectors of it
  uint64_t all = 0;
  for (size_t i = 0; i < 64; i += 8) {
    uint64_t word;
    std::memcpy(&word, s + i, 8);
    all |= word;
  }
  return (all & 0x8080808080808080u) == 0;
}
}  // namespace detail

// Quick where text is mostly ASCII.
inline bool valid_utf8(std::string_view text) {
  const auto* s = reinterpret_cast<const unsigned char*>(text.data());
  const size_t size = text.size();
  for (size_t i = 0; i < size;) {
    if (size - i >= 64 && detail::ascii64(s + i)) {
      i += 64;
      continue;
    }
    for (const size_t stop = std::min(size, i + 64); i < stop;) {
      const size_t n = s[i] < 0x80 ? 1 : detail::utf8_sequence(s + i, size - i);
      if (n == 0) return false;
      i += n;
    }
  }
  return true;
}

}  // namespace nek
