// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <string>

#include "nek/testing.hpp"

namespace nek {
namespace {

const nek_plugin& decoder() { return testing::find_decoder("raw"); }
const nek_plugin& encoder() { return testing::find_encoder("raw"); }

TEST_CASE("decoder and encoder keep the contract") {
  CHECK(testing::check_contract(decoder()) == "");
  CHECK(testing::check_contract(encoder()) == "");
}

TEST_CASE("a message is a record, line breaks and all") {
  testing::Feed feed;
  feed.messages = true;
  CHECK(testing::Decoder(decoder(), "").decode("a\nb\n", feed).streams[0] ==
        "{\"message\":\"text\"}\n{\"message\":\"a\\nb\\n\"}\n");
  CHECK(testing::Decoder(decoder(), "").decode("", feed).streams[0].empty());
}

TEST_CASE("a stream of bytes is one record, wherever it is cut") {
  testing::Feed feed;
  feed.chunk = 2;
  CHECK(testing::Decoder(decoder(), "field: all\n").decode("a\nb, c\n", feed).streams[0] ==
        "{\"all\":\"text\"}\n{\"all\":\"a\\nb, c\\n\"}\n");
}

TEST_CASE("a message that is not UTF-8 is refused") {
  testing::Feed feed;
  feed.messages = true;
  const auto all = testing::Decoder(decoder(), "").decode("a\n\xff", feed);
  CHECK(all.streams[0].empty());
  CHECK(all.refused == "{\"raw\":\"a\\n\xff\",\"reason\":\"utf8\",\"detail\":\"is not UTF-8\"}\n");
}

TEST_CASE("texts are written as they are, those that would be no record are refused") {
  const auto out = testing::Encoder(encoder(), "")
                       .encode(
                           "{\"message\":\"text\"}\n{\"message\":\"a\\nb\"}\n"
                           "{\"message\":null}\n{\"message\":\"\"}\n{\"message\":\"c\"}\n");
  CHECK(out.all == "a\nbc");
  CHECK(out.ends == std::vector<uint32_t>{3, 3, 3, 4});
  CHECK(out.refused ==
        "{\"row\":1,\"reason\":\"no_text\",\"detail\":\"message\"}\n"
        "{\"row\":2,\"reason\":\"no_text\",\"detail\":\"an empty message would be no record when "
        "it is "
        "read\"}\n");
}

}  // namespace
}  // namespace nek
