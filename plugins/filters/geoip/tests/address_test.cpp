// SPDX-License-Identifier: Apache-2.0
#include "address.h"

#include <catch2/catch.hpp>
#include <string>

using nek::Family;
using nek::parse_address;
using nek::parse_network;

TEST_CASE("an IPv4 address is four numbers up to 255 without leading zeros") {
  REQUIRE(parse_address("1.2.3.4")->v4() == 0x01020304);
  REQUIRE(parse_address("0.0.0.0")->v4() == 0);
  REQUIRE(parse_address("255.255.255.255")->v4() == 0xFFFFFFFF);
  REQUIRE(parse_address("192.168.0.10")->v4() == 0xC0A8000A);
  for (const char* text : {"",
                           ".",
                           "1",
                           "1.2.3",
                           "1.2.3.",
                           ".1.2.3",
                           "1..2.3",
                           "1.2.3.4.5",
                           "1.2.3.4.",
                           "256.1.1.1",
                           "1.1.1.256",
                           "1.1.1.1000",
                           "01.2.3.4",
                           "1.2.3.04",
                           "1.2.3.00",
                           " 1.2.3.4",
                           "1.2.3.4 ",
                           "1.2.3.a",
                           "-1.2.3.4",
                           "1.2.3.4/8",
                           "0x1.2.3.4",
                           "4294967296.1.1.1",
                           "1.2.3.99999999999999999999"}) {
    CAPTURE(text);
    REQUIRE(!parse_address(text));
  }
}

TEST_CASE("an IPv6 address is what inet_pton takes") {
  const auto address = parse_address("2001:db8::1:2");
  REQUIRE(address->family == Family::kV6);
  REQUIRE(address->bytes ==
          std::array<uint8_t, 16>{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2});
  for (const char* text : {":", ":::", "1::2::3", "2804:37..33:a1b5", "fe80::1%eth0", "2001:db8::g",
                           "1:2:3:4:5:6:7:8:9", "::1.2.3", "12345::", "::1 "}) {
    CAPTURE(text);
    REQUIRE(!parse_address(text));
  }
  REQUIRE(!parse_address(std::string(10'000, ':')));
  REQUIRE(!parse_address(std::string("::1\0::2", 7)));  // inet_pton would stop at the 0
}

TEST_CASE("two colons stand for one group of zeros or more, once") {
  using Bytes = std::array<uint8_t, 16>;
  REQUIRE(parse_address("::")->bytes == Bytes{});
  REQUIRE(parse_address("1:2:3:4:5:6:7::")->bytes ==
          Bytes{0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0});
  REQUIRE(parse_address("::2:3:4:5:6:7:8")->bytes ==
          Bytes{0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8});
  REQUIRE(parse_address("FE80::ABCD")->bytes ==
          Bytes{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xab, 0xcd});
  REQUIRE(parse_address("64:ff9b::192.0.2.33")->bytes ==
          Bytes{0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 33});
  for (const char* text : {"1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:",
                           ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::", "::1.2.3.4:5"}) {
    CAPTURE(text);
    REQUIRE(!parse_address(text));
  }
}

TEST_CASE("IPv4 that is written as IPv6 is IPv4") {
  const auto address = parse_address("::ffff:5.6.7.8");
  REQUIRE(address->family == Family::kV4);
  REQUIRE(address->v4() == 0x05060708);
  REQUIRE(address->bytes == std::array<uint8_t, 16>{5, 6, 7, 8});
  REQUIRE(parse_address("::ffff:506:708")->v4() == 0x05060708);
  REQUIRE(parse_address("::5.6.7.8")->family == Family::kV6);
}

TEST_CASE("a network is an address and the length of its prefix") {
  REQUIRE(parse_network("10.0.0.0/8")->prefix == 8);
  REQUIRE(parse_network("0.0.0.0/0")->prefix == 0);
  REQUIRE(parse_network("10.1.2.3")->prefix == 32);
  REQUIRE(parse_network("2001:db8::/32")->prefix == 32);
  REQUIRE(parse_network("::1")->prefix == 128);
  for (const char* text : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10/8", "/8",
                           "2001:db8::1/64", "::/129", "10.0.0.0/8/8", "office"}) {
    CAPTURE(text);
    REQUIRE(!parse_network(text));
  }
}
