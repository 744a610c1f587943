// SPDX-License-Identifier: Apache-2.0
#include "../detector.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "touches.h"

using namespace nek::scan;
using Lines = std::vector<std::string>;

TEST_CASE("a scan of one host's ports is vertical at the 25th, slow as it may be") {
  TestDetector d;
  for (uint16_t i = 0; i < 24; i++) d.flow({1, 1, uint16_t(1000 + i), kStart + i * 1200u});
  CHECK(d.told() == Lines{});
  d.flow({1, 1, 1024, kStart + 24 * 1200});
  CHECK(d.told() == Lines{"new 10.0.0.1 vertical 1 25"});
}

TEST_CASE("a scan of one port is horizontal, of five ports a strobe") {
  TestDetector d;
  for (uint32_t i = 0; i < 25; i++) d.flow({1, i, 23, kStart + i * 1200});
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1"});
  constexpr uint16_t kPorts[] = {21, 22, 25, 53, 3389};
  for (uint32_t i = 0; i < 15; i++)
    for (const uint16_t port : kPorts) d.flow({2, i, port, kStart + 40000 + i * 300});
  CHECK(d.told() == Lines{"new 10.0.0.2 strobe 8 5"});
}

TEST_CASE("many ports of many hosts are a block") {
  TestDetector d;
  for (uint32_t i = 0; i < 800; i++) d.flow({1, i % 20, uint16_t(i / 20), kStart + i * 60});
  d.finish();
  const Lines told = d.told();
  REQUIRE_FALSE(told.empty());
  CHECK(told.back().starts_with("ended 10.0.0.1 block "));
}

TEST_CASE("pairs without a pattern are told at 96, and only when nearly all failed") {
  TestDetector d;
  for (uint32_t i = 0; i < 150; i++) {
    d.flow({1, i, uint16_t(i + 1), kStart + i * 60});
    d.flow({2, i, uint16_t(i + 1), kStart + i * 60});
    if (i % 5 == 0) d.flow({2, 1000 + i, 80, kStart + i * 60, Act::kSuccess});
  }
  const Lines told = d.told();
  REQUIRE(told.size() == 1);
  CHECK(told[0].starts_with("new 10.0.0.1 sparse "));
}

TEST_CASE(
    "a sparse scan of a pair each 20 minutes for two days is told, whenever in a day it begins") {
  constexpr uint32_t kScanners = 200;
  for (const uint32_t hour : {0u, 6u, 12u, 18u}) {
    CAPTURE(hour);
    Settings settings = TestDetector::small();
    settings.knows_own = true;
    TestDetector d(settings);
    for (uint32_t i = 0; i < 144; i++) {
      for (uint32_t s = 1; s <= kScanners; s++) {
        const uint64_t draw = mix(s, i + 1000 * hour);
        d.flow({s, uint32_t(draw & 0xFFFF), uint16_t(1 + (draw >> 32) % 65000),
                kStart + hour * 3600 + i * 1200 + s, Act::kProbe, Protocol::kTcp,
                Touch::kTargetOwn});
      }
    }
    const Lines told = d.told();
    const auto found = std::count_if(told.begin(), told.end(), [](const std::string& t) {
      return t.starts_with("new ") && t.find(" sparse ") != std::string::npos;
    });
    CHECK(found >= 0.98 * kScanners);
  }
}

TEST_CASE("15 ports of a host within 5 minutes are told at once") {
  TestDetector d;
  for (uint16_t i = 0; i < 14; i++) d.flow({1, 1, uint16_t(1 + i), kStart + i});
  CHECK(d.told() == Lines{});
  d.flow({1, 1, 15, kStart + 14});
  CHECK(d.told() == Lines{"new 10.0.0.1 vertical 1 15"});
}

TEST_CASE("a pair counts once, however often it is tried: floods and brute force are no scan") {
  TestDetector d;
  for (uint32_t i = 0; i < 10000; i++) {
    d.flow({1, 1, 443, kStart + i});                // one source floods
    d.flow({2, 1, 22, kStart + i, Act::kSuccess});  // brute force, each a connection
    d.flow({1000 + i, 1, 443, kStart + i});         // spoofed sources
  }
  d.finish();
  CHECK(d.told() == Lines{});
}

