// SPDX-License-Identifier: Apache-2.0
#include "../protocols.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <string>

using nek::protocol_name;
using nek::protocol_number;

TEST_CASE("the protocols of the first users have the names that they had") {
  const std::pair<int, const char*> names[] = {{0, "0"},     {1, "ICMP"}, {2, "IGMP"},
                                               {3, "GGP"},   {6, "TCP"},  {17, "UDP"},
                                               {46, "RSVP"}, {50, "ESP"}, {112, "VRRP"}};
  for (const auto& [number, name] : names) {
    REQUIRE(protocol_name(static_cast<uint8_t>(number)) == name);
  }
}

TEST_CASE("IANA's keywords are in upper case") {
  REQUIRE(protocol_name(4) == "IPV4");
  REQUIRE(protocol_name(41) == "IPV6");
  REQUIRE(protocol_name(58) == "IPV6-ICMP");
  REQUIRE(protocol_name(89) == "OSPFIGP");
  REQUIRE(protocol_name(124) == "ISIS OVER IPV4");
  REQUIRE(protocol_name(135) == "MOBILITY HEADER");
  REQUIRE(protocol_name(145) == "NSH");
}

TEST_CASE("a number without a keyword is its own name") {
  for (const int number : {61, 63, 68, 99, 114, 146, 200, 252, 253, 254, 255}) {
    REQUIRE(protocol_name(static_cast<uint8_t>(number)) == std::to_string(number));
  }
}

TEST_CASE("every name is understood as its number") {
  for (int number = 0; number < 256; number++) {
    const std::string name = protocol_name(static_cast<uint8_t>(number));
    CAPTURE(name);
    // IPIP, 94 in the registry, is what nfdump prints for 4.
    REQUIRE(protocol_number(name) == (name == "IPIP" ? 4 : number));
  }
}

// nfdump_names.csv: one packet of each protocol, written to a pcap, then
//   nfpcapd -r protocols.pcap -w flows; nfdump -R flows -q -o 'fmt:%pr'      (and -N for the
//   number)
TEST_CASE("what nfdump 1.7.1 prints for each protocol is understood") {
  std::ifstream file("tests/nfdump_names.csv");
  std::string number, name;
  int lines = 0;
  while (std::getline(file, number, ',') && std::getline(file, name)) {
    CAPTURE(name);
    // 38 is cut to the name of 35.
    REQUIRE(protocol_number(name) == (number == "38" ? 35 : std::stoi(number)));
    lines++;
  }
  REQUIRE(lines == 256);
}

TEST_CASE("names are understood in any case, and what is no protocol is none") {
  REQUIRE(protocol_number("tcp") == 6);
  REQUIRE(protocol_number("Ipv6-Icmp") == 58);
  REQUIRE(protocol_number("ICMPv6") == 58);
  for (const char* text : {"", " ", "256", "-1", "6.0", "TCP ", "TC", "nothing"}) {
    CAPTURE(text);
    REQUIRE(!protocol_number(text));
  }
}
