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
  begin_envelope(text, id, 1, 2);
  add_field(text, "flows");
  add_field(text, std::nullopt);
  add_field(text, "to");
  add_field(text, "a: b\n");
  add_field(text, "by");
  add_field(text, std::nullopt);
  end_envelope(text);
  CHECK(text == "nek2 000000000000000000000000000000ab 1 2 5:flows - 2:to 5:a: b\n 2:by -\n");
  text += "{\"n\":1}\n";
  Envelope open;
  REQUIRE(open_envelope(text, open) == nullptr);
  CHECK(open.id == "000000000000000000000000000000ab");
  CHECK(open.topic == "flows");
  CHECK_FALSE(open.key);
  REQUIRE(open.headers.size() == 2);
  CHECK(open.headers[0].name == "to");
  CHECK(open.headers[0].value == "a: b\n");
  CHECK(open.headers[1].name == "by");
  CHECK_FALSE(open.headers[1].value);
  CHECK(open.payload == "{\"n\":1}");
}

TEST_CASE("a record without an id has none in its envelope") {
  std::string text;
  begin_envelope(text, nek_id{}, 0, 0);
  add_field(text, "t");
  add_field(text, "");
  end_envelope(text);
  Envelope open;
  REQUIRE(open_envelope(text, open) == nullptr);
  CHECK(open.id.empty());
  CHECK(open.key == "");
  CHECK(open.payload.empty());
}

TEST_CASE("bytes that are no envelope are not read as one") {
  const std::string whole = "nek2 000000000000000000000000000000ab 1 1 1:t 1:k 1:n 1:v\n\n";
  Envelope open;
  REQUIRE(open_envelope(whole, open) == nullptr);
  for (size_t size = 0; size < whole.size(); size++) {
    CAPTURE(size);
    CHECK(open_envelope(std::string_view(whole).substr(0, size), open) ==
          std::string("what stands in front of the record cannot be read"));
  }
  for (const char* bad : {"nek2 000000000000000000000000000000aB 0 0 1:t -\nx",  // no id
                          "nek2 000000000000000000000000000000ab 0 0 - -\nx",    // no topic
                          "nek2 000000000000000000000000000000ab 0 0 01:t -\nx",
                          "nek2 000000000000000000000000000000ab 0 1 1:t -\nx",
                          "nek2 000000000000000000000000000000ab 0 0 1:t - -\nx",
                          "nek2 000000000000000000000000000000ab 2 0 1:t -\nx",
                          "nek2 000000000000000000000000000000ab 0 0 9999999999999999999999:t -\nx",
                          "nek3 000000000000000000000000000000ab 0 0 1:t -\nx"}) {
    CAPTURE(bad);
    CHECK(open_envelope(bad, open) != nullptr);
  }
}

TEST_CASE("what an older nek wrote is read where it had no headers, and not guessed at else") {
  Envelope open;
  const std::string id = "000000000000000000000000000000ab";
  const std::string whole = "nek " + id + " 1:t 3:a\nb\n{}\n";
  REQUIRE(open_envelope(whole, open) == nullptr);
  CHECK(open.id == id);
  CHECK(open.topic == "t");
  CHECK(open.key == "a\nb");
  CHECK(open.headers.empty());
  CHECK(open.payload == "{}");
  CHECK(open_envelope("nek " + id + " 1:t - 1:v\n{}\n", open) ==
        std::string("it is of an older nek, which did not write down what its headers are called"));
  CHECK(open_envelope("nek " + id + " 1:t -", open) ==
        std::string("what stands in front of the record cannot be read"));
}

// TSan knows nothing of the threads that Debian's librdkafka starts: tests/kafka says more.
#ifndef __SANITIZE_THREAD__
TEST_CASE("the output keeps the contract") {
  CHECK(testing::check_contract(testing::find_plugin("kafka"), kOptions) == "");
}
#endif

}  // namespace
}  // namespace nek
