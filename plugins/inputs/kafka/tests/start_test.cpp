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

TEST_CASE("the mark beside an offset is read back, any other text is none") {
  const PartitionList list = new_partitions(2);
  add_offset(*list, "flows", 3, 17, {"0123456789abcdef", 8});
  add_offset(*list, "flows", 4, 18, {});
  const auto& one = list->elems[0];
  CHECK(std::string(static_cast<const char*>(one.metadata), one.metadata_size) ==
        "nek 0123456789abcdef 8");
  CHECK(one.offset == 17);
  CHECK(mark_of(one).token == "0123456789abcdef");
  CHECK(mark_of(one).partitions == 8);
  CHECK(mark_of(list->elems[1]).token.empty());
  const auto mark_in = [](std::string text) {
    rd_kafka_topic_partition_t of{};
    of.metadata = text.data();
    of.metadata_size = text.size();
    return mark_of(of);
  };
  CHECK(mark_in("consumer of somebody else").token.empty());
  CHECK(mark_in("nek 0123456789abcdef").token == "0123456789abcdef");
  for (const char* text : {"nek 0123456789abcdef", "nek 0123456789abcdef ", "nek 0123 many",
                           "nek 0123 -4", "nek 0123 99999999999"})
    CHECK(mark_in(text).partitions == 0);
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