// Somebody asks our servers in the victim's name; they answer the victim, which may reset.
TEST_CASE("a victim of SYN-ACK reflection is no scanner, whether it resets or is silent") {
  TestDetector d;
  for (uint32_t i = 0; i < 20'000; i++) {
    const uint32_t reflector = static_cast<uint32_t>(mix(i, 5) % 150);
    d.flow({1, reflector, 443, kStart + i / 10, Act::kHalfOpen});
    d.flow({2, reflector, 443, kStart + i / 10});
    d.flow({1, reflector, 443, kStart + i / 10, Act::kOpen});
    d.flow({2, reflector, 443, kStart + i / 10, Act::kOpen});
  }
  d.finish();
  CHECK(d.told() == Lines{});
}

TEST_CASE("a victim of reflection by the whole Internet, which resets its answers, is no scanner") {
  TestDetector d;
  for (uint32_t i = 0; i < 20'000; i++) {
    d.flow({1, i, 443, kStart + i / 10, Act::kOpen});
    d.flow({1000 + i, 1, 50000, kStart + i / 10, Act::kOpen});
  }
  d.finish();
  CHECK(d.told() == Lines{});
}

TEST_CASE("who finds every port open, and asks once for each, is told from 100 hosts on") {
  TestDetector d;
  for (uint32_t i = 0; i < 250; i++) {
    d.flow({1, i, 443, kStart + i * 600, Act::kHalfOpen});
    d.flow({1, i, 443, kStart + i * 600, Act::kOpen});
  }
  const Lines told = d.told();
  REQUIRE(told.size() >= 2);
  CHECK(told[0].starts_with("new 10.0.0.1 horizontal "));
  CHECK(d.table().counts().tracked == 1);
}

TEST_CASE("all ports of a host that answers on each are a vertical scan at the 25th") {
  TestDetector d;
  for (uint16_t i = 0; i < 25; i++) {
    d.flow({1, 1, uint16_t(1000 + i), kStart + i * 1200u, Act::kHalfOpen});
    d.flow({1, 1, uint16_t(1000 + i), kStart + i * 1200u, Act::kOpen});
  }
  CHECK(d.told() == Lines{"new 10.0.0.1 vertical 1 25"});
}

TEST_CASE("who succeeds as often as it fails is no scanner") {
  TestDetector d;
  for (uint32_t i = 0; i < 300; i++) {
    d.flow({1, i, 8080, kStart + i * 60});
    d.flow({1, 1000 + i, 8080, kStart + i * 60 + 1, Act::kSuccess});
    d.flow({1, 2000 + i, 8080, kStart + i * 60 + 2, Act::kSuccess});
  }
  d.finish();
  CHECK(d.told() == Lines{});
}

TEST_CASE(
    "peers and servers of the whole Internet that are gone make no scanner of who asks them") {
  TestDetector d;
  for (uint32_t i = 0; i < 600; i++) {
    const uint32_t time = kStart + i * 100;
    const auto port = uint16_t(1024 + i * 97 % 60000);
    d.flow({1, i, port, time, Act::kProbe, Protocol::kTcp, 0, i % 64});  // 95 % fail
    if (i % 20 == 0) d.flow({1, 5000 + i, port, time, Act::kSuccess, Protocol::kTcp, 0, i % 64});
    d.flow({2, i, 443, time, Act::kProbe, Protocol::kTcp, 0, i % 64});  // 80 % fail
    if (i % 4 == 0) d.flow({2, 5000 + i, 443, time, Act::kSuccess, Protocol::kTcp, 0, i % 64});
  }
  d.finish();
  CHECK(d.told() == Lines{});
}

TEST_CASE("UDP that is answered is no scan, UDP that is not is told when its time is over") {
  TestDetector d;
  for (uint32_t i = 0; i < 60; i++) {
    d.flow({1, i, 53, kStart + i, Act::kProbe, Protocol::kUdp});
    d.flow({1, i, 53, kStart + i, Act::kAnswer, Protocol::kUdp});
    d.flow({2, i, 161, kStart + i, Act::kProbe, Protocol::kUdp});
  }
  CHECK(d.told() == Lines{});
  d.flow({3, 1, 1, kStart + 2 * 3600});  // time goes on
  CHECK(d.told() == Lines{"new 10.0.0.2 horizontal 60 1"});
}

