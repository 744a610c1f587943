// SPDX-License-Identifier: Apache-2.0
#include "../bulk_reply.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace nek {
namespace {

struct Read {
  bool good;
  size_t items;
  std::vector<std::string> others;  // "index status type|reason", failure store as *
  std::string problem;
};

Read read(std::string_view body) {
  BulkReply reply;
  Read read;
  read.good = reply.read(body, [&](size_t index, const BulkItem& item) {
    read.others.push_back(std::to_string(index) + " " + std::to_string(item.status) +
                          (item.failure_store ? "* " : " ") + item.type + "|" + item.reason);
  });
  read.items = reply.items();
  read.problem = reply.problem();
  return read;
}

using Lines = std::vector<std::string>;

TEST_CASE("documents that were made are counted, and nothing else is told of them") {
  const Read made = read(R"({"errors":false,"items":[{"create":{"status":201}},)"
                         R"({"create":{"status":201}},{"index":{"status":200}}]})");
  CHECK(made.good);
  CHECK(made.items == 3);
  CHECK(made.others.empty());
}

// As OpenSearch 2.19 answered, filtered by filter_path.
TEST_CASE("each failure is told with its place, status, type, reason and cause") {
  const Read mixed = read(
      R"({"errors":true,"items":[{"create":{"status":201}},)"
      R"({"create":{"status":400,"error":{"type":"mapper_parsing_exception",)"
      R"("reason":"failed to parse field [byte] of type [long] in document with id 'a'.)"
      R"( Preview of field's value: 'many'","caused_by":{"type":"illegal_argument_exception",)"
      R"("reason":"For input string: \"many\""}}}},{"create":{"status":201}},)"
      R"({"create":{"status":429,"error":{"type":"rejected_execution_exception",)"
      R"("reason":"rejected execution of coordinating operation"}}},)"
      R"({"create":{"status":409,"error":{"type":"version_conflict_engine_exception",)"
      R"--("reason":"[b]: version conflict, document already exists (current version [1])"}}}]})--");
  CHECK(mixed.good);
  CHECK(mixed.items == 5);
  CHECK(mixed.others ==
        Lines{"1 400 mapper_parsing_exception|failed to parse field [byte] of type [long] in "
              "document with id 'a'. Preview of field's value: 'many': For input string: \"many\"",
              "3 429 rejected_execution_exception|rejected execution of coordinating operation",
              "4 409 version_conflict_engine_exception|[b]: version conflict, document already "
              "exists (current version [1])"});
}

TEST_CASE("what filter_path would have left out does no harm, nor do blanks") {
  const Read full = read(
      "{ \"took\": 3, \"items\" : [\n"
      "  {\"index\": {\"_index\": \"f\", \"_id\": null, \"_shards\": {\"total\": 2}, "
      "\"status\": 400, \"error\": \"only an old server says it so\"}},\n"
      "  {\"index\": {\"_index\": \"f\", \"_id\": \"1\", \"status\": 201}} ] , \"errors\": true "
      "}\n");
  CHECK(full.good);
  CHECK(full.items == 2);
  CHECK(full.others == Lines{"0 400 |only an old server says it so"});
}

TEST_CASE("a document in the failure store is told though it was made") {
  const Read stored = read(
      R"({"items":[{"create":{"status":201,"failure_store":"used","error":{"type":"t","reason":"r"}}},)"
      R"({"create":{"status":201,"failure_store":"not_applicable_or_unknown"}}]})");
  CHECK(stored.others == Lines{"0 201* t|r"});
}

TEST_CASE("what is no reply to a bulk request is a problem, never a success") {
  CHECK(read("").problem != "");
  CHECK(read("<html>Bad gateway</html>").problem != "");
  CHECK(read(R"({"errors":false,"items":[{"create":{"status":201)").problem != "");
  CHECK(read(R"({"errors":false})").problem == "it has no items");
  CHECK(read(R"({"items":{}})").problem == "its items are no list");
  CHECK(read(R"({"items":[7]})").problem == "an item is no object");
  CHECK(read(R"({"items":[{}]})").problem == "an item is not {action: {...}}");
  CHECK(read(R"({"items":[{"create":{}}]})").problem == "an item has no status");
  CHECK(read(R"({"items":[{"create":{"status":"201"}}]})").problem == "an item has no status");
  CHECK(read(R"({"items":[]})").items == 0);
}

TEST_CASE("an item that begins like one that went well and goes on otherwise is read by itself") {
  const Read two = read(
      R"({"items":[{"create":{"status":201}},{"create":{"status":2010}},{"create":{"status":201}}]})");
  CHECK(two.others == Lines{"1 2010 |"});
  CHECK(two.items == 3);
}

TEST_CASE("the error of a whole request has a type and a reason") {
  const BulkItem error = request_error(
      R"({"error":{"root_cause":[],"type":"illegal_argument_exception",)"
      R"("reason":"The bulk request must be terminated by a newline [\\n]"},"status":400})");
  CHECK(error.type == "illegal_argument_exception");
  CHECK(error.reason == "The bulk request must be terminated by a newline [\\n]");
  CHECK(request_error(R"({"error":"plain","status":405})").reason == "plain");
  CHECK(request_error("Service Unavailable").reason == "");
}

}  // namespace
}  // namespace nek
