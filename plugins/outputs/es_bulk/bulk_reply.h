// SPDX-License-Identifier: Apache-2.0
// BulkReply: what a server says of each document of a _bulk request.
// Items that went well are compared with the one before and passed over; only the others are read.
// Not thread-safe.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "json_reader.h"

namespace nek {

struct BulkItem {
  uint32_t status = 0;
  bool failure_store = false;  // it went to the failure store of a data stream
  std::string type, reason;    // of its error
};

class BulkReply {
 public:
  // Calls item(index, BulkItem) for each that did not simply succeed. False: this is no reply to
  // _bulk; problem() says why.
  using OnItem = std::function<void(size_t index, const BulkItem&)>;
  bool read(std::string_view body, const OnItem& item);
  size_t items() const { return items_; }
  const std::string& problem() const { return problem_; }

 private:
  bool read_items(std::string_view array, const OnItem& item);
  bool read_item(std::string_view object, BulkItem& item);
  void read_error(std::string_view value, BulkItem& item);
  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  JsonReader reader_, outer_, inner_, error_;
  size_t items_ = 0;
  std::string problem_;
};

// Type and reason of the error that a whole request was answered with; empty when there is none.
BulkItem request_error(std::string_view body);

}  // namespace nek