TEST_CASE("a UDP server is no scanner, as what it answers was asked before") {
  TestDetector d;
  for (uint32_t round = 0; round < 3; round++) {
    for (uint32_t i = 0; i < 200; i++) {
      const uint32_t time = kStart + round * 1024 + i;
      d.flow({1, i, 123, time, Act::kAnswer, Protocol::kUdp});  // the client's question
      d.flow({1, i, 123, time, Act::kProbe, Protocol::kUdp});
    }
  }
  d.finish();
  CHECK(d.told() == Lines{});
}

TEST_CASE("an answer whose record comes before the question's is one all the same") {
  TestDetector d;
  for (uint32_t i = 0; i < 60; i++) {
    d.flow({1, i, 53, kStart + i, Act::kAnswer, Protocol::kUdp});
    d.flow({1, i, 53, kStart + i, Act::kProbe, Protocol::kUdp});
    d.flow({2, i, 0, kStart + i, Act::kAnswer, Protocol::kIcmp});
    d.flow({2, i, 0, kStart + i, Act::kProbe, Protocol::kIcmp});
  }
  d.finish();
  CHECK(d.told() == Lines{});
}

TEST_CASE("what others send unasked hides no scan") {
  TestDetector d;
  for (uint32_t i = 0; i < 300; i++) {
    const uint32_t time = kStart + i * 60;
    d.flow({1, 0, uint16_t(1 + i), time});
    d.flow({1, 5000 + i, 40000, time, Act::kAnswer, Protocol::kUdp});
    d.flow({1, 6000 + i, 40000, time, Act::kAnswer, Protocol::kUdp});
  }
  d.finish();
  const Lines told = d.told();
  REQUIRE(told.size() >= 3);
  CHECK(told[0] == "new 10.0.0.1 vertical 1 25");
  CHECK(told.back().starts_with("ended 10.0.0.1 vertical 1 "));
  CHECK(std::stoi(told.back().substr(26)) >= 200);
}

TEST_CASE("a host that asks many servers and is answered is found when it scans") {
  TestDetector d;
  for (uint32_t i = 0; i < 1500; i++) {
    d.flow({1, 9000, 53, kStart + i * 20, Act::kProbe, Protocol::kUdp});
    d.flow({1, 9000, 53, kStart + i * 20, Act::kAnswer, Protocol::kUdp});
    if (i < 6) d.flow({1, 8000 + i, 445, kStart + i * 20});
  }
  for (uint32_t i = 0; i < 19; i++) d.flow({1, i, 445, kStart + 30000 + i * 5});
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1"});
}

TEST_CASE("many UDP packets are a connection only when they were answered") {
  Settings settings = TestDetector::small();
  settings.knows_own = true;
  TestDetector d(settings);
  const auto flow = [&](uint32_t target, uint16_t port, uint32_t second, Act act,
                        Protocol protocol) {
    d.flow({1, target, port, kStart + second, act, protocol, Touch::kTargetOwn});
  };
  for (uint32_t i = 0; i < 25; i++) flow(i, 22, i * 600, Act::kProbe, Protocol::kTcp);
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1"});
  flow(3, 5060, 16000, Act::kSuccess, Protocol::kUdp);
  CHECK(d.told() == Lines{});
  flow(3, 5060, 16001, Act::kAnswer, Protocol::kUdp);
  CHECK(d.told() == Lines{"connected 10.0.0.1 horizontal 25 1 10.0.0.3:5060/udp"});
  flow(4, 5060, 16002, Act::kAnswer, Protocol::kUdp);
  flow(4, 5060, 16003, Act::kSuccess, Protocol::kUdp);
  CHECK(d.told() == Lines{"connected 10.0.0.1 horizontal 25 1 10.0.0.4:5060/udp"});
}

TEST_CASE("a connection between two probes of a scan is told when the scan is") {
  TestDetector d;
  for (uint32_t i = 0; i < 26; i++) {
    d.flow({1, i, 22, kStart + i * 600});
    if (i == 20) d.flow({1, 5, 22, kStart + i * 600 + 10, Act::kSuccess});
  }
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1",
                          "connected 10.0.0.1 horizontal 25 1 10.0.0.5:22/tcp"});
}

