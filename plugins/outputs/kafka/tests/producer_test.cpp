// SPDX-License-Identifier: Apache-2.0
#include "../producer.h"

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

// Of one record {"n":1} to the topic flows; waits for it.
uint32_t send_one(testing::Host& host, KafkaProducer& producer) {
  std::string text;
  begin_envelope(text, nek_id{}, 1, 0);
  add_field(text, "flows");
  add_field(text, std::nullopt);
  end_envelope(text);
  text += "{\"n\":1}\n";
  const nek_record records[] = {{reinterpret_cast<const uint8_t*>(text.data()), text.size()}};
  testing::Completed token;
  token.owner = &host;
  token.records.resize(1);
  producer.send(reinterpret_cast<nek_token*>(&token), records);
  host.wait_for(token);
  return token.records[0].verdict;
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

}  // namespace
}  // namespace nek
#endif
