// SPDX-License-Identifier: Apache-2.0
// Writes text between the quotes of a JSON string, escaped as RFC 8259 asks.
// Nearly all text needs no escape: sixteen bytes are looked at and copied at a time.
// Thread-safe: functions without state.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace nek {

constexpr size_t kEscapeOverrun = 16;  // bytes that may be written behind the text
constexpr size_t max_escaped(size_t size) { return size * 6; }

namespace detail {

constexpr bool needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

// Bit i: byte i of sixteen needs an escape.
#ifdef __SSE2__
inline uint32_t escapes_of_16(const char* text) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
  const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  const __m128i all = _mm_or_si128(control, _mm_or_si128(quote, backslash));
  return static_cast<uint32_t>(_mm_movemask_epi8(all));
}
#else
inline uint32_t escapes_of_16(const char* text) {
  uint32_t bits = 0;
  for (uint32_t i = 0; i < 16; i++) bits |= uint32_t{needs_escape(text[i])} << i;
  return bits;
}
#endif

inline char* write_escape(char* out, char c) {
  constexpr std::string_view kSpecial = "\"\\\b\f\n\r\t", kNames = "\"\\bfnrt";
  constexpr std::string_view kHex = "0123456789abcdef";
  *out++ = '\\';
  if (const size_t i = kSpecial.find(c); i != std::string_view::npos) {
    *out++ = kNames[i];
    return out;
  }
  const auto byte = static_cast<unsigned char>(c);
  out[0] = 'u';
  out[1] = out[2] = '0';
  out[3] = kHex[byte >> 4];
  out[4] = kHex[byte & 15];
  return out + 5;
}

}  // namespace detail

// Returns the end. `text` is readable sixteen bytes past its end, as text of columns is; `out` has
// room for max_escaped(text.size()) + kEscapeOverrun bytes.
inline char* write_escaped(char* out, std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t left = text.size() - i;
    std::memcpy(out, text.data() + i, 16);
    uint32_t escapes = detail::escapes_of_16(text.data() + i);
    if (left < 16) escapes &= (1u << left) - 1;
    if (escapes == 0) {
      const size_t copied = left < 16 ? left : 16;
      out += copied;
      i += copied;
      continue;
    }
    const auto plain = static_cast<size_t>(std::countr_zero(escapes));
    out = detail::write_escape(out + plain, text[i + plain]);
    i += plain + 1;
  }
  return out;
}

// For text that is not padded: keys, messages.
inline void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    char escape[6];
    if (detail::needs_escape(c)) {
      out.append(escape, detail::write_escape(escape, c));
    } else {
      out += c;
    }
  }
}
inline void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

}  // namespace nek
