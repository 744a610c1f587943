// SPDX-License-Identifier: Apache-2.0
#include "../start.h"

#include <catch2/catch.hpp>
#include <string>

#include "nek/testing.hpp"

namespace nek {
namespace {

TEST_CASE("start is earliest, latest or a time") {
  REQUIRE(parse_kafka_start("earliest"));
  CHECK(parse_kafka_start("earliest")->from == KafkaStart::From::kEarliest);
  CHECK(parse_kafka_start("latest")->from == KafkaStart::From::kLatest);
  const auto time = parse_kafka_start("2026-11-24T00:00:01Z");
  REQUIRE(time);
  CHECK(time->from == KafkaStart::From::kTime);
  CHECK(time->time_ms == 1795478401000);
  CHECK_FALSE(parse_kafka_start("Earliest"));
  CHECK_FALSE(parse_kafka_start(""));
}

TEST_CASE("the token beside an offset is read back, any other text is none") {
  const PartitionList list = new_partitions(2);
  add_offset(*list, "flows", 3, 17, "0123456789abcdef");
  add_offset(*list, "flows", 4, 18, {});
  const auto& one = list->elems[0];
  CHECK(std::string(static_cast<const char*>(one.metadata), one.metadata_size) ==
        "nek 0123456789abcdef");
  CHECK(one.offset == 17);
  CHECK(token_of(one) == "0123456789abcdef");
  CHECK(token_of(list->elems[1]).empty());
  rd_kafka_topic_partition_t foreign{};
  std::string text = "consumer of somebody else";
  foreign.metadata = text.data();
  foreign.metadata_size = text.size();
  CHECK(token_of(foreign).empty());
}

// TSan knows nothing of the threads that Debian's librdkafka starts: tests/kafka says more.
#ifndef __SANITIZE_THREAD__
TEST_CASE("the input keeps the contract") {
  CHECK(testing::check_contract(testing::find_plugin("kafka"),
                                "brokers: [\"127.0.0.1:1\"]\ntopics: [flows]\ngroup: g\n") == "");
}
#endif

}  // namespace
}  // namespace nek
