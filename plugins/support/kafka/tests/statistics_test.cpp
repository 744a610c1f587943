// SPDX-License-Identifier: Apache-2.0
#include "kafka/statistics.h"

#include <catch2/catch.hpp>

#include "nek/testing/host.hpp"

namespace nek {
namespace {

// As librdkafka 2.0.2 writes it, without what is not read.
constexpr const char* kConsumer = R"({"name":"nek#consumer-1","msg_cnt":0,"brokers":{
  "127.0.0.1:9092/1":{"rtt":{"min":900,"max":8000,"avg":2500}},
  "GroupCoordinator":{"rtt":{"min":0,"max":0,"avg":400}}},
 "topics":{"flows":{"partitions":{
  "0":{"fetchq_cnt":10,"fetchq_size":1900,"hi_offset":107,"ls_offset":105,"consumer_lag":-1},
  "1":{"fetchq_cnt":10,"fetchq_size":1900,"hi_offset":50,"ls_offset":50,"consumer_lag":3},
  "-1":{"fetchq_cnt":0,"fetchq_size":0,"hi_offset":-1001,"ls_offset":-1001,"consumer_lag":-1}}}},
 "cgrp":{"state":"up","rebalance_cnt":3}})";

// Both partitions are forwarded to one queue, in which there are 10 messages. The second one was
// given up.
TEST_CASE("a consumer's statistics become metrics") {
  testing::Host host;
  KafkaMetrics metrics(Host(host.c(), nullptr), KafkaMetrics::Role::kConsumer,
                       [](std::string_view topic, int32_t partition) -> int64_t {
                         return topic == "flows" && partition == 0 ? 100 : -1;
                       });
  metrics.update(kConsumer);
  CHECK(host.metric("rtt_seconds") == Approx(0.0025));
  CHECK(host.metric("queue_messages") == 10);
  CHECK(host.metric("queue_bytes") == 1900);
  CHECK(host.metric("lag") == 7);
  CHECK(host.metric("lag{topic=\"flows\",partition=\"0\"}") == 7);
  CHECK(host.metric("rebalances") == 3);
  metrics.update(R"({"topics":{},"cgrp":{"rebalance_cnt":4}})");
  CHECK(host.metric("rebalances") == 4);
  CHECK(host.metric("lag{topic=\"flows\",partition=\"0\"}") == 0);
}

TEST_CASE("a producer's statistics become metrics") {
  testing::Host host;
  KafkaMetrics metrics(Host(host.c(), nullptr), KafkaMetrics::Role::kProducer);
  metrics.update(R"({"msg_cnt":12,"msg_size":3400,"brokers":{"b":{"rtt":{"avg":1000}}}})");
  CHECK(host.metric("queue_messages") == 12);
  CHECK(host.metric("queue_bytes") == 3400);
  CHECK(host.metric("rtt_seconds") == Approx(0.001));
}

TEST_CASE("statistics that are no JSON object change nothing") {
  testing::Host host;
  KafkaMetrics metrics(Host(host.c(), nullptr), KafkaMetrics::Role::kProducer);
  metrics.update(R"({"msg_cnt":12})");
  metrics.update("[1]");
  metrics.update("{");
  CHECK(host.metric("queue_messages") == 12);
}

}  // namespace
}  // namespace nek
