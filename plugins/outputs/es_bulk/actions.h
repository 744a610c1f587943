// SPDX-License-Identifier: Apache-2.0
// Actions: the line that stands before each document of a _bulk request and says what becomes of
// it: {"create":{"_index":"flows-2014.06.10","_id":"..."}}.
// The index is a pattern: text, conversions of the record's own time, and values of its columns.
// What a record shares with the one before it is written once. Thread-safe; a Lane is one thread's.
#pragma once
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nek/plugin.hpp"
#include "time_format.h"

namespace nek {

struct ActionsConfig {
  std::string index, time_field, document_id, routing;
  bool create = true;
};

class Actions {
 public:
  struct Lane {
    std::string lines;
    std::vector<size_t> ends;
    std::vector<nek_text> before;
    std::vector<uint32_t> refused;  // rows, increasing
    bool any_without_id = false;    // of the records, where these make the documents' ids
    std::string index, value;
    std::string head;          // of the line, up to the id
    int64_t hour = INT64_MIN;  // that `head` is of; INT64_MIN: none
    std::string last_index;
    TimeFormat::Cache time;
  };

  // What is wrong, and with which option.
  struct Defect {
    const char* option;
    std::string text;
  };
  std::optional<Defect> setup(const ActionsConfig& config, Shape& shape);

  // Lines for all rows of the batch, into lane.before. Rows that have no place to go are refused:
  // they have an empty line and stand in lane.refused.
  void write(const Call& call, Lane& lane) const;
  // The index with * for whatever changes.
  std::string wildcard() const;
  // Indices that lines were written for.
  std::set<std::string> indices() const;

 private:
  struct Part {
    std::string literal;
    std::optional<TimeFormat> time;
    int column = -1;
  };
  std::optional<Defect> parse_index(const std::string& pattern, Shape& shape);
  bool append_value(const nek_column& column, uint32_t row, std::string& out) const;
  bool write_head(const Call& call, uint32_t row, Lane& lane) const;
  bool write_index(const Call& call, uint32_t row, Lane& lane) const;
  bool write_ids(const Call& call, uint32_t row, Lane& lane) const;

  bool create_ = true, has_time_ = false, has_fields_ = false, record_id_ = false,
       has_columns_ = false;
  std::vector<Part> parts_;
  int time_column_ = -1, id_column_ = -1, routing_column_ = -1;
  std::string time_field_, id_field_, routing_field_;
  mutable std::mutex mutex_;
  mutable std::set<std::string> indices_;
};

}  // namespace nek
