// SPDX-License-Identifier: Apache-2.0
#include "pipeline/diagnostics.h"

#include <algorithm>

namespace nek {
namespace {

constexpr size_t kMaxShown = 200;  // bytes of a source line
constexpr size_t kMaxQuoted = 60;  // bytes of a value in a message

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// At most `limit` bytes, not cutting a UTF-8 character in two.
std::string_view cut(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && is_continuation(text[limit])) limit--;
  return text.substr(0, limit);
}

std::string printable(std::string_view line) {
  std::string out(cut(line, kMaxShown));
  for (char& c : out)
    if (is_control(c) && c != '\t') c = ' ';
  return out;
}

// Blanks as wide as what stands before the column; tabs stay tabs, so that the caret is below its
// character.
std::string indent_to(std::string_view line, uint32_t column) {
  std::string out;
  for (char c : line.substr(0, column > 0 ? column - 1 : 0)) {
    if (is_continuation(c)) continue;
    out += c == '\t' ? '\t' : ' ';
  }
  return out;
}

}  // namespace

Diagnostics::Diagnostics(std::string file, std::string source)
    : file_(std::move(file)), source_(std::move(source)) {
  line_begins_.push_back(0);
  for (size_t i = 0; i < source_.size(); i++)
    if (source_[i] == '\n') line_begins_.push_back(i + 1);
}

void Diagnostics::error(Place place, std::string text) {
  add({place, Severity::kError, std::move(text)});
}

void Diagnostics::warning(Place place, std::string text) {
  add({place, Severity::kWarning, std::move(text)});
}

void Diagnostics::add(Diagnostic diagnostic) {
  if (!said_.emplace(diagnostic.place, diagnostic.text).second) return;
  if (diagnostic.severity == Severity::kError) errors_++;
  all_.push_back(std::move(diagnostic));
}

std::vector<Diagnostic> Diagnostics::sorted() const {
  std::vector<Diagnostic> out = all_;
  std::stable_sort(out.begin(), out.end(),
                   [](const Diagnostic& a, const Diagnostic& b) { return a.place < b.place; });
  return out;
}

std::string_view Diagnostics::source_line(uint32_t line) const {
  if (line == 0 || line > line_begins_.size()) return {};
  std::string_view rest = std::string_view(source_).substr(line_begins_[line - 1]);
  rest = rest.substr(0, rest.find('\n'));
  if (rest.ends_with('\r')) rest.remove_suffix(1);
  return rest;
}

std::string Diagnostics::print(bool colour) const {
  std::string out;
  for (const Diagnostic& d : sorted()) {
    const bool warns = d.severity == Severity::kWarning;
    const char* tint = !colour ? "" : warns ? "\033[33m" : "\033[31m";
    const char* plain = colour ? "\033[0m" : "";
    out += file_;
    if (d.place.line > 0)
      out += ":" + std::to_string(d.place.line) + ":" + std::to_string(d.place.column);
    out += ": ";
    out += tint;
    if (warns) out += "warning: ";
    out += d.text;
    out += plain;
    out += '\n';
    const std::string_view line = source_line(d.place.line);
    if (line.empty() || d.place.column > kMaxShown || hidden_.contains(d.place.line)) continue;
    out += "    " + printable(line) + "\n    " + indent_to(line, d.place.column) + tint + "^" +
           plain + "\n";
  }
  return out;
}

std::string in_quotes(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "'";
  for (char c : cut(text, kMaxQuoted)) {
    if (!is_control(c)) {
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out += "\\x";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[c & 15];
    }
  }
  return out + (text.size() > kMaxQuoted ? "…'" : "'");
}

}  // namespace nek
