// SPDX-License-Identifier: Apache-2.0
#include "scan.h"

#include <cstring>

namespace nek::csv {

namespace {

// Behind the quote that closes the field which opens at `at`; `end` when it is not closed.
uint32_t skip_quoted(const char* bytes, uint32_t at, uint32_t end) {
  for (at++; at < end; at++) {
    const auto* quote = static_cast<const char*>(std::memchr(bytes + at, '"', end - at));
    if (!quote) return end;
    at = static_cast<uint32_t>(quote - bytes) + 1;
    if (at == end || bytes[at] != '"') return at;
  }
  return end;
}

class Scanner {
 public:
  Scanner(const char* bytes, Dialect dialect, Index& index)
      : bytes_(bytes), dialect_(dialect), index_(index) {}

  void run(uint32_t begin, uint32_t end) {
    start(begin);
    for (uint32_t at = begin; at < end;) {
      const char c = bytes_[at];
      if (c == '"' && at == field_ && dialect_.quotes) {
        index_.quoted = true;
        at = skip_quoted(bytes_, at, end);
        continue;
      }
      if (c == dialect_.delimiter) {
        index_.ends.push_back(at);
        field_ = at + 1;
      } else if (c == '\n') {
        end_record(at);
        start(at + 1);
      }
      at++;
    }
    if (record_.begin < end) end_record(end);
  }

 private:
  void start(uint32_t at) {
    field_ = at;
    record_ = {at, at, static_cast<uint32_t>(index_.ends.size()), 0};
  }
  void end_record(uint32_t at) {
    record_.end = at > field_ && bytes_[at - 1] == '\r' ? at - 1 : at;
    if (record_.end == record_.begin) return;
    index_.ends.push_back(record_.end);
    record_.fields = static_cast<uint32_t>(index_.ends.size()) - record_.first;
    index_.records.push_back(record_);
  }

  const char* bytes_;
  Dialect dialect_;
  Index& index_;
  Record record_{};
  uint32_t field_ = 0;  // where the field begins
};

size_t last_line_end(std::string_view bytes) {
  const void* newline = bytes.empty() ? nullptr : memrchr(bytes.data(), '\n', bytes.size());
  return newline ? static_cast<size_t>(static_cast<const char*>(newline) - bytes.data()) + 1 : 0;
}

}  // namespace

void scan(const char* bytes, uint32_t begin, uint32_t end, Dialect dialect, Index& index) {
  Scanner(bytes, dialect, index).run(begin, end);
}

size_t last_record_end(std::string_view bytes, Dialect dialect) {
  size_t whole = 0, from = 0;  // from: behind the last quoted field
  while (dialect.quotes) {
    size_t quote = bytes.find('"', from);
    const auto opens = [&](size_t at) {
      return at == 0 || bytes[at - 1] == '\n' || bytes[at - 1] == dialect.delimiter;
    };
    while (quote != std::string_view::npos && !opens(quote)) quote = bytes.find('"', quote + 1);
    if (quote == std::string_view::npos) break;
    if (const size_t end = last_line_end(bytes.substr(from, quote - from))) whole = from + end;
    const auto size = static_cast<uint32_t>(bytes.size());
    from = skip_quoted(bytes.data(), static_cast<uint32_t>(quote), size);
    if (from == size) return whole;
  }
  const size_t end = last_line_end(bytes.substr(from));
  return end ? from + end : whole;
}

}  // namespace nek::csv
