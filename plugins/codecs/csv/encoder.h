// SPDX-License-Identifier: Apache-2.0
// Encoder: writes batches as CSV of RFC 4180, for spreadsheets and for programs that read no JSON.
// Its columns are given, so that the header and every line are the same whatever comes.
// Thread-safe; a Lane is one thread's.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "nek/plugin.hpp"
#include "time_format.h"

namespace nek::csv {

struct EncoderConfig {
  std::vector<std::string> fields;
  StringPairs rename;
  std::string delimiter, list_separator, time_format, timezone;
  bool header = true;
};

class Encoder {
 public:
  struct Lane {
    std::vector<TimeFormat::Cache> times;  // of each field
    std::string list;                      // the items of one, joined
  };

  Encoder(Host host, EncoderConfig config) : host_(host), config_(std::move(config)) {}
  Status setup(Shape& shape);
  Status start(const Start& start);
  std::string_view header() const { return header_; }
  std::string_view record_end() const { return "\n"; }
  Status encode(Call& call, Encoded& out, Lane& lane) const;

 private:
  Status set_time_format();
  Status set_header();
  void write_value(const nek_column& column, uint32_t row, Encoded& out, TimeFormat::Cache& times,
                   std::string& list) const;
  void write_text(std::string_view text, Encoded& out) const;
  void write_list(const nek_column& column, uint32_t row, Encoded& out, std::string& list) const;
  bool needs_quotes(std::string_view text) const;

  Host host_;
  EncoderConfig config_;
  TimeFormat time_format_;
  std::string header_;
};

}  // namespace nek::csv
