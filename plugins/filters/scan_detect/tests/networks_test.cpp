// SPDX-License-Identifier: Apache-2.0
#include "../networks.h"

#include <catch2/catch.hpp>

using nek::scan::Networks;

namespace {

constexpr uint32_t kDay = 86400;
constexpr uint32_t kNewYear = 1'767'225'600;  // 2026-01-01 00:00 UTC

Networks of(std::initializer_list<const char*> texts) {
  Networks networks;
  for (const char* text : texts) {
    CAPTURE(text);
    REQUIRE(networks.add(text).empty());
  }
  return networks;
}
bool has(const Networks& networks, const char* address, uint32_t time = kNewYear) {
  return networks.contains(nek::parse_address(address).value(), time);
}

}  // namespace

TEST_CASE("an address lies in a network up to its last bit") {
  const Networks n = of({"10.20.0.0/15", "192.0.2.128/25", "198.51.100.7", "172.16.0.0/12"});
  CHECK(has(n, "10.20.0.0"));
  CHECK(has(n, "10.21.255.255"));
  CHECK_FALSE(has(n, "10.22.0.0"));
  CHECK_FALSE(has(n, "10.19.255.255"));
  CHECK(has(n, "192.0.2.128"));
  CHECK_FALSE(has(n, "192.0.2.127"));
  CHECK(has(n, "198.51.100.7"));
  CHECK_FALSE(has(n, "198.51.100.6"));
  CHECK(has(n, "172.31.255.255"));
  CHECK_FALSE(has(n, "172.32.0.0"));
}

TEST_CASE("networks of IPv6 are as long as 128 bits, and IPv4 lies in none of them") {
  const Networks n = of({"2001:db8::/32", "fe80::/65", "2001:db9::1", "::/96"});
  CHECK(has(n, "2001:db8:ffff::1"));
  CHECK_FALSE(has(n, "2001:db7::1"));
  CHECK(has(n, "fe80::7fff:0:0:1"));
  CHECK_FALSE(has(n, "fe80::8000:0:0:1"));
  CHECK(has(n, "2001:db9::1"));
  CHECK_FALSE(has(n, "2001:db9::2"));
  CHECK_FALSE(has(n, "32.1.13.184"));
  CHECK_FALSE(has(n, "0.0.0.1"));
}

TEST_CASE("/0 holds every address of its family") {
  const Networks n = of({"0.0.0.0/0"});
  CHECK(has(n, "255.255.255.255"));
  CHECK_FALSE(has(n, "2001:db8::1"));
}

TEST_CASE("a network ends with its day, and the later day counts when it is there twice") {
  const Networks n = of({"10.0.0.0/8 until 2026-01-02", "192.0.2.0/24 until 2026-01-01",
                         "192.0.2.0/24 until 2026-01-03", "192.0.2.0/24 until 2026-01-02"});
  CHECK(has(n, "10.1.2.3", kNewYear + 2 * kDay - 1));
  CHECK_FALSE(has(n, "10.1.2.3", kNewYear + 2 * kDay));
  CHECK(has(n, "192.0.2.1", kNewYear + 3 * kDay - 1));
  CHECK_FALSE(has(n, "192.0.2.1", kNewYear + 3 * kDay));
}
