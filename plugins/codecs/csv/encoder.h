// SPDX-License-Identifier: Apache-2.0
// Encoder: writes batches as CSV of RFC 4180, for spreadsheets and for programs that read no JSON.
// Its columns are given, so that the header and every line are the same whatever comes.
// Thread-safe; a Lane is one thread's.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "encoder_options.h"
#include "nek/plugin.hpp"
#include "rendered_values.h"

namespace nek::csv {

struct EncoderConfig : EncoderOptions {
  std::string delimiter, list_separator;
  bool header = true;
};

class Encoder {
 public:
  // What a field keeps between batches.
  struct Field {
    TimeFormat::Cache times;
    RenderedValues values;  // of a dictionary; of a null: nothing
  };
  struct Lane {
    std::vector<Field> fields;
  };

  Encoder(Host host, EncoderConfig config) : host_(host), config_(std::move(config)) {}
  Status setup(Shape& shape);
  Status start(const Start& start);
  std::string_view header() const { return header_; }
  std::string_view record_end() const { return "\n"; }
  Status encode(Call& call, Encoded& out, Lane& lane) const;

 private:
  Status set_time_format();
  void set_header();
  class Rows;

  std::string field_of(std::string_view text) const;
  std::string field_of(const TextList& items) const;
  bool needs_quotes(std::string_view text) const;

  Host host_;
  EncoderConfig config_;
  TimeFormat time_format_;
  std::string header_;
  std::array<bool, 256> is_special_{};  // what is quoted
};

}  // namespace nek::csv