TEST_CASE("a connection is told after the scan has ended, while its source is known") {
  TestDetector d;
  for (uint32_t i = 0; i < 30; i++) d.flow({1, i, 22, kStart + i * 600});
  d.clock_to(kStart + kDay + 6 * 3600);
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1", "ended 10.0.0.1 horizontal 30 1"});
  d.flow({1, 5, 22, kStart + kDay + 6 * 3600 + 60, Act::kSuccess});
  CHECK(d.told() == Lines{"connected 10.0.0.1 horizontal 30 1 10.0.0.5:22/tcp"});
}

TEST_CASE("retries of one pair put no decision off") {
  TestDetector d;
  for (uint32_t i = 0; i < 6; i++) d.flow({1, 100 + i, 23, kStart + i * 60});
  for (uint32_t i = 0; i < 252; i++) d.flow({1, 100, 23, kStart + 400 + i});
  for (uint32_t i = 0; i < 19; i++) d.flow({1, i, 23, kStart + 2000 + i * 600});
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1"});
}

TEST_CASE("each pair keeps its own protocol, whatever protocol the sixth has") {
  TestDetector d;
  for (uint16_t i = 0; i < 5; i++) d.flow({1, 1, uint16_t(100 + i), kStart + i * 400u});
  d.flow({1, 9, 53, kStart + 2100, Act::kProbe, Protocol::kUdp});
  for (uint16_t i = 0; i < 30; i++) d.flow({1, 1, uint16_t(100 + i), kStart + 4000 + i * 600u});
  CHECK(d.told() == Lines{"new 10.0.0.1 vertical 2 31"});
}

TEST_CASE("a UDP scan at the end of the input is told at its end") {
  TestDetector d;
  for (uint32_t i = 0; i < 60; i++) d.flow({2, i, 161, kStart + i, Act::kProbe, Protocol::kUdp});
  d.finish();
  CHECK(d.told() == Lines{"new 10.0.0.2 horizontal 60 1", "ended 10.0.0.2 horizontal 60 1"});
}

TEST_CASE("pings that are answered are no scan") {
  TestDetector d;
  for (uint32_t i = 0; i < 200; i++) {
    d.flow({1, i, 0, kStart + i, Act::kProbe, Protocol::kIcmp});
    d.flow({1, i, 0, kStart + i, Act::kAnswer, Protocol::kIcmp});
  }
  d.finish();
  CHECK(d.told() == Lines{});
}

TEST_CASE("a scan lives: new, grown, open port, connected, ended") {
  TestDetector d;
  for (uint32_t i = 0; i < 50; i++) d.flow({1, i, 22, kStart + i * 600});
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1", "grown 10.0.0.1 horizontal 50 1"});
  d.flow({1, 60, 22, kStart + 40000, Act::kHalfOpen});
  CHECK(d.told() == Lines{"open_port 10.0.0.1 horizontal 51 1 10.0.0.60:22/tcp"});
  d.flow({1, 60, 22, kStart + 41000, Act::kSuccess});
  d.flow({1, 60, 22, kStart + 41001, Act::kSuccess});
  CHECK(d.told() == Lines{"connected 10.0.0.1 horizontal 50 1 10.0.0.60:22/tcp"});
  d.clock_to(kStart + 40000 + kDay + 3600);
  CHECK(d.told() == Lines{"ended 10.0.0.1 horizontal 50 1"});
}

TEST_CASE("all alerts of a scan have one scan.id, and each an id of its own") {
  TestDetector d;
  for (uint32_t i = 0; i < 50; i++) d.flow({1, i, 22, kStart + i * 600});
  REQUIRE(d.alerts().size() == 2);
  CHECK(hex(scan_id(d.alerts()[0].source)) == hex(scan_id(d.alerts()[1].source)));
  CHECK(hex(event_id(d.alerts()[0])) != hex(event_id(d.alerts()[1])));
}

TEST_CASE("the next day's input goes on with a scan that ended with the last one") {
  TestDetector d;
  for (uint32_t i = 0; i < 30; i++) d.flow({1, i, 22, kStart + i * 600});
  d.finish();
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1", "ended 10.0.0.1 horizontal 30 1"});
  d.finish();
  CHECK(d.told() == Lines{});
  for (uint32_t i = 30; i < 50; i++) d.flow({1, i, 22, kStart + i * 600});
  CHECK(d.told() == Lines{"grown 10.0.0.1 horizontal 50 1"});
}

