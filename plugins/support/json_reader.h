// SPDX-License-Identifier: Apache-2.0
// JsonReader: finds the members of a JSON object and checks its grammar (RFC 8259), no more.
// Who reads it copies or converts only what it needs; nothing is allocated for a value, and keys
// that stand where they stood in the last object are compared, not read. Not thread-safe.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nek {

enum class JsonKind : uint8_t { kNull, kTrue, kFalse, kNumber, kText, kTexts, kOther };

struct JsonMember {
  std::string_view key;    // between the quotes, as written
  std::string_view value;  // as written; kText: between the quotes
  JsonKind kind;           // kTexts: an array of nothing but texts; kOther: objects, other arrays
  bool key_escaped;        // the key has escapes
  bool escaped;            // kText: has escapes
};

class JsonReader {
 public:
  static constexpr int kMaxDepth = 256;

  // Reads the object that `text` begins with, after blanks. False: problem() says why.
  bool read_object(std::string_view text);
  std::span<const JsonMember> members() const { return {members_.data(), count_}; }
  // Whether the keys are those of the object before, in the same order.
  bool same_keys() const { return same_keys_; }
  // How far it came: behind the object, or where the problem is.
  size_t position() const { return static_cast<size_t>(at_ - begin_); }
  const char* problem() const { return problem_; }

 private:
  // A key of the last object with its quotes and colon.
  struct Known {
    uint64_t words[2] = {}, masks[2] = {};  // where it is not longer than these
    uint32_t size = 0;                      // 0: it is longer
    std::string text;
    bool escaped = false;
  };

  bool fail(const char* problem) {
    problem_ = problem;
    return false;
  }
  void skip_blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) at_++;
  }
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    at_++;
    return true;
  }
  bool word(std::string_view word, JsonKind found);
  bool string(bool& escaped);
  bool escape();
  bool digits();
  bool number();
  bool value(int depth);
  bool array(int depth);
  bool object(int depth);
  bool member();
  bool short_text(JsonMember& member);
  bool short_number(JsonMember& member);
  bool key(JsonMember& member);
  bool new_key(Known& known, JsonMember& member);
  bool is_known(const Known& known) const;
  void learn(Known& known, std::string_view key, bool escaped);

  const char *begin_ = nullptr, *at_ = nullptr, *end_ = nullptr;
  const char* problem_ = "";
  JsonKind kind_ = JsonKind::kNull;  // of the last value
  std::vector<JsonMember> members_;  // count_ of them
  std::vector<Known> known_;
  size_t count_ = 0, last_count_ = SIZE_MAX;
  bool same_keys_ = false;
};

// Calls f(text, escaped) for each text of a kTexts value.
template <class F>
void each_json_text(std::string_view array, F&& f) {
  const char* at = array.data() + 1;
  const char* end = array.data() + array.size() - 1;
  while (at != end) {
    if (*at++ != '"') continue;
    const char* begin = at;
    bool escaped = false;
    for (; *at != '"'; at++) {
      if (*at != '\\') continue;
      escaped = true;
      at++;
    }
    f(std::string_view(begin, static_cast<size_t>(at++ - begin)), escaped);
  }
}

// Writes a text without its escapes, which never makes it longer; returns the end. Half of a
// surrogate pair becomes U+FFFD, because it is no character.
char* unescape_json(std::string_view text, char* out);
std::string unescape_json(std::string_view text);

}  // namespace nek
