// SPDX-License-Identifier: Apache-2.0
#include "../hosts.h"

#include <catch2/catch.hpp>

namespace nek {
namespace {

using std::chrono::milliseconds;
const Hosts::Clock::time_point kStart{std::chrono::hours(1)};

TEST_CASE("hosts take turns") {
  Hosts hosts(3);
  for (const size_t expected : {0, 1, 2, 0, 1}) CHECK(hosts.pick(kStart) == expected);
}

TEST_CASE("a host that failed is left alone, then tried with one request") {
  Hosts hosts(2);
  hosts.failed(0, kStart);
  for (int i = 0; i < 4; i++) CHECK(hosts.pick(kStart) == 1);
  const auto later = kStart + milliseconds(500);
  CHECK(hosts.pick(later) == 0);
  for (int i = 0; i < 4; i++) CHECK(hosts.pick(later) == 1);  // until the one has ended
  hosts.good(0);
  CHECK(hosts.pick(later) == 0);
  CHECK(hosts.pick(later) == 1);
  CHECK(hosts.pick(later) == 0);
}

TEST_CASE("the pause of a host that fails again is twice as long, and half a minute at most") {
  Hosts hosts(2);
  auto now = kStart;
  for (const int pause_ms : {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000}) {
    hosts.failed(0, now);
    CHECK_FALSE(hosts.pick(now + milliseconds(pause_ms - 1)) == 0);
    hosts.ended(1);
    now += milliseconds(pause_ms);
    while (hosts.pick(now) != 0) hosts.ended(1);
  }
}

TEST_CASE("where none is well, the one that failed first is tried, and that is known") {
  Hosts hosts(2);
  hosts.failed(1, kStart);
  CHECK(hosts.any_well(kStart));
  hosts.failed(0, kStart + milliseconds(10));
  CHECK_FALSE(hosts.any_well(kStart + milliseconds(10)));
  CHECK(hosts.pick(kStart + milliseconds(20)) == 1);
}

}  // namespace
}  // namespace nek
