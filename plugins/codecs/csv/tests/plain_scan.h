// SPDX-License-Identifier: Apache-2.0
// plain_scan(): records and fields as one reads them, byte by byte; what scan() is held against.
// Thread-safe: a function without state.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "../scan.h"

namespace nek::csv {

using Records = std::vector<std::vector<std::string>>;

inline Records plain_scan(std::string_view bytes, Dialect dialect) {
  Records records;
  std::vector<std::string> fields(1);
  bool in_quotes = false;
  const auto begins = [&] {  // also behind a byte order mark
    return fields.back().empty() || (fields.size() == 1 && fields.back() == kBom);
  };
  const auto end_record = [&] {
    std::string& last = fields.back();
    if (last.ends_with('\r')) last.pop_back();
    if (fields.size() > 1 || !last.empty()) records.push_back(fields);
    fields.assign(1, {});
  };
  for (size_t i = 0; i < bytes.size(); i++) {
    const char c = bytes[i];
    if (c == '"' && dialect.quotes && (in_quotes || begins())) {
      const bool doubled = in_quotes && i + 1 < bytes.size() && bytes[i + 1] == '"';
      if (doubled) fields.back() += bytes[i++];
      if (!doubled) in_quotes = !in_quotes;
    }
    if (!in_quotes && c == dialect.delimiter) {
      fields.emplace_back();
    } else if (!in_quotes && c == '\n') {
      end_record();
    } else {
      fields.back() += c;
    }
  }
  end_record();
  return records;
}

// The same by scan(), all of which have to agree.
inline Records fast_scan(std::string_view bytes, Dialect dialect, const BitmapUnit& unit) {
  const std::string padded = std::string(bytes) + std::string(64, dialect.delimiter);
  Index index;
  scan(padded.data(), 0, static_cast<uint32_t>(bytes.size()), dialect, unit, index);
  Records records;
  for (const Record& record : index.records) {
    auto& fields = records.emplace_back();
    for (uint32_t i = 0; i < record.fields; i++) {
      fields.emplace_back(field(padded.data(), index.ends.data(), record, i));
    }
  }
  return records;
}

}  // namespace nek::csv
