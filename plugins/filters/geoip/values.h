// SPDX-License-Identifier: Apache-2.0
// Values: what one path of a database gives for each record, ready to be a column.
// Distinct values are kept once, so a row costs two look-ups whatever its type.
// Thread-safe once finished: fill() may be called by any thread.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mmdb.h"
#include "nek/plugin.hpp"

namespace nek {

class Values {
 public:
  // Of the next record. False: of another type than those before.
  [[nodiscard]] bool add(const std::optional<Value>& value);
  void add_none() { codes_.push_back(kNone); }
  // The next record has the value of this one.
  void repeat(uint32_t record) { codes_.push_back(codes_[record]); }
  // Of columns of text.
  void set(uint32_t record, const std::optional<std::string>& text);
  void set_if_none(uint32_t record, const std::optional<std::string>& text);

  nek_type type() const;  // text, where no record has a value

  void finish(const Host& host);
  const nek_column& fill(const Call& call, std::span<const uint32_t> records) const;

 private:
  static constexpr int32_t kNone = -1;

  int32_t code_of(const Value& value);
  template <class Writer, class Of>
  const nek_column& fill(nek_column& column, std::span<const uint32_t> records, Of value) const;
  const nek_column& fill_codes(const Call& call, std::span<const uint32_t> records) const;
  const nek_column& fill_json(const Call& call, std::span<const uint32_t> records) const;

  std::vector<int32_t> codes_;  // by record
  std::map<Value, int32_t> index_;
  std::vector<Value> values_;  // by code
  std::vector<std::string> texts_;
  Dictionary dictionary_;
};

}  // namespace nek
