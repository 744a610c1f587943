// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <set>

#include "nek/testing.hpp"

using nek::testing::find_plugin;
using nek::testing::Input;
using nek::testing::Read;
using nek::testing::Setup;

namespace {

std::string text_of(const std::string& options, uint32_t capacity = 1 << 20, Setup setup = {}) {
  Input input(find_plugin("generate"), options, std::move(setup));
  std::string text;
  for (const auto& [identity, bytes] : input.read_all(capacity)) text += bytes;
  return text;
}
std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> fields;
  for (size_t at = 0; at <= line.size();) {
    const size_t end = std::min(line.find(',', at), line.size());
    std::string field(line.substr(at, end - at));
    field.erase(0, field.find_first_not_of(' '));
    field.erase(field.find_last_not_of(' ') + 1);
    fields.push_back(field);
    at = end + 1;
  }
  return fields;
}
std::vector<std::vector<std::string>> flows_of(const std::string& text) {
  std::vector<std::vector<std::string>> flows;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    flows.push_back(fields_of(std::string_view(text).substr(at, end - at)));
    at = end + 1;
  }
  return flows;
}

}  // namespace

TEST_CASE("the generate input keeps the contract of plugins") {
  CHECK(nek::testing::check_contract(find_plugin("generate"), "rows: 10") == "");
}

TEST_CASE("the flows are the same whatever the size of chunks") {
  const std::string whole = text_of("{rows: 1000, seed: 7}");
  CHECK(whole.size() == 121000);  // 121 bytes a row, as in nfdump's own files
  CHECK(text_of("{rows: 1000, seed: 7}", 1000) == whole);
  CHECK(text_of("{rows: 1000, seed: 7}", 7) == whole);
}

TEST_CASE("a seed makes the flows that it always made") {
  CHECK(text_of("{rows: 3, seed: 7}") ==
        "2025-12-31 23:59:44.270,  203.214.150.203,      0,      81.1.246.60,    0.0,      556,"
        "        2,    994, 1    , ........\n"
        "2025-12-31 23:59:36.866,   111.150.22.247,    443,   63.157.168.191,  10623,     1052,"
        "        1,    501, 6    , ...A..SF\n"
        "2025-12-31 23:59:55.324,     15.160.5.167,  48909,    215.77.21.254,     53,    10536,"
        "       12,    465, 6    , ...A....\n");
}

TEST_CASE("another seed makes other flows, more rows begin with the same") {
  CHECK(text_of("{rows: 10, seed: 1}") != text_of("{rows: 10, seed: 2}"));
  CHECK(text_of("{rows: 20, seed: 1}").starts_with(text_of("{rows: 10, seed: 1}")));
}

TEST_CASE("reading goes on at any byte, with the flows that would have come") {
  const std::string whole = text_of("{rows: 100, seed: 7}");
  std::string key;
  {
    Input input(find_plugin("generate"), "{rows: 100, seed: 7}");
    input.read(1);
    key = input.host().sources()[0].key;
  }
  for (const uint64_t position :
       {uint64_t{0}, uint64_t{1}, uint64_t{121}, uint64_t{5000}, uint64_t{12100}}) {
    Setup setup;
    setup.resume = {{key, position}};
    CHECK(text_of("{rows: 100, seed: 7}", 1000, setup) == whole.substr(position));
  }
}

TEST_CASE("other flows are another source") {
  std::set<std::string> identities;
  for (const auto* options :
       {"rows: 10", "rows: 11", "{rows: 10, seed: 2}", "{rows: 10, hosts: 5}",
        "{rows: 10, skew: 1}", "{rows: 10, ipv6: 1}", "{rows: 10, full_ipv6: true}"}) {
    Input input(find_plugin("generate"), options);
    input.read();
    identities.insert(input.host().sources()[0].identity);
  }
  CHECK(identities.size() == 7);
}

