// SPDX-License-Identifier: Apache-2.0
#include "runtime/sender.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "memory_env.h"
#include "metrics/metrics.h"

namespace nek {
namespace {

// A server whose answers the test gives.
struct Server {
  struct Request {
    nek_token* token;
    std::vector<std::string> records;
  };
  nek_shape shape{};
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Request> requests;

  Request next() {
    std::unique_lock lock(mutex);
    if (!changed.wait_for(lock, std::chrono::seconds(30), [&] { return !requests.empty(); }))
      throw std::runtime_error("no request came");
    Request request = requests.front();
    requests.pop_front();
    return request;
  }
  bool silent() {
    std::unique_lock lock(mutex);
    return !changed.wait_for(lock, std::chrono::milliseconds(50),
                             [&] { return !requests.empty(); });
  }
};
Server* the_server = nullptr;

nek_status create(const nek_host*, const nek_value*, void** self) {
  *self = the_server;
  return NEK_OK;
}
const nek_shape* shape(void* self) { return &static_cast<Server*>(self)->shape; }
void destroy(void*) {}
void send(void* self, nek_token* token, const nek_record* records, uint32_t count) {
  auto& server = *static_cast<Server*>(self);
  Server::Request request{token, {}};
  for (uint32_t i = 0; i < count; i++)
    request.records.emplace_back(reinterpret_cast<const char*>(records[i].data), records[i].size);
  {
    const std::lock_guard lock(server.mutex);
    server.requests.push_back(std::move(request));
  }
  server.changed.notify_one();
}
constexpr nek_output kOutput = {sizeof kOutput, nullptr, nullptr, send};
constexpr nek_option const* kNoOptions[] = {nullptr};
nek_plugin make_plugin() {
  nek_plugin p{};
  p.size = sizeof p;
  p.name = "server";
  p.options = kNoOptions;
  p.output = &kOutput;
  p.create = create;
  p.shape = shape;
  p.destroy = destroy;
  return p;
}

using Texts = std::vector<std::string>;

class Sending {
 public:
  explicit Sending(uint32_t max_in_flight, uint64_t max_request_bytes = 0)
      : plugin_(make_plugin()), instance_(plugin_, 0, "server", env_, metrics_) {
    server_.shape.size = sizeof server_.shape;
    server_.shape.max_in_flight = max_in_flight;
    server_.shape.max_request_bytes = max_request_bytes;
    the_server = &server_;
    if (!instance_.create(nek_value{}).ok()) throw std::runtime_error("create");
    sender_ = Output::make(instance_, {}, {}, budget_, dead_letters_);
    sender_->start({[] {}, [](const std::string&) {}, [](const Control&) {}});
  }
  ~Sending() { sender_.reset(); }
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

  void push(const Texts& records) {
    std::vector<std::unique_ptr<Block>> blocks;
    blocks.push_back(sender_->new_block(static_cast<uint32_t>(records.size())));
    Block& block = *blocks[0];
    for (size_t i = 0; i < records.size(); i++) {
      grow(block.c, block.c.used + records[i].size());
      std::memcpy(block.c.data + block.c.used, records[i].data(), records[i].size());
      block.c.used += records[i].size();
      block.ends[i] = static_cast<uint32_t>(block.c.used);
    }
    OutputLedger in;
    in.in = records.size();
    sender_->push(blocks, 0, in);
  }
  Server::Request next() { return server_.next(); }
  bool silent() { return server_.silent(); }
  void answer(const Server::Request& request, uint32_t verdict, uint64_t after_ms = 0,
              uint64_t max_bytes = 0) {
    nek_outcome outcome{};
    outcome.size = sizeof outcome;
    outcome.verdict = verdict;
    outcome.reason = {"word: why", 9};
    outcome.after_ms = after_ms;
    outcome.max_bytes = max_bytes;
    complete_request(request.token, outcome);
  }
  void answer_each(const Server::Request& request, const std::vector<uint32_t>& verdicts,
                   uint64_t after_ms = 0) {
    std::vector<nek_result> results;
    results.reserve(verdicts.size());
    for (const uint32_t verdict : verdicts) results.push_back({verdict, {"word: why", 9}});
    nek_outcome outcome{};
    outcome.size = sizeof outcome;
    outcome.after_ms = after_ms;
    outcome.records = results.data();
    complete_request(request.token, outcome);
  }
  OutputLedger ledger() const { return sender_->ledger(); }
  uint64_t dead_letters() const { return dead_letters_.count(); }
  std::string dead_letter_file() {
    (void)dead_letters_.commit(0);
    return env_.content("dead-letters");
  }

