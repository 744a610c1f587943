// SPDX-License-Identifier: Apache-2.0
#include "kafka/record_id.h"

#include <catch2/catch.hpp>
#include <string>

namespace nek {
namespace {

std::string digits(const nek_id& id) {
  char text[kRecordIdDigits];
  return {text, write_record_id(text, id)};
}

TEST_CASE("an id is written as 32 digits and read back") {
  nek_id id{};
  for (uint8_t i = 0; i < 16; i++) id.bytes[i] = static_cast<uint8_t>(i * 17);
  CHECK(digits(id) == "00112233445566778899aabbccddeeff");
  const auto read = parse_record_id("00112233445566778899aabbccddeeff");
  REQUIRE(read);
  CHECK(digits(*read) == "00112233445566778899aabbccddeeff");
}

TEST_CASE("what is no id is none") {
  for (const std::string text :
       {"", "0011", "00112233445566778899aabbccddeefg", "00112233445566778899AABBCCDDEEFF",
        "00000000000000000000000000000000", "00112233445566778899aabbccddeeff0"})
    CHECK_FALSE(parse_record_id(text));
}

TEST_CASE("messages that differ in place, time or bytes have different ids, others the same") {
  const nek_id one = partition_id("cluster/flows/0"), two = partition_id("cluster/flows/1");
  const std::string id = digits(message_id(one, 7, 1000, "a"));
  CHECK(id == digits(message_id(one, 7, 1000, "a")));
  CHECK(id != digits(message_id(two, 7, 1000, "a")));
  CHECK(id != digits(message_id(one, 8, 1000, "a")));
  CHECK(id != digits(message_id(one, 7, 1001, "a")));
  CHECK(id != digits(message_id(one, 7, 1000, "b")));
}

}  // namespace
}  // namespace nek
