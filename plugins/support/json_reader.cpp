// SPDX-License-Identifier: Apache-2.0
#include "json_reader.h"

#include <bit>
#include <cstring>
#include <utility>

#include "json_escape.h"

namespace nek {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;

// Of four hexadecimal digits that were checked.
uint32_t hex4(const char* digits) {
  uint32_t value = 0;
  for (int i = 0; i < 4; i++) {
    const auto c = static_cast<unsigned char>(digits[i]);
    value = value * 16 + (c <= '9' ? c - '0' : (c | 0x20u) - 'a' + 10);
  }
  return value;
}

char* put_utf8(char* out, uint32_t code) {
  const auto put = [&](uint32_t byte) { *out++ = static_cast<char>(byte); };
  const auto follow = [&](uint32_t shift) { put(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    follow(0);
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    follow(6);
    follow(0);
  } else {
    put(0xF0 | code >> 18);
    follow(12);
    follow(6);
    follow(0);
  }
  return out;
}

bool is_high(uint32_t code) { return code >= 0xD800 && code < 0xDC00; }
bool is_low(uint32_t code) { return code >= 0xDC00 && code < 0xE000; }

// `at` stands behind \u; moves it behind the digits, of both halves where there are two.
uint32_t unicode_escape(const char*& at, const char* end) {
  const uint32_t first = hex4(at);
  at += 4;
  if (is_low(first)) return kReplacement;
  if (!is_high(first)) return first;
  if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return kReplacement;
  const uint32_t second = hex4(at + 2);
  if (!is_low(second)) return kReplacement;
  at += 6;
  return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
}

char short_escape(char c) {
  switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return c;
  }
}

}  // namespace

inline bool JsonReader::member() {
  if (count_ == members_.size()) members_.emplace_back();
  JsonMember& member = members_[count_];
  if (!key(member)) return false;
  count_++;
  skip_blanks();
  if (short_text(member) || short_number(member)) return true;
  const char* begin = at_;
  if (at_ != end_ && *at_ == '"') {
    if (!string(member.escaped)) return false;
    member.kind = JsonKind::kText;
    member.value = {begin + 1, static_cast<size_t>(at_ - begin - 2)};
    return true;
  }
  if (!value(1)) return false;
  member.escaped = false;
  member.kind = kind_;
  member.value = {begin, static_cast<size_t>(at_ - begin)};
  return true;
}

// What most values are, recognised without more ado; false says nothing.
inline bool JsonReader::short_text(JsonMember& member) {
  if (end_ - at_ < 17 || *at_ != '"') return false;
  const uint32_t special = detail::escapes_of_16(at_ + 1);
  const char* end = at_ + 1 + std::countr_zero(special | 0x8000);
  if (*end != '"' || special == 0) return false;
  member.value = {at_ + 1, static_cast<size_t>(end - at_ - 1)};
  member.kind = JsonKind::kText;
  member.escaped = false;
  at_ = end + 1;
  return true;
}
inline bool JsonReader::short_number(JsonMember& member) {
  const char* at = at_;
  while (at != end_ && *at >= '0' && *at <= '9') at++;
  if (at == end_ || at == at_ || (*at != ',' && *at != '}')) return false;
  if (*at_ == '0' && at - at_ > 1) return false;
  member.value = {at_, static_cast<size_t>(at - at_)};
  member.kind = JsonKind::kNumber;
  member.escaped = false;
  at_ = at;
  return true;
}

inline bool JsonReader::key(JsonMember& member) {
  if (count_ == known_.size()) known_.emplace_back();
  Known& known = known_[count_];
  if (!is_known(known)) return new_key(known, member);
  member.key = {at_ + 1, known.size - 3};
  member.key_escaped = known.escaped;
  at_ += known.size;
  return true;
}
bool JsonReader::new_key(Known& known, JsonMember& member) {
  const char* begin = at_ + 1;
  if (!string(member.key_escaped)) return false;
  member.key = {begin, static_cast<size_t>(at_ - 1 - begin)};
  skip_blanks();
  if (!take(':')) return fail("expected ':'");
  if (known.text == member.key) return true;
  same_keys_ = false;
  learn(known, member.key, member.key_escaped);
  return true;
}

inline bool JsonReader::is_known(const Known& known) const {
  if (known.size == 0 || end_ - at_ < 16) return false;
  uint64_t words[2];
  std::memcpy(words, at_, sizeof words);
  return ((words[0] & known.masks[0]) ^ known.words[0]) == 0 &&
         ((words[1] & known.masks[1]) ^ known.words[1]) == 0;
}

void JsonReader::learn(Known& known, std::string_view key, bool escaped) {
  known = {};
  known.text = key;
  known.escaped = escaped;
  const std::string token = '"' + known.text + "\":";
  if (token.size() > sizeof known.words) return;
  known.size = static_cast<uint32_t>(token.size());
  std::memcpy(known.words, token.data(), token.size());
  std::memset(known.masks, 0xFF, token.size());
}

