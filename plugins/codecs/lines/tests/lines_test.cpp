// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <string>

#include "nek/testing.hpp"

namespace nek {
namespace {

const nek_plugin& decoder() { return testing::find_decoder("lines"); }
const nek_plugin& encoder() { return testing::find_encoder("lines"); }

TEST_CASE("decoder and encoder keep the contract") {
  CHECK(testing::check_contract(decoder()) == "");
  CHECK(testing::check_contract(encoder()) == "");
}

TEST_CASE("each line is a record, with LF or CR LF, the last also without") {
  for (const size_t chunk : {SIZE_MAX, size_t{1}, size_t{3}}) {
    testing::Feed feed;
    feed.chunk = chunk;
    const auto all = testing::Decoder(decoder(), "").decode("one\ntwo\r\n\nfour, the last", feed);
    CHECK(all.streams[0] ==
          "{\"message\":\"text\"}\n{\"message\":\"one\"}\n{\"message\":\"two\"}\n"
          "{\"message\":\"\"}\n{\"message\":\"four, the last\"}\n");
    CHECK(all.refused.empty());
  }
}

TEST_CASE("a message may hold several lines") {
  testing::Feed feed;
  feed.messages = true;
  CHECK(testing::Decoder(decoder(), "field: text\n").decode("a\nb", feed).streams[0] ==
        "{\"text\":\"text\"}\n{\"text\":\"a\"}\n{\"text\":\"b\"}\n");
}

TEST_CASE("a line that is not UTF-8 is refused, those beside it are read") {
  const auto all = testing::Decoder(decoder(), "").decode("a\n\xff\xfe\nb\n");
  CHECK(all.streams[0] == "{\"message\":\"text\"}\n{\"message\":\"a\"}\n{\"message\":\"b\"}\n");
  CHECK(all.refused == "{\"raw\":\"\xff\xfe\",\"reason\":\"utf8\",\"detail\":\"is not UTF-8\"}\n");
}

TEST_CASE("records are written a line each, those that are no line are refused") {
  const auto out =
      testing::Encoder(encoder(), "field: m\n")
          .encode(
              "{\"m\":\"text\"}\n{\"m\":\"one\"}\n{\"m\":null}\n{\"m\":\"a\\nb\"}\n{\"m\":\"\"}\n",
              {"", "", "", ">"});
  CHECK(out.all == "one\n>\n");
  CHECK(out.refused ==
        "{\"row\":1,\"reason\":\"no_text\",\"detail\":\"m\"}\n"
        "{\"row\":2,\"reason\":\"line_break\",\"detail\":\"a line cannot hold a line break: use "
        "codec raw or json\"}\n");
}

}  // namespace
}  // namespace nek