TEST_CASE("from inside only connections to what was scanned are told") {
  Settings settings = TestDetector::small();
  settings.knows_own = true;
  TestDetector d(settings);
  const uint8_t own = Touch::kSourceOwn;
  for (uint32_t i = 0; i < 25; i++)
    d.flow({1, i, 445, kStart + i * 600, Act::kProbe, Protocol::kTcp, own});
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1"});
  d.flow({1, 7000, 443, kStart + 20000, Act::kSuccess, Protocol::kTcp, own});
  CHECK(d.told() == Lines{});
  d.flow({1, 7000, 445, kStart + 20001, Act::kSuccess, Protocol::kTcp, own});
  CHECK(d.told() == Lines{"connected 10.0.0.1 horizontal 25 1 10.0.27.88:445/tcp"});
}

TEST_CASE("the direction follows from the own networks, and has limits of its own") {
  Settings settings = TestDetector::small();
  settings.knows_own = true;
  settings.limits[size_t(Direction::kOutbound)].pairs = 100;
  TestDetector d(settings);
  for (uint32_t i = 0; i < 25; i++) {
    const uint32_t time = kStart + i * 600;
    d.flow({1, i, 445, time, Act::kProbe, Protocol::kTcp, Touch::kTargetOwn});
    d.flow({2, i, 445, time, Act::kProbe, Protocol::kTcp, Touch::kSourceOwn});
    d.flow({3, i, 445, time, Act::kProbe, Protocol::kTcp, Touch::kSourceOwn | Touch::kTargetOwn});
  }
  std::vector<std::string> directions;
  for (const Alert& a : d.alerts())
    directions.push_back(source_text(a.source) + " " + std::string(name_of(a.direction)));
  CHECK(directions == Lines{"10.0.0.1 inbound", "10.0.0.3 internal"});
}

TEST_CASE("late flows go to the generation of their own time, older ones are counted") {
  TestDetector d;
  d.flow({9, 1, 1, kStart + 2 * kDay - 10});  // the clock
  for (uint32_t i = 0; i < 25; i++) d.flow({1, i, 23, kStart + i});
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1"});
  CHECK(d.counts().late == 0);
  for (uint32_t i = 0; i < 25; i++) d.flow({2, i, 23, kStart - 1 - i});
  CHECK(d.told() == Lines{});
  CHECK(d.counts().late == 25);
}

TEST_CASE("a decision covers two windows and no more") {
  TestDetector d;
  for (uint32_t i = 0; i < 12; i++) d.flow({1, i, 23, kStart + i * 6000});
  for (uint32_t i = 12; i < 25; i++) d.flow({1, i, 23, kStart + kDay + i * 100});
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1"});
  for (uint32_t i = 0; i < 12; i++) d.flow({2, i, 23, kStart + kDay + 50000 + i});
  for (uint32_t i = 12; i < 36; i++) d.flow({2, i, 23, kStart + 3 * kDay + i * 600});
  const Lines told = d.told();
  CHECK(std::none_of(told.begin(), told.end(),
                     [](const std::string& t) { return t.starts_with("new 10.0.0.2"); }));
}

TEST_CASE(
    "one flow with a time of another year does not move the clock, 32 in a row that agree do") {
  TestDetector d;
  d.flow({1, 1, 1, kStart});
  d.flow({1, 2, 1, kStart + 400 * kDay});
  CHECK(d.clock.now == kStart);
  CHECK(d.counts().ahead == 1);
  for (uint32_t i = 0; i < 31; i++) d.flow({1, 2, 1, kStart + 400 * kDay + i});
  CHECK(d.clock.now == kStart + 400 * kDay + 30);
}

