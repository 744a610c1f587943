// SPDX-License-Identifier: Apache-2.0
// JsonReader: finds the members of a JSON object and checks its grammar (RFC 8259), no more.
// Who reads it copies or converts only what it needs; nothing is allocated for a value.
// Not thread-safe; texts are only looked at.
#pragma once
#include <cstdint>
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
  const std::vector<JsonMember>& members() const { return members_; }
  // How far it came: behind the object, or where the problem is.
  size_t position() const { return static_cast<size_t>(at_ - begin_); }
  const char* problem() const { return problem_; }

 private:
  bool fail(const char* problem) {
    problem_ = problem;
    return false;
  }
  void skip_blanks();
  bool take(char c);
  bool word(std::string_view word, JsonKind found);
  bool string(bool& escaped);
  bool escape();
  bool digits();
  bool number();
  bool value(int depth);
  bool array(int depth);
  bool object(int depth);
  bool member();

  const char *begin_ = nullptr, *at_ = nullptr, *end_ = nullptr;
  const char* problem_ = "";
  JsonKind kind_ = JsonKind::kNull;  // of the last value
  std::vector<JsonMember> members_;
};

// Calls f(text, escaped) for each text of a kTexts value.
template <class F>
void each_json_text(std::string_view array, F&& f) {
  size_t begin = array.find('"');
  while (begin != std::string_view::npos) {
    bool escaped = false;
    size_t end = begin + 1;
    for (; array[end] != '"'; end++) {
      if (array[end] != '\\') continue;
      escaped = true;
      end++;
    }
    f(array.substr(begin + 1, end - begin - 1), escaped);
    begin = array.find('"', end + 1);
  }
}

// Writes a text without its escapes, which never makes it longer; returns the end. Half of a
// surrogate pair becomes U+FFFD, because it is no character.
char* unescape_json(std::string_view text, char* out);
std::string unescape_json(std::string_view text);

}  // namespace nek