bool JsonReader::read_object(std::string_view text) {
  begin_ = at_ = text.data();
  end_ = begin_ + text.size();
  problem_ = "";
  count_ = 0;
  same_keys_ = true;
  const size_t last_count = std::exchange(last_count_, SIZE_MAX);
  skip_blanks();
  if (!take('{')) return fail("expected an object");
  skip_blanks();
  if (!take('}')) {
    do {
      skip_blanks();
      if (!member()) return false;
      skip_blanks();
    } while (take(','));
    if (!take('}')) return fail("expected ',' or '}'");
  }
  same_keys_ = same_keys_ && count_ == last_count;
  last_count_ = count_;
  return true;
}

bool JsonReader::word(std::string_view word, JsonKind found) {
  if (!std::string_view(at_, static_cast<size_t>(end_ - at_)).starts_with(word))
    return fail("expected a value");
  at_ += word.size();
  kind_ = found;
  return true;
}

bool JsonReader::string(bool& escaped) {
  if (!take('"')) return fail("expected a text in quotes");
  escaped = false;
  for (;;) {
    while (end_ - at_ >= 16) {
      const uint32_t special = detail::escapes_of_16(at_);
      at_ += special ? std::countr_zero(special) : 16;
      if (special) break;
    }
    while (at_ != end_ && !detail::needs_escape(*at_)) at_++;
    if (at_ == end_) return fail("a text does not end");
    if (*at_ != '"' && *at_ != '\\') return fail("a control character in a text");
    if (*at_++ == '"') return true;
    escaped = true;
    if (!escape()) return false;
  }
}

bool JsonReader::escape() {
  if (at_ == end_) return fail("a text does not end");
  constexpr std::string_view kShort = "\"\\/bfnrt", kHex = "0123456789abcdefABCDEF";
  const char c = *at_++;
  if (kShort.find(c) != std::string_view::npos) return true;
  if (c != 'u') return fail("no such escape");
  for (int i = 0; i < 4; i++, at_++) {
    if (at_ == end_ || kHex.find(*at_) == std::string_view::npos)
      return fail("expected four hexadecimal digits");
  }
  return true;
}

bool JsonReader::digits() {
  const char* begin = at_;
  while (at_ != end_ && *at_ >= '0' && *at_ <= '9') at_++;
  return at_ != begin || fail("expected a digit");
}

bool JsonReader::number() {
  kind_ = JsonKind::kNumber;
  take('-');
  if (!take('0') && !digits()) return fail("expected a value");
  if (take('.') && !digits()) return false;
  if (!take('e') && !take('E')) return true;
  if (!take('+')) take('-');
  return digits();
}

bool JsonReader::value(int depth) {
  if (depth > kMaxDepth) return fail("nested too deeply");
  if (at_ == end_) return fail("expected a value");
  switch (*at_) {
    case '{': return object(depth);
    case '[': return array(depth);
    case 't': return word("true", JsonKind::kTrue);
    case 'f': return word("false", JsonKind::kFalse);
    case 'n': return word("null", JsonKind::kNull);
    case '"': {
      bool escaped;
      kind_ = JsonKind::kText;
      return string(escaped);
    }
    default: return number();
  }
}

bool JsonReader::array(int depth) {
  take('[');
  bool texts = true;
  skip_blanks();
  if (!take(']')) {
    do {
      skip_blanks();
      if (!value(depth + 1)) return false;
      texts &= kind_ == JsonKind::kText;
      skip_blanks();
    } while (take(','));
    if (!take(']')) return fail("expected ',' or ']'");
  }
  kind_ = texts ? JsonKind::kTexts : JsonKind::kOther;
  return true;
}

bool JsonReader::object(int depth) {
  take('{');
  skip_blanks();
  if (!take('}')) {
    do {
      skip_blanks();
      bool escaped;
      if (!string(escaped)) return false;
      skip_blanks();
      if (!take(':')) return fail("expected ':'");
      skip_blanks();
      if (!value(depth + 1)) return false;
      skip_blanks();
    } while (take(','));
    if (!take('}')) return fail("expected ',' or '}'");
  }
  kind_ = JsonKind::kOther;
  return true;
}

char* unescape_json(std::string_view text, char* out) {
  const char* at = text.data();
  const char* end = at + text.size();
  while (at != end) {
    if (*at != '\\') {
      *out++ = *at++;
      continue;
    }
    const char c = at[1];
    at += 2;
    if (c == 'u') {
      out = put_utf8(out, unicode_escape(at, end));
    } else {
      *out++ = short_escape(c);
    }
  }
  return out;
}

std::string unescape_json(std::string_view text) {
  std::string out(text.size(), '\0');
  out.resize(static_cast<size_t>(unescape_json(text, out.data()) - out.data()));
  return out;
}

}  // namespace nek