TEST_CASE(
    "a first flow of the year 2099 hides no scan: 32 late flows in a row set the clock back") {
  TestDetector d;
  d.flow({9, 1, 1, 4'070'908'800});
  for (uint32_t i = 0; i < 60; i++) d.flow({1, i, 23, kStart + i * 600});
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1"});
  CHECK(d.counts().late == 31);
  CHECK(d.counts().set == 1);
}

TEST_CASE("a flow six days ahead ends no scan and hides none") {
  TestDetector d;
  for (uint32_t i = 0; i < 25; i++) d.flow({1, i, 23, kStart + i * 600});
  d.flow({9, 1, 1, kStart + 20'000 + 6 * kDay});
  d.flow({1, 99, 23, kStart + 20'000 + 6 * kDay});  // its source's own times stay as well
  for (uint32_t i = 0; i < 25; i++) d.flow({2, i, 23, kStart + 20'000 + i * 600});
  for (uint32_t i = 25; i < 50; i++) d.flow({1, i, 23, kStart + 40'000 + i * 600});
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1", "new 10.0.0.2 horizontal 25 1",
                          "grown 10.0.0.1 horizontal 50 1"});
  CHECK(d.counts().late == 0);
  CHECK(d.counts().ahead == 1);
}

TEST_CASE("flows whose far times differ never move the clock, however many they are") {
  TestDetector d;
  d.flow({1, 1, 1, kStart});
  for (uint32_t i = 0; i < 1000; i++)
    d.flow({2, i, 1, kStart + uint32_t(8 + mix(i) % 20'000) * kDay});
  CHECK(d.clock.now == kStart);
  CHECK(d.counts().ahead == 1000);
}

TEST_CASE("packets of 30 flows from an exporter whose clock is days ahead do not move the clock") {
  TestDetector d;
  for (uint32_t i = 0; i < 25; i++) {
    d.flow({1, i, 23, kStart + i * 600});
    for (uint32_t j = 0; j < 30; j++) d.flow({100 + j, i, 443, kStart + 3 * kDay + i * 600});
  }
  CHECK(d.clock.now == kStart + 24 * 600);
  CHECK(d.told()[0] == "new 10.0.0.1 horizontal 25 1");
}

TEST_CASE("a scan after three days without flows is found from its first flow on") {
  TestDetector d;
  d.flow({9, 1, 1, kStart});
  for (uint32_t i = 0; i < 25; i++) d.flow({1, i, 23, kStart + 3 * kDay + i * 600});
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1"});
}

TEST_CASE("20 ports of a host at once are told when another exporter's clock is ahead") {
  TestDetector d;
  for (uint16_t i = 0; i < 20; i++) {
    d.flow({2, 1, 443, kStart + 400 + i * 5u});
    d.flow({1, 1, uint16_t(1 + i), kStart + i * 5u});
  }
  CHECK(d.told() == Lines{"new 10.0.0.1 vertical 1 15"});
}

TEST_CASE("more pairs asked for make no sparse scan of a horizontal one, and no fast one") {
  Settings settings = TestDetector::small();
  for (Limits& limits : settings.limits) limits.pairs = 400;
  TestDetector d(settings);
  for (uint32_t i = 0; i < 300; i++) d.flow({1, i, 23, kStart + i});
  CHECK(d.told() == Lines{});
}

TEST_CASE("hours are hours, with a window of one hour as well") {
  Settings settings = TestDetector::small();
  settings.window = 3600;
  TestDetector d(settings);
  for (uint32_t i = 0; i < 40; i++) d.flow({1, i, 23, kStart + i * 60});
  REQUIRE(d.alerts().size() == 1);
  CHECK(d.alerts()[0].evidence.hours == 1);
}

TEST_CASE(
    "a scan begins with its first probe that was not answered, not with a look-up days before") {
  TestDetector d;
  d.flow({1, 7, 53, kStart, Act::kProbe, Protocol::kUdp});
  d.flow({1, 7, 53, kStart + 1, Act::kAnswer, Protocol::kUdp});
  for (uint32_t hour = 1; hour < 36; hour++)
    d.flow({1, 8, 443, kStart + hour * 3600, Act::kSuccess});
  for (uint32_t i = 0; i < 25; i++) d.flow({1, i, 23, kStart + 36 * 3600 + i * 60});
  REQUIRE(d.alerts().size() == 1);
  CHECK(d.alerts()[0].source.first == kStart + 36 * 3600);
}

TEST_CASE("two scans of a source on one day have scan.ids of their own") {
  Settings settings = TestDetector::small();
  settings.quiet = 3600;
  TestDetector d(settings);
  for (uint32_t i = 0; i < 25; i++) d.flow({1, i, 23, kStart + i});
  d.flow({2, 1, 1, kStart + 10'000});
  for (uint32_t i = 0; i < 25; i++) d.flow({1, i, 23, kStart + 10'000 + i});
  d.finish();
  REQUIRE(d.alerts().size() == 4);  // new, ended, new, ended
  CHECK(hex(scan_id(d.alerts()[0].source)) == hex(scan_id(d.alerts()[1].source)));
  CHECK(hex(scan_id(d.alerts()[0].source)) != hex(scan_id(d.alerts()[2].source)));
  CHECK(hex(event_id(d.alerts()[1])) != hex(event_id(d.alerts()[3])));
}

TEST_CASE(
    "a flood of 100,000 spoofed sources leaves the scanners that were found, and a slow one") {
  TestDetector d;  // 4 MiB: 47,000 suspects
  for (uint32_t i = 0; i < 25; i++) d.flow({1, i, 23, kStart + i});
  for (uint32_t i = 0; i < 12; i++) d.flow({2, i, 23, kStart + i});
  for (uint32_t i = 0; i < 100'000; i++) d.flow({1000 + i, 1, 443, kStart + 100});
  CHECK(d.table().counts().evicted > 50'000);
  CHECK(d.told() == Lines{"new 10.0.0.1 horizontal 25 1"});
  for (uint32_t i = 12; i < 25; i++) d.flow({2, i, 23, kStart + 2000 + i * 300});
  for (uint32_t i = 25; i < 50; i++) d.flow({1, i, 23, kStart + 3000 + i});
  CHECK(d.told() == Lines{"new 10.0.0.2 horizontal 25 1", "grown 10.0.0.1 horizontal 50 1"});
}

TEST_CASE(
    "a flood of a million spoofed sources leaves a thousand scanners and a thousand who began") {
  Settings settings;
  settings.memory = 16 << 20;  // 187,000 suspects, 4,800 tracked
  TestDetector d(settings);
  constexpr uint32_t kScanners = 1000;
  for (uint32_t i = 0; i < 25; i++) {
    for (uint32_t s = 0; s < kScanners; s++) {
      d.flow({s, i, 23, kStart + i});                          // found
      if (i < 12) d.flow({kScanners + s, i, 23, kStart + i});  // half way
    }
  }
  REQUIRE(d.told().size() == kScanners);
  for (uint32_t i = 0; i < 1'000'000; i++) d.flow({10'000 + i, 1, 443, kStart + 100});
  CHECK(d.table().counts().evicted > 800'000);
  CHECK(d.table().counts().evicted_tracked == 0);
  CHECK(d.table().counts().tracked == 2 * kScanners);
  CHECK(d.table().pages().count() <= 256);
  CHECK(d.told() == Lines{});
  for (uint32_t s = 0; s < kScanners; s++) {
    for (uint32_t i = 12; i < 25; i++) d.flow({kScanners + s, i, 23, kStart + 2000 + i * 300});
    for (uint32_t i = 25; i < 50; i++) d.flow({s, i, 23, kStart + 6000 + i});
  }
  const Lines told = d.told();
  CHECK(std::count_if(told.begin(), told.end(), [](const std::string& t) {
          return t.starts_with("new ") && t.ends_with(" horizontal 25 1");
        }) == kScanners);
  CHECK(std::count_if(told.begin(), told.end(), [](const std::string& t) {
          return t.starts_with("grown ") && t.ends_with(" horizontal 50 1");
        }) == kScanners);
}

TEST_CASE("beyond 64 pairs the counts are within a third") {
  for (const uint32_t hosts : {65u, 200u, 1000u, 20000u}) {
    CAPTURE(hosts);
    TestDetector d;
    for (uint32_t i = 0; i < hosts; i++) d.flow({1, i, 23, kStart + i});
    d.finish();
    REQUIRE_FALSE(d.alerts().empty());
    const Alert& last = d.alerts().back();
    CHECK(last.type == Type::kHorizontal);
    CHECK(last.evidence.ports == 1);
    CHECK(last.evidence.hosts >= hosts * 2 / 3);
    CHECK(last.evidence.hosts <= hosts * 4 / 3);
    CHECK(last.source.probes == hosts);
  }
}
