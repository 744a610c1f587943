// SPDX-License-Identifier: Apache-2.0
#include "../producer.h"

#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "nek/testing.hpp"

// TSan knows nothing of the threads that Debian's librdkafka starts: tests/kafka says more.
#ifndef __SANITIZE_THREAD__
namespace nek {
namespace {

rd_kafka_resp_err_t note_handle(rd_kafka_t* handle, const rd_kafka_conf_t*, void* to, char*,
                                size_t) {
  static_cast<std::vector<rd_kafka_t*>*>(to)->push_back(handle);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

// For a producer whose broker is librdkafka's own, within the process.
Result<KafkaConf> with_own_broker(std::vector<rd_kafka_t*>& handles) {
  KafkaConf conf;
  for (const auto& [name, value] :
       {std::pair{"test.mock.num.brokers", "1"}, std::pair{"enable.idempotence", "true"}}) {
    Status status = conf.set(name, value);
    if (!status.ok()) return status;
  }
  rd_kafka_conf_interceptor_add_on_new(conf.c(), "test", note_handle, &handles);
  return conf;
}

// One record {"n":1} to a topic.
struct Request {
  testing::Host& host;
  std::string text;
  testing::Completed token;
  Request(testing::Host& of, KafkaProducer& producer, const char* topic) : host(of) {
    begin_envelope(text, nek_id{}, 1, 0);
    add_field(text, topic);
    add_field(text, std::nullopt);
    end_envelope(text);
    text += "{\"n\":1}\n";
    const nek_record records[] = {{reinterpret_cast<const uint8_t*>(text.data()), text.size()}};
    token.owner = &host;
    token.records.resize(1);
    producer.send(reinterpret_cast<nek_token*>(&token), records);
  }
  uint32_t verdict() {
    host.wait_for(token);
    return token.records[0].verdict;
  }
};

uint32_t send_one(testing::Host& host, KafkaProducer& producer) {
  return Request(host, producer, "flows").verdict();
}

// No broker can be made to show it at will: librdkafka's own broker within the process, and its
// own call for such an error.
TEST_CASE("a producer with a fatal error of whatever code is made anew, and sends on") {
  testing::Host host;
  std::vector<rd_kafka_t*> handles;
  const nek_value none{};
  KafkaProducer producer(Host(host.c(), &none), [&] { return with_own_broker(handles); });
  REQUIRE(producer.open().ok());
  CHECK(send_one(host, producer) == NEK_DELIVERED);
  REQUIRE(handles.size() == 1);
  rd_kafka_test_fatal_error(handles[0], RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "a test");
  for (uint32_t verdict = NEK_AGAIN; verdict != NEK_DELIVERED;) {
    verdict = send_one(host, producer);
    REQUIRE(handles.size() <= 2);
    REQUIRE((verdict == NEK_AGAIN || verdict == NEK_DELIVERED));
  }
  CHECK(handles.size() == 2);
  producer.stop();
}

struct FreeHandle {
  void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }
  void operator()(rd_kafka_mock_cluster_t* cluster) const {
    rd_kafka_mock_cluster_destroy(cluster);
  }
};

TEST_CASE("a partition without a leader holds no other topic up while batches are made smaller") {
  testing::Host host;
  char error[512];
  const std::unique_ptr<rd_kafka_t, FreeHandle> owner(
      rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), error, sizeof error));
  REQUIRE(owner);
  const std::unique_ptr<rd_kafka_mock_cluster_t, FreeHandle> cluster(
      rd_kafka_mock_cluster_new(owner.get(), 1));
  REQUIRE(!rd_kafka_mock_topic_create(cluster.get(), "headless", 1, 1));
  REQUIRE(!rd_kafka_mock_topic_create(cluster.get(), "flows", 1, 1));
  std::vector<rd_kafka_t*> handles;
  const nek_value none{};
  KafkaProducer producer(Host(host.c(), &none), [&]() -> Result<KafkaConf> {
    KafkaConf conf;
    for (const auto& [name, value] :
         {std::pair{"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster.get())},
          std::pair{"enable.idempotence", "true"}, std::pair{"message.timeout.ms", "0"}}) {
      Status status = conf.set(name, value);
      if (!status.ok()) return status;
    }
    rd_kafka_conf_interceptor_add_on_new(conf.c(), "test", note_handle, &handles);
    return conf;
  });
  REQUIRE(producer.open().ok());
  rd_kafka_mock_partition_set_leader(cluster.get(), "headless", 0, -1);
  Request waiting(host, producer, "headless");
  CHECK(send_one(host, producer) == NEK_DELIVERED);
  rd_kafka_mock_push_request_errors(cluster.get(), 0, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  CHECK(send_one(host, producer) == NEK_AGAIN);  // batches must be smaller: a new producer
  CHECK(send_one(host, producer) == NEK_DELIVERED);
  CHECK(handles.size() == 2);
  CHECK(waiting.verdict() == NEK_AGAIN);
  producer.stop();
}

// Notes the broker of each Produce request.
struct Sent {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int32_t> brokers;

  static rd_kafka_resp_err_t on_new(rd_kafka_t* handle, const rd_kafka_conf_t*, void* to, char*,
                                    size_t) {
    return rd_kafka_interceptor_add_on_request_sent(handle, "test", on_request, to);
  }
  static rd_kafka_resp_err_t on_request(rd_kafka_t*, int, const char*, int32_t broker,
                                        int16_t api_key, int16_t, int32_t, size_t, void* to) {
    if (api_key != 0) return RD_KAFKA_RESP_ERR_NO_ERROR;
    auto& sent = *static_cast<Sent*>(to);
    const std::lock_guard lock(sent.mutex);
    sent.brokers.push_back(broker);
    sent.changed.notify_all();
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  void wait_for(int32_t broker, std::ptrdiff_t count) {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, std::chrono::seconds(60), [&] {
      return std::count(brokers.begin(), brokers.end(), broker) >= count;
    }));
  }
};

TEST_CASE("a request that waits until batches may be smaller is told so") {
  testing::Host host;
  char error[512];
  const std::unique_ptr<rd_kafka_t, FreeHandle> owner(
      rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), error, sizeof error));
  REQUIRE(owner);
  const std::unique_ptr<rd_kafka_mock_cluster_t, FreeHandle> cluster(
      rd_kafka_mock_cluster_new(owner.get(), 2));
  for (const auto& [topic, broker] : {std::pair{"flows", 1}, std::pair{"slow", 2}}) {
    REQUIRE(!rd_kafka_mock_topic_create(cluster.get(), topic, 1, 1));
    rd_kafka_mock_partition_set_leader(cluster.get(), topic, 0, broker);
  }
  Sent sent;
  const nek_value none{};
  const auto configure = [&]() -> Result<KafkaConf> {
    KafkaConf conf;
    Status status = conf.set("bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster.get()));
    if (!status.ok()) return status;
    rd_kafka_conf_interceptor_add_on_new(conf.c(), "test", Sent::on_new, &sent);
    return conf;
  };
  KafkaProducer producer(Host(host.c(), &none), configure, /*alone_ms=*/1);
  REQUIRE(producer.open().ok());
  // Its leader is known then: the question would wait behind the slow answer, if it went there.
  REQUIRE(send_one(host, producer) == NEK_DELIVERED);
  REQUIRE(!rd_kafka_mock_broker_push_request_error_rtts(cluster.get(), 2, 0, 1,
                                                        RD_KAFKA_RESP_ERR_NO_ERROR, 600'000));
  Request slow(host, producer, "slow");
  sent.wait_for(2, 1);
  REQUIRE(!rd_kafka_mock_broker_push_request_error_rtts(cluster.get(), 1, 0, 1,
                                                        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 0));
  CHECK(send_one(host, producer) == NEK_AGAIN);
  Request held_up(host, producer, "flows");
  host.wait_for(held_up.token);
  CHECK(held_up.token.verdict == NEK_AGAIN);
  CHECK(held_up.token.reason ==
        "a topic takes no batch of 1000000 bytes: before they are smaller, the brokers must answer "
        "what was sent");
  producer.stop();
}

TEST_CASE("a request for which no producer can be made is told why") {
  testing::Host host;
  std::vector<rd_kafka_t*> handles;
  const nek_value none{};
  KafkaProducer producer(Host(host.c(), &none), [&]() -> Result<KafkaConf> {
    if (!handles.empty()) return fail("the certificate is gone");
    return with_own_broker(handles);
  });
  REQUIRE(producer.open().ok());
  REQUIRE(handles.size() == 1);
  rd_kafka_test_fatal_error(handles[0], RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "a test");
  for (;;) {  // until it has heard of the error
    Request request(host, producer, "flows");
    host.wait_for(request.token);
    if (request.token.reason.empty()) continue;
    CHECK(request.token.reason == "the certificate is gone");
    break;
  }
  producer.stop();
}

}  // namespace
}  // namespace nek
#endif
