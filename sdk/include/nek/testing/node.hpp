// SPDX-License-Identifier: Apache-2.0
// Node: a parsed piece of JSON or of plain YAML, so that plugin tests need no YAML library.
// Known are block maps, block lists of scalars, flow maps and lists, quotes and comments.
// Not thread-safe. Throws std::runtime_error, as all of nek::testing does.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nek::testing {

struct Node {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  bool quoted = false;
  uint32_t line = 0, column = 0;
  std::string key;          // of a map's item
  std::string text;         // of a scalar
  std::string source;       // as written, for JSON columns
  std::vector<Node> items;  // of a list or a map

  const Node* find(std::string_view name) const {
    for (const Node& item : items) {
      if (item.key == name) return &item;
    }
    return nullptr;
  }
};

class NodeParser {
 public:
  explicit NodeParser(std::string_view text) : text_(text) {}

  Node parse() {
    skip_lines();
    if (at_ == text_.size()) return {};
    Node node = starts_flow() ? value(Context::kDocument) : block(column());
    skip_lines();
    if (at_ != text_.size()) fail("unexpected text");
    return node;
  }

 private:
  enum class Context : uint8_t { kDocument, kLine, kFlow };

  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error(std::to_string(line_) + ":" + std::to_string(column() + 1) + ": " +
                             what);
  }
  uint32_t column() const { return static_cast<uint32_t>(at_ - line_begin_); }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool done() const { return at_ >= text_.size(); }
  void step() {
    if (text_[at_++] == '\n') {
      line_++;
      line_begin_ = at_;
    }
  }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') at_++;
    if (peek() == '#' &&
        (at_ == 0 || std::string_view(" \t\n").find(text_[at_ - 1]) != std::string_view::npos)) {
      while (!done() && peek() != '\n') at_++;
    }
  }
  void skip_lines() {
    for (skip_blanks(); peek() == '\n' || peek() == '\r'; skip_blanks()) step();
  }
  bool starts_flow() const {
    if (peek() == '{' || peek() == '[') return true;
    return peek() != '-' &&
           text_.substr(at_, text_.find('\n', at_) - at_).find(':') == std::string_view::npos;
  }
  Node begin(Node::Kind kind) const {
    Node node;
    node.kind = kind;
    node.line = line_;
    node.column = column() + 1;
    return node;
  }

  static void add(Node& to, std::string key, Node item) {
    item.key = std::move(key);
    to.items.push_back(std::move(item));
  }

  // Lines of one indentation: `key: value`, or `- value`.
  Node block(uint32_t indent) {
    const bool list = peek() == '-' && (peek(1) == ' ' || peek(1) == '\n');
    Node node = begin(list ? Node::Kind::kList : Node::Kind::kMap);
    while (!done() && column() == indent) {
      std::string name;
      if (list) {
        if (peek() != '-') fail("expected '- '");
        at_++;
      } else {
        name = key();
      }
      skip_blanks();
      if (peek() != '\n' && peek() != '\r' && !done()) {
        add(node, std::move(name), value(Context::kLine));
        skip_blanks();
        if (!done() && peek() != '\n' && peek() != '\r') fail("unexpected text after a value");
        skip_lines();
      } else {
        Node empty = begin(Node::Kind::kNull);
        skip_lines();
        const bool nested = !done() && column() > indent;
        add(node, std::move(name), nested ? block(column()) : std::move(empty));
      }
    }
    if (!done() && column() > indent) fail("unexpected indentation");
    return node;
  }
  std::string key() {
    Node node = peek() == '"' || peek() == '\'' ? quoted() : plain(Context::kFlow);
    skip_blanks();
    if (peek() != ':') fail("expected ':'");
    at_++;
    return node.text;
  }
  Node value(Context context) {
    const size_t begin = at_;
    Node node = peek() == '{'                     ? flow(Node::Kind::kMap, '}')
                : peek() == '['                   ? flow(Node::Kind::kList, ']')
                : peek() == '"' || peek() == '\'' ? quoted()
                                                  : plain(context);
    node.source = std::string(text_.substr(begin, at_ - begin));
    return node;
  }
  Node flow(Node::Kind kind, char close) {
    Node node = begin(kind);
    at_++;
    for (skip_lines(); peek() != close; skip_lines()) {
      if (done()) fail(std::string("expected '") + close + "'");
      std::string name = kind == Node::Kind::kMap ? key() : std::string();
      skip_lines();
      add(node, std::move(name), value(Context::kFlow));
      skip_lines();
      if (peek() == ',') {
        at_++;
      } else if (peek() != close) {
        fail(std::string("expected ',' or '") + close + "'");
      }
    }
    at_++;
    return node;
  }
  Node quoted() {
    Node node = begin(Node::Kind::kScalar);
    node.quoted = true;
    const char quote = peek();
    for (at_++; peek() != quote || (quote == '\'' && peek(1) == '\''); step()) {
      if (done()) fail("unclosed quote");
      if (quote == '"' && peek() == '\\') {
        at_++;
        escape(node.text);
      } else {
        if (peek() == '\'' && quote == '\'') at_++;
        node.text += peek();
      }
    }
    at_++;
    return node;
  }
  void escape(std::string& to) {
    static constexpr std::string_view kNames = "nrtbf0", kBytes{"\n\r\t\b\f\0", 6};
    const char c = peek();
    if (c == 'u') {
      append_utf8(to, static_cast<uint32_t>(
                          std::stoul(std::string(text_.substr(at_ + 1, 4)), nullptr, 16)));
      at_ += 4;
    } else if (const size_t i = kNames.find(c); i != std::string_view::npos) {
      to += kBytes[i];
    } else {
      to += c;
    }
  }
  static void append_utf8(std::string& to, uint32_t c) {
    if (c < 0x80) {
      to += static_cast<char>(c);
    } else if (c < 0x800) {
      to += static_cast<char>(0xC0 | c >> 6);
      to += static_cast<char>(0x80 | (c & 0x3F));
    } else {
      to += static_cast<char>(0xE0 | c >> 12);
      to += static_cast<char>(0x80 | (c >> 6 & 0x3F));
      to += static_cast<char>(0x80 | (c & 0x3F));
    }
  }
  Node plain(Context context) {
    Node node = begin(Node::Kind::kScalar);
    const std::string_view stops = context == Context::kFlow ? ",[]{}:\n\r" : "\n\r";
    const size_t begin = at_;
    while (!done()) {
      const char c = peek();
      const bool in_word = c == ':' && peek(1) != ' ' && peek(1) != '\n' && peek(1) != '\0';
      if (stops.find(c) != std::string_view::npos && !in_word) break;
      if (c == '#' && at_ > begin && text_[at_ - 1] == ' ') break;
      at_++;
    }
    std::string_view word = text_.substr(begin, at_ - begin);
    while (!word.empty() && (word.back() == ' ' || word.back() == '\t')) word.remove_suffix(1);
    node.text = std::string(word);
    if (word.empty() || word == "null" || word == "~") node.kind = Node::Kind::kNull;
    return node;
  }

  std::string_view text_;
  size_t at_ = 0, line_begin_ = 0;
  uint32_t line_ = 1;
};

inline Node parse_node(std::string_view text) { return NodeParser(text).parse(); }

}  // namespace nek::testing
