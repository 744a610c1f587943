// SPDX-License-Identifier: Apache-2.0
#include "verdicts.h"

#include <algorithm>

namespace nek {
namespace {

// A body of this size may be what a server hangs up on without saying so.
constexpr size_t kLarge = size_t{256} << 10;

Judged whole(uint32_t verdict, std::string reason, uint64_t after_ms = 0) {
  Judged judged;
  judged.outcome.verdict = verdict;
  judged.outcome.reason = std::move(reason);
  judged.outcome.after_ms = after_ms;
  return judged;
}

std::string answer_of(const HttpReply& reply) {
  const BulkItem error = request_error(reply.body);
  std::string text = "the server answers " + std::to_string(reply.status);
  if (!error.type.empty()) text += " " + error.type;
  if (!error.reason.empty()) text += ": " + error.reason;
  return text;
}

bool is_tls(CURLcode code) {
  switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH: return true;
    default: return false;
  }
}

uint32_t verdict_of_status(uint32_t status, bool create) {
  if (status / 100 == 2) return NEK_DELIVERED;
  if (status == 409 && create) return NEK_DUPLICATE;
  // A right that is missing is given by somebody, as a full disk is emptied: nothing is given up.
  if (status == 429 || status == 503 || status == 401 || status == 403) return NEK_AGAIN;
  // Of one document among others it may be for good, as where an ingest pipeline fails on it.
  return status >= 500 ? NEK_DOUBT : NEK_REJECT;
}

}  // namespace

Judged Verdicts::judge(const HttpReply& reply, size_t count, size_t bytes) {
  if (!reply.answered()) return judge_no_answer(reply, bytes);
  Judged judged;
  switch (reply.status) {
    case 200: return judge_items(reply, count);
    case 413: return whole(NEK_SPLIT, "too_large: the server takes no body of this size");
    case 401:
    case 403:
      return whole(NEK_PAUSE,
                   answer_of(reply) + "; nothing is dropped: mend the credentials or their rights");
    case 502:
    case 503:
    case 504:
      judged = whole(NEK_AGAIN, answer_of(reply), reply.retry_after_ms);
      judged.host_failed = true;
      return judged;
    default: break;
  }
  if (reply.status == 429 || reply.status >= 500) {
    judged = whole(NEK_AGAIN, answer_of(reply), reply.retry_after_ms);
    judged.outcome.too_much = reply.status == 429;
    return judged;
  }
  return whole(NEK_PAUSE, answer_of(reply) + "; is this Elasticsearch or OpenSearch?");
}

Judged Verdicts::judge_no_answer(const HttpReply& reply, size_t bytes) {
  const bool hung_up = reply.code == CURLE_SEND_ERROR || reply.code == CURLE_RECV_ERROR ||
                       reply.code == CURLE_GOT_NOTHING;
  const char* advice = is_tls(reply.code) ? "; see the options of 'tls'" : "";
  Judged judged = whole(is_tls(reply.code) ? NEK_PAUSE : NEK_AGAIN, reply.error + advice);
  // It may dislike the size, or just be stopped: so it gets less for a while, and nothing is
  // refused.
  judged.outcome.too_much = reply.code == CURLE_OPERATION_TIMEDOUT || (hung_up && bytes >= kLarge);
  judged.host_failed = true;
  return judged;
}

Judged Verdicts::judge_items(const HttpReply& reply, size_t count) {
  Judged judged;
  std::vector<RecordVerdict>& records = judged.outcome.records;
  const bool read = items_.read(reply.body, [&](size_t index, const BulkItem& item) {
    if (index >= count) return;
    if (records.empty()) records.resize(count);
    records[index] = verdict_of(item);
    if (item.failure_store) {
      if (judged.failure_store++ == 0) judged.failure_store_why = item.type + ": " + item.reason;
    }
  });
  const std::string what = "the server's answer cannot be made sense of: ";
  if (!read) return whole(NEK_AGAIN, what + items_.problem());
  if (items_.items() != count)
    return whole(NEK_AGAIN, what + "it speaks of " + std::to_string(items_.items()) +
                                " documents, not of " + std::to_string(count));
  return judged;
}

RecordVerdict Verdicts::verdict_of(const BulkItem& item) const {
  const uint32_t verdict = verdict_of_status(item.status, create_);
  if (verdict == NEK_DELIVERED || verdict == NEK_DUPLICATE) return {verdict};
  const std::string type = item.type.empty() ? std::to_string(item.status) : item.type;
  return {verdict, type + ": " + item.reason};
}

}  // namespace nek
