// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <string>

#include "nek/testing.hpp"

using nek::testing::check_contract;
using nek::testing::Filter;
using nek::testing::find_plugin;
using nek::testing::run_golden;

namespace {

constexpr const char* kTypes =
    R"({"ts":"time","sa":"text","sp":"uint64","da":"text","dp":"uint64","byte":"uint64","pkt":"uint64",)"
    R"("out":"uint64","pr":"dict_text","flg":"dict_text","sc":"dict_text"})";

std::string probe(const std::string& source, const std::string& target, int port, int minute) {
  const auto two = [](int n) { return std::string(n < 10 ? "0" : "") + std::to_string(n); };
  return R"({"ts":"2026-01-02T)" + two(minute / 60) + ":" + two(minute % 60) + R"(:00Z","sa":")" +
         source + R"(","sp":40000,"da":")" + target + R"(","dp":)" + std::to_string(port) +
         R"(,"byte":40,"pkt":1,"out":0,"pr":"TCP","flg":"......S.","sc":"CN"})"
         "\n";
}
std::string udp(const std::string& source, int from, const std::string& target, int port,
                int minute) {
  std::string row = probe(source, target, port, minute);
  row.replace(row.find("\"TCP\""), 5, "\"UDP\"");
  row.replace(row.find("40000"), 5, std::to_string(from));
  return row;
}
std::string table(const std::string& rows) { return std::string(kTypes) + "\n" + rows; }

size_t count(const std::string& text, const std::string& what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) found++;
  return found;
}

constexpr size_t kFlows = 0, kAlerts = 1;

}  // namespace

TEST_CASE("scan_detect keeps the contract of all plugins") {
  REQUIRE(check_contract(find_plugin("scan_detect"), "memory: 1MiB") == "");
}

TEST_CASE("scan_detect makes what its golden files say, whole and row by row") {
  REQUIRE(run_golden(find_plugin("scan_detect"), "tests/testdata") == "");
}

