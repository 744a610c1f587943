// SPDX-License-Identifier: Apache-2.0
#include "../state.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "touches.h"

using namespace nek::scan;
using Lines = std::vector<std::string>;

namespace {

// Scanners of all kinds, and many with a pair or two.
std::vector<Flow> traffic(uint32_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Flow> flows;
  for (uint32_t i = 0; i < count; i++) {
    Flow f{};
    f.time = kStart + i / 2 + random() % 600;
    const uint32_t scanner = random() % 40;
    if (i % 2) {
      f = {1 + scanner, uint32_t(random() % (1 + scanner * 7)),
           uint16_t(random() % (200 - scanner * 4)), f.time};
      if (random() % 50 == 0) f.act = Act::kSuccess;
      if (random() % 30 == 0) f.act = Act::kHalfOpen;
    } else {
      f = {uint32_t(1000 + random() % 300'000), uint32_t(random() % 3), 443, f.time};
    }
    flows.push_back(f);
  }
  return flows;
}

}  // namespace

TEST_CASE("what is restored goes on as if nothing had been") {
  const auto flows = traffic(400'000, 1);
  TestDetector whole;
  for (const Flow& f : flows) whole.flow(f);
  whole.finish();
  const auto expected = whole.told();
  REQUIRE(expected.size() > 30);
  REQUIRE(whole.table().counts().evicted > 1000);

  std::vector<std::string> told;
  auto part = std::make_unique<TestDetector>();
  for (size_t i = 0; i < flows.size(); i++) {
    part->flow(flows[i]);
    if (i % 57'000 != 0) continue;
    for (auto& line : part->told()) told.push_back(line);
    const std::string state = encode(*part);
    part = std::make_unique<TestDetector>();
    REQUIRE(decode(state, *part) == "");
    REQUIRE(encode(*part) == state);
  }
  part->finish();
  for (auto& line : part->told()) told.push_back(line);
  CHECK(told == expected);
}

TEST_CASE("an image is of the moment at which it began, whatever changes meanwhile") {
  TestDetector d;
  for (const Flow& f : traffic(200'000, 2)) d.flow(f);
  std::map<uint32_t, std::string> expected, written;
  for (uint32_t n = 0; n < d.table().pages().count(); n++)
    expected[n] = encode_page(n, d.table().pages().read(n));
  REQUIRE(expected.size() > 30);

  std::mutex mutex;
  int twice = 0;
  d.table().pages().begin_image([&](uint32_t number, const Page& page) {
    const std::string bytes = encode_page(number, page);
    const std::lock_guard lock(mutex);
    twice += !written.emplace(number, bytes).second;
  });
  const auto changes = traffic(200'000, 3);
  for (size_t i = 0; i < 2000; i++) d.flow(changes[i]);  // before the thread runs at all
  std::thread writer([&] { d.table().pages().write_image(); });
  for (size_t i = 2000; i < changes.size(); i++) d.flow(changes[i]);
  writer.join();
  CHECK(twice == 0);
  CHECK(written == expected);
}

TEST_CASE("a state that is cut or changed anywhere is refused or harmless") {
  TestDetector d;
  for (const Flow& f : traffic(3000, 4)) d.flow(f);
  const std::string state = encode(d);
  for (size_t size = 0; size < state.size(); size += size < 100 ? 1 : 997) {
    TestDetector other;
    CHECK(decode(state.substr(0, size), other) != "");
  }
  std::mt19937 random(5);
  for (int i = 0; i < 300; i++) {
    std::string damaged = state;
    damaged[random() % damaged.size()] ^= char(1 << random() % 8);
    TestDetector other;
    if (decode(damaged, other) != "") continue;
    for (const Flow& f : traffic(500, 6)) other.flow(f);
    other.finish();
  }
}

TEST_CASE("a state of other settings is refused and both are named") {
  TestDetector d;
  std::string state = encode(d);
  Settings settings = TestDetector::small();
  settings.window = 3600;
  TestDetector other(settings);
  CHECK(decode(state, other) ==
        "it was written with a window in seconds of 86400, now it is 3600: set it back, or begin "
        "anew with --from-start");
}

TEST_CASE("a state that was written with another min_pairs is read, and the next pair counts") {
  TestDetector d;
  for (uint32_t i = 0; i < 5; i++) d.flow({1, i, 23});
  Settings settings = TestDetector::small();
  for (Limits& limits : settings.limits) limits.pairs = 12;
  TestDetector other(settings);
  REQUIRE(decode(encode(d), other) == "");
  for (uint32_t i = 5; i < 12; i++) other.flow({1, i, 23, kStart + i * 600});
  CHECK(other.told() == Lines{"new 10.0.0.1 horizontal 12 1"});
}

TEST_CASE("a state of a version that is not known is refused, and those that are read are named") {
  for (const char version : {0, 3}) {
    TestDetector d;
    std::string state = encode(d);
    REQUIRE(state[8] == 2);
    state[8] = version;
    TestDetector other;
    CHECK(decode(state, other) == "it has version " + std::to_string(version) +
                                      ", and this nek reads 1 to 2: run the nek that wrote it, or "
                                      "begin anew with --from-start");
  }
}

// Written by the last build with version 1: 10.0.0.1 was told as a horizontal scanner of 25 hosts
// and has a connection, 10.0.0.2 is a suspect with 3 pairs.
TEST_CASE("a state of version 1 is read, and what it knows goes on") {
  std::ifstream file("corpus_filter_scan_detect_state/version-1.state", std::ios::binary);
  const std::string old{std::istreambuf_iterator<char>(file), {}};
  REQUIRE(old.size() == 3484);
  REQUIRE(old[8] == 1);
  Settings settings = TestDetector::small();
  settings.memory = 1 << 20;
  settings.knows_own = true;
  TestDetector d(settings);
  REQUIRE(decode(old, d) == "");
  CHECK(d.table().counts().suspects == 3);
  CHECK(d.table().counts().tracked == 2);
  std::string now = encode(d);
  REQUIRE(now[8] == 2);
  now[8] = 1;
  CHECK(now == old);
  const auto flow = [&](uint32_t source, uint32_t target, uint16_t port, uint32_t second) {
    d.flow({source, target, port, kStart + second, Act::kProbe, Protocol::kTcp, Touch::kTargetOwn});
  };
  for (uint32_t i = 3; i < 25; i++) flow(2, i, 23, 30000 + i * 600);
  CHECK(d.told() == std::vector<std::string>{"new 10.0.0.2 horizontal 25 1"});
  for (uint32_t i = 30; i < 51; i++) flow(1, i, 22, 45000 + i);
  CHECK(d.told() == std::vector<std::string>{"grown 10.0.0.1 horizontal 50 1"});
}

// The hexadecimal digits of the example; what is behind two spaces is its explanation.
TEST_CASE("the example of a state in the documentation is what is written") {
  std::ifstream file("../../../docs/scan-detection.md");
  std::string example;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == "```hex" || line == "```") {
      inside = line == "```hex";
    } else if (inside) {
      example += line.substr(0, line.find("  ")) + " ";
    }
  }
  TestDetector d;
  d.flow({1, 2, 23, kStart + 5});
  std::string expected;
  for (const char byte : encode(d)) {
    constexpr const char* kDigits = "0123456789abcdef";
    expected += {kDigits[static_cast<uint8_t>(byte) >> 4], kDigits[byte & 15], ' '};
  }
  CHECK(example == expected);
}
