// SPDX-License-Identifier: Apache-2.0
// Diagnostics: what is wrong in a pipeline file, each with its place.
// It lets every check go on after an error, so that all of them are shown in one go, in file order.
// Not thread-safe: one thread at a time.
#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nek {

// A place in the file, both 1-based; line 0: the file as a whole.
struct Place {
  uint32_t line = 0, column = 0;
  auto operator<=>(const Place&) const = default;
};

enum class Severity : uint8_t { kError, kWarning };

struct Diagnostic {
  Place place;
  Severity severity = Severity::kError;
  std::string text;
};

class Diagnostics {
 public:
  // `source` is the file's text, for the lines that are shown.
  Diagnostics(std::string file, std::string source);

  // The same text at the same place is kept once (an anchor's value may be checked several times).
  void error(Place place, std::string text);
  void warning(Place place, std::string text);
  // Never shows this line: a secret stands in it.
  void hide_line(uint32_t line) { hidden_.insert(line); }

  size_t error_count() const { return errors_; }
  bool has_errors() const { return errors_ > 0; }
  // By place; at one place in the order of reporting.
  std::vector<Diagnostic> sorted() const;

  // "FILE:LINE:COLUMN: TEXT", the source line, a caret line; for each.
  std::string print(bool colour = false) const;

 private:
  void add(Diagnostic diagnostic);
  std::string_view source_line(uint32_t line) const;

  std::string file_, source_;
  std::vector<size_t> line_begins_;
  std::vector<Diagnostic> all_;
  std::set<std::pair<Place, std::string>> said_;
  std::set<uint32_t> hidden_;
  size_t errors_ = 0;
};

// 'text' in quotes for a message: control characters escaped, long texts cut.
std::string in_quotes(std::string_view text);

}  // namespace nek
