// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "nek/testing.hpp"

using nek::testing::check_contract;
using nek::testing::Filter;
using nek::testing::find_plugin;
using nek::testing::Instance;
using nek::testing::run_golden;
namespace fs = std::filesystem;

namespace {

const std::string kCountries = "../../../tests/data/geoip/iptoasn-country.mmdb";
const std::string kTypes = "{\"sa\": \"text\"}\n";

// The country of each address, null as "-".
std::vector<std::string> countries(Filter& filter, const std::vector<std::string>& addresses) {
  std::string table = kTypes;
  for (const auto& address : addresses) table += "{\"sa\": \"" + address + "\"}\n";
  const std::string made = filter.rows(table);
  std::vector<std::string> all;
  for (size_t at = made.find('\n') + 1; at < made.size(); at = made.find('\n', at) + 1) {
    const size_t begin = made.find("\"sc\":", at) + 5;
    all.push_back(made[begin] == 'n' ? "-" : made.substr(begin + 1, 2));
  }
  return all;
}
std::string country(Filter& filter, const std::string& address) {
  return countries(filter, {address})[0];
}

// A database that is replaced while a filter uses it.
class Replaced {
 public:
  Replaced() : folder_(fs::temp_directory_path() / ("nek-geoip-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    put("GeoIP2-Country-Test.mmdb");
  }
  ~Replaced() { fs::remove_all(folder_); }
  std::string path() const { return folder_ / "country.mmdb"; }
  void put(const std::string& name) const {
    fs::copy_file("tests/testdata/" + name, folder_ / "new", fs::copy_options::overwrite_existing);
    fs::rename(folder_ / "new", path());
  }
  void remove() const { fs::remove(path()); }
  std::string options(const std::string& more = "") const {
    return "{database: " + path() + ", fields: {sa: sc}, reload: 5ms" + more + "}";
  }

 private:
  fs::path folder_;
};

template <class Done>
bool soon(Done done) {
  for (int i = 0; i < 1000; i++) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace

TEST_CASE("geoip keeps the contract of all plugins") {
  REQUIRE(check_contract(
              find_plugin("geoip"),
              "{database: tests/testdata/GeoIP2-Country-Test.mmdb, fields: {sa: sc, da: dc}}") ==
          "");
  REQUIRE(check_contract(
              find_plugin("geoip"),
              "{database: tests/testdata/GeoIP2-City-Test.mmdb, fields: {sa: {a: location, b: "
              "location.latitude, c: location.accuracy_radius}}}") == "");
}

TEST_CASE("geoip makes what its golden files say") {
  REQUIRE(run_golden(find_plugin("geoip"), "tests/testdata") == "");
}

// lookups.txt: addresses of real flows (drawn from what nfdump -6 prints), and for each
//   mmdblookup --file iptoasn-country.mmdb --ip ADDRESS country_code         ("-": not found)
TEST_CASE("countries of 5,000 addresses of real flows are those of mmdblookup") {
  std::vector<std::string> addresses, expected;
  std::ifstream file("tests/lookups.txt");
  for (std::string address, code; file >> address >> code;) {
    addresses.push_back(address);
    expected.push_back(code);
  }
  REQUIRE(addresses.size() == 5000);
  Filter filter(find_plugin("geoip"), "{database: " + kCountries + ", fields: {sa: sc}}");
  const auto made = countries(filter, addresses);
  for (size_t i = 0; i < addresses.size(); i++) {
    CAPTURE(addresses[i]);
    REQUIRE(made[i] == expected[i]);
  }
}

TEST_CASE("all of MaxMind's test databases are read, and those that are damaged are refused") {
  const std::set<std::string> damaged = {
      "bad-unicode-in-map-key.mmdb",
      "cyclic-data-structure.mmdb",
      "GeoIP2-City-Test-Broken-Double-Format.mmdb",
      "GeoIP2-City-Test-Invalid-Node-Count.mmdb",
      "invalid-bytes-length.mmdb",
      "invalid-data-record-offset.mmdb",
      "invalid-map-key-length.mmdb",
      "invalid-string-length.mmdb",
      "libmaxminddb-offset-integer-overflow.mmdb",
      "MaxMind-DB-test-broken-pointers-24.mmdb",
      "MaxMind-DB-test-broken-search-tree-24.mmdb",
      "metadata-is-an-uint128.mmdb",
      "unexpected-bytes.mmdb",
  };
  size_t refused = 0, read = 0;
  for (const auto& entry : fs::directory_iterator("tests/testdata")) {
    if (entry.path().extension() != ".mmdb") continue;
    const std::string path = entry.path().string();
    CAPTURE(path);
    // The word 'name' is of own networks, so that any database will do.
    Instance instance(find_plugin("geoip"), "{database: " + path + ", fields: {sa: {net: name}}}");
    const bool is_damaged = damaged.count(entry.path().filename().string()) != 0;
    REQUIRE(instance.error().empty() == !is_damaged);
    if (is_damaged) REQUIRE(instance.error().find("damaged: ") != std::string::npos);
    (is_damaged ? refused : read)++;
  }
  REQUIRE(refused == 13);
  REQUIRE(read == 29);
}

// What mmdblookup says of them: 1.1.1.3 lies in 1.1.1.2/31, whose record is {"ip": "1.1.1.2"}.
TEST_CASE("records of 24, 28 and 32 bits are read, of IPv4, IPv6 and mixed databases") {
  const std::string table =
      kTypes + "{\"sa\": \"1.1.1.3\"}\n{\"sa\": \"1.1.1.33\"}\n{\"sa\": \"::2:0:59\"}\n";
  const std::pair<std::string, std::vector<std::string>> expected[] = {
      {"ipv4", {"\"1.1.1.2\"", "null", "null"}},
      {"ipv6", {"null", "null", "\"::2:0:58\""}},
      {"mixed", {"\"::1.1.1.2\"", "null", "\"::2:0:58\""}},
  };
  for (const auto& [kind, ips] : expected) {
    for (const std::string bits : {"24", "28", "32"}) {
      CAPTURE(kind, bits);
      Filter filter(find_plugin("geoip"), "{database: tests/testdata/MaxMind-DB-test-" + kind +
                                              "-" + bits + ".mmdb, fields: {sa: {ip: ip}}}");
      REQUIRE(filter.rows(table) ==
              "{\"sa\":\"text\",\"ip\":\"dict_text\"}\n{\"sa\":\"1.1.1.3\",\"ip\":" + ips[0] +
                  "}\n{\"sa\":\"1.1.1.33\",\"ip\":" + ips[1] +
                  "}\n{\"sa\":\"::2:0:59\",\"ip\":" + ips[2] + "}\n");
    }
  }
}

TEST_CASE("a database that takes the place of the old one is used without a stop") {
  const Replaced database;
  Filter filter(find_plugin("geoip"), database.options());
  REQUIRE(country(filter, "89.160.20.112") == "SE");
  REQUIRE(country(filter, "1.1.1.1") == "-");
  REQUIRE(country(filter, "2001:4860:4860::8888") == "-");
  fs::copy_file(kCountries, database.path() + ".new");
  fs::rename(database.path() + ".new", database.path());
  REQUIRE(soon([&] { return country(filter, "1.1.1.1") == "US"; }));
  REQUIRE(country(filter, "2001:4860:4860::8888") == "US");
  REQUIRE(soon([&] { return filter.host().metric("reloads") == 1; }));
  database.put("GeoIP2-Country-Test.mmdb");
  REQUIRE(soon([&] { return country(filter, "1.1.1.1") == "-"; }));
}

TEST_CASE("the old database stays when the new one is damaged, gone, or of other types") {
  const Replaced database;
  Filter filter(find_plugin("geoip"), database.options());
  const auto failed = [&](int times) {
    return soon([&] { return filter.host().metric("failed_reloads") == times; }) &&
           country(filter, "89.160.20.112") == "SE";
  };
  database.put("GeoIP2-City-Test-Broken-Double-Format.mmdb");
  REQUIRE(failed(1));
  database.remove();
  database.put("GeoLite2-ASN-Test.mmdb");
  REQUIRE(failed(2));
  REQUIRE(filter.host().logs().back().find("has no country") != std::string::npos);
  database.put("GeoIP2-Country-Test.mmdb");
  REQUIRE(soon([&] { return filter.host().metric("reloads") == 1; }));
  REQUIRE(country(filter, "89.160.20.112") == "SE");
}

// What is remembered of IPv6 addresses must be theirs: far more of them than are remembered, twice.
TEST_CASE("IPv6 addresses that come again have the country that they had") {
  Filter filter(find_plugin("geoip"),
                "{database: tests/testdata/GeoIP2-Country-Test.mmdb, fields: {sa: sc}}");
  std::vector<std::string> addresses, expected;
  for (int i = 0; i < 10000; i++) {
    char group[8];
    std::snprintf(group, sizeof group, "%x", i % 5000);
    addresses.push_back((i % 2 ? "2001:218:" : "2001:220:") + std::string(group) + "::1");
    expected.emplace_back(i % 2 ? "JP" : "KR");
  }
  REQUIRE(countries(filter, addresses) == expected);
}

TEST_CASE("a file that is truncated while it is in use disturbs nobody") {
  const Replaced database;
  Filter filter(find_plugin("geoip"), database.options());
  fs::resize_file(database.path(), 0);
  REQUIRE(soon([&] { return filter.host().metric("failed_reloads") == 1; }));
  REQUIRE(country(filter, "89.160.20.112") == "SE");
  REQUIRE(country(filter, "2001:218::") == "JP");
}

TEST_CASE("what nobody reads is not looked up") {
  nek::testing::Setup setup;
  setup.wanted = {"dc"};
  Filter filter(find_plugin("geoip"),
                "{database: tests/testdata/GeoIP2-Country-Test.mmdb, fields: {sa: sc, da: dc}}",
                setup);
  REQUIRE(filter.rows("{\"sa\": \"text\", \"da\": \"text\"}\n{\"sa\": \"89.160.20.112\", \"da\": "
                      "\"89.160.20.112\"}\n") ==
          "{\"sa\":\"text\",\"da\":\"text\",\"dc\":\"dict_text\"}\n"
          "{\"sa\":\"89.160.20.112\",\"da\":\"89.160.20.112\",\"dc\":\"SE\"}\n");
}