 private:
  test::MemoryEnv env_;
  Metrics metrics_;
  Server server_;
  nek_plugin plugin_;
  Instance instance_;
  Budget budget_{1 << 20};
  DeadLetters dead_letters_{env_, "dead-letters", {}};
  std::unique_ptr<Output> sender_;
};

TEST_CASE("a record that could not be taken is sent again, and only that one") {
  Sending sending(1);
  sending.push({"a", "b", "c"});
  const auto first = sending.next();
  CHECK(first.records == Texts{"a", "b", "c"});
  sending.answer_each(first, {NEK_DELIVERED, NEK_AGAIN, NEK_DUPLICATE}, 1);
  const auto second = sending.next();
  CHECK(second.records == Texts{"b"});
  sending.answer(second, NEK_DELIVERED);
  CHECK(sending.ledger().delivered == 2);
  CHECK(sending.ledger().duplicate == 1);
  CHECK(sending.ledger().in_flight() == 0);
}

TEST_CASE("records that wait keep the permit of their request") {
  Sending sending(1);
  sending.push({"a", "b"});
  const auto first = sending.next();
  sending.push({"c"});  // may be sent as soon as there is a permit
  sending.answer_each(first, {NEK_AGAIN, NEK_DELIVERED}, 100);
  // There was none until the one that waits was sent: it comes first.
  const auto second = sending.next();
  CHECK(second.records == Texts{"a", "c"});
  sending.answer(second, NEK_DELIVERED);
  CHECK(sending.ledger().delivered == 3);
}

TEST_CASE("a request that failed as a whole is sent again as a whole") {
  Sending sending(1);
  sending.push({"a", "b"});
  for (const uint32_t verdict : {NEK_AGAIN, NEK_PAUSE, NEK_AGAIN}) {
    const auto request = sending.next();
    CHECK(request.records == Texts{"a", "b"});
    sending.answer(request, verdict, 1);
  }
  sending.answer(sending.next(), NEK_DELIVERED);
  CHECK(sending.ledger().delivered == 2);
}

TEST_CASE("a record that the server alone answers with doubt is a dead letter after ten times") {
  Sending sending(1);
  sending.push({"a", "b"});
  sending.answer_each(sending.next(), {NEK_DELIVERED, NEK_DOUBT}, 1);
  for (int i = 0; i < 3; i++) {  // what is said of the request does not count
    sending.answer(sending.next(), NEK_AGAIN, 1);
    sending.answer(sending.next(), NEK_PAUSE, 1);
  }
  for (int i = 0; i < 9; i++) {
    const auto again = sending.next();
    CHECK(again.records == Texts{"b"});
    CHECK(sending.dead_letters() == 0);
    sending.answer_each(again, {NEK_DOUBT}, 1);
  }
  CHECK(sending.dead_letters() == 1);
  CHECK(sending.ledger().in_flight() == 0);
}

TEST_CASE("one request at a time means that no record overtakes another") {
  Sending sending(1, 25);
  sending.push({"aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd"});
  sending.answer_each(sending.next(), {NEK_AGAIN, NEK_AGAIN}, 1);
  sending.answer(sending.next(), NEK_SPLIT, 0, 15);  // of the first two
  const auto first = sending.next();
  CHECK(first.records == Texts{"aaaaaaaaaa"});
  sending.answer(first, NEK_AGAIN, 1);  // while "b" waits too
  for (const char* expected : {"aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd"}) {
    const auto request = sending.next();
    CHECK(request.records == Texts{expected});
    sending.answer(request, NEK_DELIVERED);
  }
}

TEST_CASE("a time beyond all clocks that a server names is far ahead, not in the past") {
  Sending records(1), requests(1);
  records.push({"a", "b"});
  records.answer_each(records.next(), {NEK_AGAIN, NEK_AGAIN}, UINT64_MAX);
  requests.push({"a"});
  requests.answer(requests.next(), NEK_PAUSE, UINT64_MAX);
  CHECK(records.silent());
  CHECK(requests.silent());
}

TEST_CASE("a request that is too large is cut to the limit that is named, or halved") {
  Sending sending(1);
  sending.push({"aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd"});
  sending.answer(sending.next(), NEK_SPLIT, 0, 25);
  const auto half = sending.next();
  CHECK(half.records == Texts{"aaaaaaaaaa", "bbbbbbbbbb"});
  sending.answer(half, NEK_SPLIT);
  Texts rest;
  for (int i = 0; i < 4; i++) {
    const auto request = sending.next();
    REQUIRE(request.records.size() == 1);
    rest.push_back(request.records[0]);
    sending.answer(request, NEK_DELIVERED);
  }
  std::sort(rest.begin(), rest.end());
  CHECK(rest == Texts{"aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd"});
  CHECK(sending.ledger().delivered == 4);
}

TEST_CASE("no request is larger than the plugin allows, but for a record that is") {
  Sending sending(1, 25);
  sending.push({"aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", std::string(100, 'd')});
  const std::vector<Texts> expected = {
      {"aaaaaaaaaa", "bbbbbbbbbb"}, {"cccccccccc"}, {std::string(100, 'd')}};
  for (const Texts& records : expected) {
    const auto request = sending.next();
    CHECK(request.records == records);
    sending.answer(request, NEK_DELIVERED);
  }
}

TEST_CASE("one record that is too large, or refused, is a dead letter with reason and detail") {
  Sending sending(1);
  sending.push({"a", "b"});
  sending.answer_each(sending.next(), {NEK_REJECT, NEK_AGAIN}, 1);
  sending.answer(sending.next(), NEK_SPLIT);
  CHECK(sending.ledger().dead == 2);
  CHECK(sending.ledger().in_flight() == 0);
  const std::string file = sending.dead_letter_file();
  CHECK(file.find(R"("reason":"word","detail":"why","encoded":"a")") != std::string::npos);
  CHECK(file.find(R"("encoded":"b")") != std::string::npos);
}

}  // namespace
}  // namespace nek