TEST_CASE("IPv6 sources are counted by their /64, targets by their address") {
  Filter filter(find_plugin("scan_detect"), "memory: 1MiB");
  std::string rows;
  for (int i = 0; i < 25; i++) {
    rows += probe("2001:db8:1:2::" + std::to_string(i + 1), "2001:db8:9::" + std::to_string(i + 1),
                  22, i * 20);
    rows += probe("2001:db8:1:" + std::to_string(100 + i) + "::1", "2001:db8:9::1", 22, i * 20);
  }
  const auto all = filter.process(table(rows));
  CHECK(count(all.streams[kAlerts], "\"scan_new\"") == 1);
  CHECK(count(all.streams[kAlerts], R"("source.ip":"2001:db8:1:2::)") == 1);
}

TEST_CASE("addresses that nfdump shortened are taken as they are") {
  Filter filter(find_plugin("scan_detect"), "memory: 1MiB");
  std::string rows;
  for (int i = 0; i < 25; i++)
    rows += probe("2804:37..62:9e59", "2600:19..:8b" + std::to_string(10 + i) + "::", 22, i * 20);
  const auto all = filter.process(table(rows));
  CHECK(count(all.streams[kAlerts], R"("source.ip":"2804:37..62:9e59")") == 1);
}

TEST_CASE("who is allowed to scan is passed over, until the day that is said") {
  Filter filter(
      find_plugin("scan_detect"),
      "{memory: 1MiB, allow: [10.0.0.1, 10.0.0.2 until 2026-01-02, 10.0.0.3 until 2026-01-01]}");
  std::string rows;
  for (int i = 0; i < 25; i++)
    for (const char* source : {"10.0.0.1", "10.0.0.2", "10.0.0.3"})
      rows += probe(source, "192.0.2." + std::to_string(i), 22, i * 20);
  const auto all = filter.process(table(rows));
  CHECK(count(all.streams[kAlerts], "\"scan_new\"") == 1);
  CHECK(count(all.streams[kAlerts], R"("source.ip":"10.0.0.3")") == 1);
}

TEST_CASE("what is wrong with a network is said with its place") {
  Filter own(find_plugin("scan_detect"), "own_networks: [10.0.0.1/8]");
  CHECK(own.error().find("'10.0.0.1/8' is no network") != std::string::npos);
  Filter allow(find_plugin("scan_detect"), "allow: ['10.0.0.1 until tomorrow']");
  CHECK(allow.error().find("does not end with a day like 2026-12-31") != std::string::npos);
}

TEST_CASE("a flow without a time or an address passes and is counted") {
  Filter filter(find_plugin("scan_detect"), "memory: 1MiB");
  const auto all =
      filter.process(table(R"({"sa":"10.0.0.1","da":"10.0.0.2","dp":1,"pr":"TCP","flg":"......S."})"
                           "\n"
                           R"({"ts":"2026-01-02T00:00:00Z","dp":1})"
                           "\n"));
  CHECK(count(all.streams[kFlows], "\n") == 3);
  CHECK(filter.host().metric("skipped") == 2);
}

TEST_CASE("a filter that is restored from its snapshot goes on, and ids are the same") {
  std::string first, second;
  for (int i = 0; i < 13; i++)
    first += probe("10.0.0.1", "192.0.2." + std::to_string(i), 22, i * 20);
  for (int i = 13; i < 30; i++)
    second += probe("10.0.0.1", "192.0.2." + std::to_string(i), 22, i * 20);
  Filter whole(find_plugin("scan_detect"), "memory: 1MiB");
  whole.process(table(first));
  const std::string expected = whole.process(table(second)).streams[kAlerts];
  REQUIRE(count(expected, "\"scan_new\"") == 1);

  Filter before(find_plugin("scan_detect"), "memory: 1MiB");
  before.process(table(first));
  nek::testing::Setup setup;
  setup.restored = before.snapshot();
  Filter after(find_plugin("scan_detect"), "memory: 1MiB", setup);
  CHECK(after.process(table(second)).streams[kAlerts] == expected);
}

TEST_CASE("a state that cannot be used stops the start with its reason") {
  nek::testing::Setup setup;
  setup.restored = "nonsense";
  Filter filter(find_plugin("scan_detect"), "memory: 1MiB", setup);
  CHECK(filter.error() == "the state of scan_detect cannot be used: it is no state of scan_detect");
}

TEST_CASE("with sampling fewer pairs are enough, and unanswered pings say nothing") {
  Filter filter(find_plugin("scan_detect"), "{memory: 1MiB, sampling_rate: 100}");
  std::string rows;
  for (int i = 0; i < 40; i++) {
    const std::string target = "192.0.2." + std::to_string(i);
    if (i < 8) rows += probe("10.0.0.1", target, 22, i);
    std::string ping = probe("10.0.0.2", target, 8, i);
    ping.replace(ping.find("\"TCP\""), 5, "\"ICMP\"");
    rows += ping;
  }
  const auto all = filter.process(table(rows));
  CHECK(count(all.streams[kAlerts], "\"scan_new\"") == 1);
  CHECK(count(all.streams[kAlerts], R"("source.ip":"10.0.0.1")") == 1);
}

TEST_CASE("a server of NTP, and a resolver whose answers are written first, are no scanners") {
  Filter filter(find_plugin("scan_detect"), "memory: 1MiB");
  std::string rows;
  for (int i = 0; i < 600; i++) {
    const std::string other = "192.0.2." + std::to_string(i % 200);
    rows += udp(other, 123, "10.0.0.1", 123, i) + udp("10.0.0.1", 123, other, 123, i);
    rows += udp(other, 53, "10.0.0.2", 40000, i) + udp("10.0.0.2", 40000, other, 53, i);
    rows += udp("10.0.0.3", 67, other, 68, i);
  }
  for (const char* source : {"10.0.0.1", "10.0.0.2", "10.0.0.3"})
    rows += udp(source, 50000, "192.0.2.250", 9, 1000);
  CHECK(count(filter.process(table(rows)).streams[kAlerts], "scan_new") == 0);
}

TEST_CASE("a server of DNS with many clients is found when it scans") {
  Filter filter(find_plugin("scan_detect"), "memory: 1MiB");
  std::string rows;
  for (int i = 0; i < 1000; i++) {
    const std::string client = "10.7.1." + std::to_string(i % 250);
    rows += udp(client, 40000 + i, "10.0.0.53", 53, i) + udp("10.0.0.53", 53, client, 40000 + i, i);
    if (i % 10 == 0) rows += probe("10.0.0.53", "10.4.4.4", 1 + i, i);
  }
  const std::string alerts = filter.process(table(rows)).streams[kAlerts];
  CHECK(count(alerts, "\"scan_new\"") == 1);
  CHECK(count(alerts, R"("scan.type":"vertical","scan.hosts":1,"scan.ports":25)") == 1);
}
