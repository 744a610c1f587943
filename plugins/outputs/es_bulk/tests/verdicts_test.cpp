// SPDX-License-Identifier: Apache-2.0
#include "../verdicts.h"

#include <catch2/catch.hpp>

namespace nek {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

HttpReply answer(long status, std::string body = "", uint64_t retry_after_ms = 0) {
  HttpReply reply;
  reply.status = status;
  reply.body = std::move(body);
  reply.retry_after_ms = retry_after_ms;
  return reply;
}
HttpReply no_answer(CURLcode code, std::string error) {
  HttpReply reply;
  reply.code = code;
  reply.error = std::move(error);
  return reply;
}
std::string item(int status, const std::string& more = "") {
  return R"({"create":{"status":)" + std::to_string(status) + more + "}}";
}
std::string items(const std::vector<std::string>& all) {
  std::string body = R"({"errors":true,"items":[)";
  for (const std::string& one : all) body += (&one == &all[0] ? "" : ",") + one;
  return body + "]}";
}
uint32_t verdict_of_item(int status, bool create = true) {
  Verdicts verdicts(create);
  const Judged judged = verdicts.judge(answer(200, items({item(201), item(status)})), 2, 100);
  REQUIRE(judged.outcome.records.size() == 2);
  CHECK(judged.outcome.records[0].verdict == NEK_DELIVERED);
  return judged.outcome.records[1].verdict;
}

TEST_CASE("a request of which all went well is delivered as a whole") {
  Verdicts verdicts(true);
  const Judged judged = verdicts.judge(answer(200, items({item(201), item(200)})), 2, 100);
  CHECK(judged.outcome.verdict == NEK_DELIVERED);
  CHECK(judged.outcome.records.empty());
}

TEST_CASE("each document has a verdict of its own") {
  CHECK(verdict_of_item(409) == NEK_DUPLICATE);
  CHECK(verdict_of_item(409, false) == NEK_REJECT);  // 'op: index' knows no "it is there already"
  CHECK(verdict_of_item(400) == NEK_REJECT);
  CHECK(verdict_of_item(404) == NEK_REJECT);
  for (const int status : {429, 503}) CHECK(verdict_of_item(status) == NEK_AGAIN);
  // An ingest pipeline that fails on this document, perhaps for good.
  for (const int status : {500, 502, 504}) CHECK(verdict_of_item(status) == NEK_DOUBT);
  // A right that is missing, or an index that is blocked because the disk is full.
  for (const int status : {401, 403}) CHECK(verdict_of_item(status) == NEK_AGAIN);
}

TEST_CASE("a document that is refused carries the server's type and reason") {
  Verdicts verdicts(true);
  const Judged judged = verdicts.judge(
      answer(200, items({item(400, R"(,"error":{"type":"t","reason":"r"})")})), 1, 100);
  CHECK(judged.outcome.records[0].reason == "t: r");
}

TEST_CASE("a document in the failure store is delivered, and counted as such") {
  Verdicts verdicts(true);
  const std::string stored = R"(,"failure_store":"used","error":{"type":"t","reason":"r"})";
  const Judged judged = verdicts.judge(answer(200, items({item(201, stored), item(201)})), 2, 100);
  CHECK(judged.outcome.records[0].verdict == NEK_DELIVERED);
  CHECK(judged.failure_store == 1);
  CHECK(judged.failure_store_why == "t: r");
}

TEST_CASE("a reply of another count, or that cannot be read, means that all are sent again") {
  Verdicts verdicts(true);
  const Judged fewer = verdicts.judge(answer(200, items({item(201)})), 2, 100);
  CHECK(fewer.outcome.verdict == NEK_AGAIN);
  CHECK(fewer.outcome.records.empty());
  CHECK(fewer.outcome.reason ==
        "the server's answer cannot be made sense of: it speaks of 1 documents, not of 2");
  CHECK(verdicts.judge(answer(200, "<html>"), 2, 100).outcome.verdict == NEK_AGAIN);
  CHECK(verdicts.judge(answer(200, ""), 2, 100).outcome.verdict == NEK_AGAIN);
}

TEST_CASE("a server that has too much, or is not well, gets it again, not before it says") {
  Verdicts verdicts(true);
  for (const long status : {429L, 500L, 502L, 503L, 504L}) {
    const Judged judged = verdicts.judge(answer(status, "", 7000), 2, 100);
    CHECK(judged.outcome.verdict == NEK_AGAIN);
    CHECK(judged.outcome.after_ms == 7000);
  }
  CHECK(verdicts.judge(answer(503), 2, 100).host_failed);
  CHECK_FALSE(verdicts.judge(answer(429), 2, 100).host_failed);
  CHECK(verdicts.judge(answer(429), 2, 100).outcome.too_much);
  CHECK_FALSE(verdicts.judge(answer(503), 2, 100).outcome.too_much);
}

TEST_CASE("who we are not allowed to be, and what is no such server, pauses and drops nothing") {
  Verdicts verdicts(true);
  for (const long status : {401L, 403L, 400L, 404L, 405L})
    CHECK(verdicts.judge(answer(status), 2, 100).outcome.verdict == NEK_PAUSE);
  CHECK(verdicts
            .judge(answer(401, R"({"error":{"type":"security_exception","reason":"no"}})"), 2, 100)
            .outcome.reason ==
        "the server answers 401 security_exception: no; nothing is dropped: mend the credentials "
        "or their rights");
}

TEST_CASE("what is too large is split") {
  Verdicts verdicts(true);
  CHECK(verdicts.judge(answer(413), 2, 100).outcome.verdict == NEK_SPLIT);
}

// A server that is stopped hangs up on all that is in flight: that says nothing of their size.
TEST_CASE("where a server hangs up on large bodies it gets less, and nothing is refused") {
  Verdicts verdicts(true);
  for (const CURLcode code : {CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING}) {
    for (int i = 0; i < 5; i++) {
      const Judged large = verdicts.judge(no_answer(code, "Connection reset by peer"), 1, kMiB);
      CHECK(large.outcome.verdict == NEK_AGAIN);
      CHECK(large.outcome.too_much);
      CHECK(large.host_failed);
    }
    const Judged small = verdicts.judge(no_answer(code, "Connection reset by peer"), 2, 1000);
    CHECK(small.outcome.verdict == NEK_AGAIN);
    CHECK_FALSE(small.outcome.too_much);
  }
}

TEST_CASE("a server that cannot be reached has failed, and TLS errors say where to look") {
  Verdicts verdicts(true);
  const Judged refused =
      verdicts.judge(no_answer(CURLE_COULDNT_CONNECT, "Connection refused"), 2, 100);
  CHECK(refused.outcome.verdict == NEK_AGAIN);
  CHECK(refused.host_failed);
  const Judged tls =
      verdicts.judge(no_answer(CURLE_PEER_FAILED_VERIFICATION, "self-signed certificate"), 2, 100);
  CHECK(tls.outcome.verdict == NEK_PAUSE);
  CHECK(tls.outcome.reason == "self-signed certificate; see the options of 'tls'");
}

}  // namespace
}  // namespace nek
