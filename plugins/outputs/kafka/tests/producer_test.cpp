// SPDX-License-Identifier: Apache-2.0
#include "../producer.h"

#include <librdkafka/rdkafka_mock.h>

#include <catch2/catch.hpp>
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
  KafkaProducer producer(Host(host.c(), &none), [&]() -> Result<KafkaConf> {
    KafkaConf conf;
    for (const auto& [name, value] :
         {std::pair{"test.mock.num.brokers", "1"}, std::pair{"enable.idempotence", "true"}}) {
      Status status = conf.set(name, value);
      if (!status.ok()) return status;
    }
    rd_kafka_conf_interceptor_add_on_new(conf.c(), "test", note_handle, &handles);
    return conf;
  });
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

}  // namespace
}  // namespace nek
#endif