TEST_CASE("flows have the shares of protocols, flags and addresses that real files have") {
  const auto flows = flows_of(text_of("{rows: 20000, hosts: 1000}"));
  REQUIRE(flows.size() == 20000);
  std::map<std::string, int> protocols, flags, hosts;
  int ipv6 = 0;
  for (const auto& flow : flows) {
    REQUIRE(flow.size() == 10);
    protocols[flow[8]]++;
    if (flow[8] == "6") flags[flow[9]]++;
    if (flow[8] != "6") CHECK(flow[9] == "........");
    if (flow[8] == "1") CHECK(flow[4].find('.') != std::string::npos);
    hosts[flow[1]]++;
    ipv6 += flow[1].find(':') != std::string::npos;
  }
  CHECK(protocols["6"] == Approx(12800).margin(400));
  CHECK(protocols["17"] == Approx(6000).margin(400));
  CHECK(flags["......S."] == Approx(0.055 * protocols["6"]).margin(150));
  CHECK(flags["CE....S."] > 0);
  CHECK(ipv6 == Approx(1000).margin(150));
  CHECK(hosts.size() <= 2000);  // of both families
  int most = 0;
  for (const auto& [host, count] : hosts) most = std::max(most, count);
  CHECK(most > 1000);
}

TEST_CASE("IPv6 is shortened as nfdump does it, or whole") {
  const auto shortened = flows_of(text_of("{rows: 100, ipv6: 1}"));
  const auto whole = flows_of(text_of("{rows: 100, ipv6: 1, full_ipv6: true}"));
  for (size_t i = 0; i < whole.size(); i++) {
    const std::string& full = whole[i][1];
    CHECK(std::count(full.begin(), full.end(), ':') == 7);
    CHECK(shortened[i][1] ==
          (full.size() <= 16 ? full : full.substr(0, 7) + ".." + full.substr(full.size() - 7)));
  }
}

// However long the test is kept from running between two lines.
TEST_CASE("a rate is kept, and what was missed is caught up") {
  using Seconds = std::chrono::duration<double>;
  using std::chrono::steady_clock;
  Input input(find_plugin("generate"), "{rate: 1000, rows: 1000000}");
  double rows = 0;
  const auto read = [&](uint32_t capacity) {
    for (const auto& segment : input.read(capacity, 20).segments)
      rows += static_cast<double>(segment.bytes.size()) / 121;
  };
  const auto begins = steady_clock::now();
  read(1 << 16);
  const auto has_begun = steady_clock::now();
  while (rows < 300) read(1 << 16);
  const auto asked_last = steady_clock::now();
  read(1 << 24);  // has room for two minutes
  const auto done = steady_clock::now();
  CHECK(rows <= 1000 * Seconds(done - begins).count());
  CHECK(rows + 1 >= 1000 * Seconds(asked_last - has_begun).count());
}

TEST_CASE(
    "a scenario of scans is the same whatever the size of chunks, and comes in order of time") {
  const std::string options = "{kind: scans, seed: 7, scanners: 1, clients: 400}";
  const std::string whole = text_of(options);
  CHECK(text_of(options, 1000) == whole);
  CHECK(text_of("{kind: scans, seed: 8, scanners: 1, clients: 400}") != whole);
  const auto flows = flows_of(whole);
  REQUIRE(flows.size() > 10'000);
  CHECK(std::is_sorted(flows.begin(), flows.end(),
                       [](const auto& a, const auto& b) { return a[0] < b[0]; }));
  for (const auto& flow : flows) REQUIRE(flow.size() == 10);
}

TEST_CASE("the truth names each source of a scenario once, and every scanner is in the flows") {
  const auto truth = flows_of(text_of("{kind: truth, seed: 7, scanners: 2, clients: 400}"));
  std::map<std::string, int> kinds;
  std::set<std::string> scanners;
  for (const auto& line : truth) {
    REQUIRE(line.size() == 3);
    kinds[line[1]]++;
    if (line[2] != "-") scanners.insert(line[0]);
  }
  for (const auto* type : {"vertical", "horizontal", "strobe", "block", "sparse"})
    CHECK(kinds[type] == 6);
  CHECK(kinds["client"] == 400);
  CHECK(scanners.size() == 30);
  for (const auto& flow : flows_of(text_of("{kind: scans, seed: 7, scanners: 2, clients: 400}")))
    scanners.erase(flow[1]);
  CHECK(scanners.empty());
}
