// SPDX-License-Identifier: Apache-2.0
// What an answer of the server, or none, means for the records of a request.
// Thread-safe: functions without state, but for a Verdicts, which is one thread's.
#pragma once
#include <cstddef>
#include <string>

#include "bulk_reply.h"
#include "connection.h"
#include "nek/services.hpp"

namespace nek {

// What else is to be known of a request that ended.
struct Judged {
  Outcome outcome;
  bool host_failed = false;       // another host may do better
  uint64_t failure_store = 0;     // documents that went there
  std::string failure_store_why;  // of the first of them
};

class Verdicts {
 public:
  explicit Verdicts(bool create) : create_(create) {}

  // Of a _bulk request with `count` documents in a body of `bytes`.
  Judged judge(const HttpReply& reply, size_t count, size_t bytes);

 private:
  Judged judge_items(const HttpReply& reply, size_t count);
  RecordVerdict verdict_of(const BulkItem& item) const;
  Judged judge_no_answer(const HttpReply& reply, size_t bytes);

  const bool create_;
  BulkReply items_;
};

}  // namespace nek
