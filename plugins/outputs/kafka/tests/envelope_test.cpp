// SPDX-License-Identifier: Apache-2.0
#include "../envelope.h"

#include <catch2/catch.hpp>
#include <string>

#include "nek/testing.hpp"

namespace nek {
namespace {

const std::string kOptions =
    "brokers: [\"127.0.0.1:1\"]\ntopic: flows\nkey: sa\nheaders: {to: da}\n";

TEST_CASE("what goes with a record is text in front of it") {
  std::string text;
  nek_id id{};
  id.bytes[15] = 0xab;
  begin_envelope(text, id);
  add_field(text, "flows");
  add_field(text, std::nullopt);
  add_field(text, "a: b\n");
  end_envelope(text);
  CHECK(text == "nek 000000000000000000000000000000ab 5:flows - 5:a: b\n\n");
  text += "{\"n\":1}\n";
  Envelope open;
  open_envelope(text, 1, open);
  CHECK(open.id == "000000000000000000000000000000ab");
  CHECK(open.topic == "flows");
  CHECK_FALSE(open.key);
  REQUIRE(open.headers.size() == 1);
  CHECK(open.headers[0] == "a: b\n");
  CHECK(open.payload == "{\"n\":1}\n");
}

TEST_CASE("a record without an id has none in its envelope") {
  std::string text;
  begin_envelope(text, nek_id{});
  add_field(text, "t");
  add_field(text, "");
  end_envelope(text);
  Envelope open;
  open_envelope(text, 0, open);
  CHECK(open.id.empty());
  CHECK(open.key == "");
  CHECK(open.payload.empty());
}

// TSan knows nothing of the threads that Debian's librdkafka starts: tests/kafka says more.
#ifndef __SANITIZE_THREAD__
TEST_CASE("the output keeps the contract") {
  CHECK(testing::check_contract(testing::find_plugin("kafka"), kOptions) == "");
}
#endif

}  // namespace
}  // namespace nek
