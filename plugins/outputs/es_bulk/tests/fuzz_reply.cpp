// SPDX-License-Identifier: Apache-2.0
// Whatever a server, or somebody in its place, answers: the reply is read or refused, and no item
// is told of that is not counted.
#include <cstdint>
#include <cstdlib>

#include "../bulk_reply.h"
#include "../verdicts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  nek::BulkReply reply;
  size_t told = 0, last = 0;
  const bool good = reply.read(body, [&](size_t index, const nek::BulkItem&) {
    if (told++ > 0 && index <= last) std::abort();
    last = index;
  });
  if (good && told > 0 && last >= reply.items()) std::abort();
  (void)nek::request_error(body);

  nek::HttpReply http;
  http.status = 200;
  http.body = body;
  nek::Verdicts verdicts(true);
  const nek::Judged judged = verdicts.judge(http, 3, size);
  const auto& records = judged.outcome.records;
  if (!records.empty() && records.size() != 3) std::abort();
  // Delivered as a whole only when it speaks of all three.
  const bool whole = records.empty() && judged.outcome.verdict == NEK_DELIVERED;
  if (whole && !(good && reply.items() == 3)) std::abort();
  return 0;
}
