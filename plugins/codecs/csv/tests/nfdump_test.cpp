// SPDX-License-Identifier: Apache-2.0
// nfdump's own output, and what nfdump itself says about it.
#include <catch2/catch.hpp>

#include "nek/testing.hpp"

using nek::testing::Decoder;
using nek::testing::Emitted;
using nek::testing::find_plugin;
using nek::testing::Setup;
using nek::testing::detail::difference;

namespace {

std::string sample(const std::string& name) {
  const std::string text = nek::testing::detail::read_file("tests/nfdump/" + name);
  if (text.empty()) throw std::runtime_error("no sample " + name);
  return text;
}

Emitted decode(std::string_view bytes) {
  return Decoder(find_plugin("csv"), "format: nfdump").decode(bytes);
}
std::string rows_of(const std::string& name, const std::vector<std::string>& columns) {
  Setup setup;
  setup.wanted = columns;
  return Decoder(find_plugin("csv"), "format: nfdump", setup).rows(sample(name));
}
std::string value(std::string_view row, const std::string& column) {
  const size_t at = row.find("\"" + column + "\":") + column.size() + 3;
  return std::string(row.substr(at, row.find_first_of(",}", at) - at));
}

struct Sums {
  uint64_t flows = 0, bytes = 0, packets = 0;
  bool operator==(const Sums&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Sums& sums) {
  return out << sums.flows << " flows, " << sums.bytes << " bytes, " << sums.packets << " packets";
}
Sums sums_of(const std::string& name) {
  const Emitted all = decode(sample(name));
  if (!all.refused.empty()) throw std::runtime_error("refused: " + all.refused);
  Sums sums;
  std::istringstream lines(all.streams[0]);
  std::string row;
  std::getline(lines, row);  // the types
  while (std::getline(lines, row)) {
    sums.flows++;
    sums.bytes += std::strtoull(value(row, "byte").c_str(), nullptr, 10);
    sums.packets += std::strtoull(value(row, "pkt").c_str(), nullptr, 10);
  }
  return sums;
}

}  // namespace

TEST_CASE("each of nfdump's formats gives the flows, bytes and packets that nfdump counts") {
  const Sums mikrotik = {200, 329055, 1386};
  const auto format = GENERATE("fmt-N-q-6", "fmt-N-noq", "fmt-noN-noq", "fmt-noN-q", "csv", "csv-q",
                               "line", "long", "extended", "biline", "bilong", "gline", "pipe");
  CHECK(sums_of(std::string("mikrotik2023.") + format + ".txt") == mikrotik);
}

TEST_CASE("counters of 64 bits are exact") {
  const Sums exact = {200, 8291213154558541122u, 10573556723222941954u};
  const auto format = GENERATE("fmt-N-q-6", "fmt-N-noq", "csv", "csv-q", "pipe");
  CHECK(sums_of(std::string("vendors.") + format + ".txt") == exact);
}

TEST_CASE("counters with units are as exact as nfdump prints them") {
  const Sums rounded = {200, 8291213100000281959u, 10573556700024400956u};
  const auto with_units =
      GENERATE("fmt-noN-noq", "fmt-noN-q", "line", "long", "extended", "biline", "bilong", "gline");
  CHECK(sums_of(std::string("vendors.") + with_units + ".txt") == rounded);
}

TEST_CASE("flows without packets, aggregated flows and those of nfdump 1.6 are flows") {
  CHECK(sums_of("mikrotik2023.nsel.txt") == Sums{200, 329055, 0});
  CHECK(sums_of("vendors.nsel.txt") == Sums{200, 8291213100000281959u, 0});
  CHECK(sums_of("mikrotik2023.fmt-aggr.txt") == Sums{126, 329055, 1386});
  CHECK(sums_of("vendors.fmt-aggr.txt") == Sums{109, 8291213154558541122, 10573556723222941954u});
  CHECK(sums_of("coding-ray-port_0.nf") == Sums{87, 105201, 1340});
  CHECK(sums_of("coding-ray-non_int_port.nf") == Sums{28, 63497, 835});
}

TEST_CASE("flows of both directions in one, and the largest flows, are flows") {
  CHECK(sums_of("mikrotik2023.fmt-bidir.txt") == Sums{150, 261383, 1037});
  CHECK(sums_of("vendors.fmt-bidir.txt") == Sums{112, 8291213154558406383, 10573556723222941592u});
  CHECK(sums_of("mikrotik2023.topn.txt") == Sums{20, 16363263, 0});
  CHECK(sums_of("vendors.topn.txt") == Sums{20, 8291213100151994212, 0});
}

TEST_CASE("flows that nfdump printed in another zone are those that it printed in UTC") {
  const std::string source = GENERATE("mikrotik2023", "vendors");
  Setup setup;
  setup.wanted = {"ts", "sp", "dp", "byte", "pkt", "out", "pr", "flg"};
  const auto rows = [&](const char* options, const std::string& name) {
    return Decoder(find_plugin("nfdump"), options, setup).rows(sample(source + name));
  };
  const std::string local = rows("timezone: America/Sao_Paulo", ".fmt-N-q-TZ-03.txt");
  CHECK(std::count(local.begin(), local.end(), '\n') == 201);
  CHECK(difference(rows("timezone: UTC", ".fmt-N-q-6.txt"), local) == "");
}

TEST_CASE("no flows are no rows and no dead letters") {
  CHECK(sums_of("empty.csv.txt") == Sums{});
  CHECK(sums_of("empty.fmt-N-q.txt") == Sums{});
}

TEST_CASE("statistics are no flows") {
  const Emitted all = decode(sample(GENERATE("mikrotik2023.stat.txt", "vendors.stat.txt")));
  CHECK(all.streams[0].empty());
  CHECK(std::count(all.refused.begin(), all.refused.end(), '\n') == 20);
}

TEST_CASE("flows are the same in all formats that print addresses in full") {
  const std::vector<std::string> columns = {"sa", "sp", "da", "dp", "byte", "pkt", "out"};
  const std::string source = GENERATE("mikrotik2023", "vendors");
  const std::string expected = rows_of(source + ".fmt-N-q-6.txt", columns);
  CHECK(std::count(expected.begin(), expected.end(), '\n') == 201);
  CHECK(difference(expected, rows_of(source + ".csv.txt", columns)) == "");
  CHECK(difference(expected, rows_of(source + ".pipe.txt", columns)) == "");
}

TEST_CASE("flows are the same in all formats that shorten addresses") {
  const std::vector<std::string> columns = {"ts", "sa", "sp", "da", "dp", "byte", "pkt", "pr"};
  const std::string expected = rows_of("mikrotik2023.fmt-noN-noq.txt", columns);
  for (const auto* format : {"line", "long", "extended", "biline", "bilong", "gline"}) {
    const std::string rows = rows_of(std::string("mikrotik2023.") + format + ".txt", columns);
    CHECK(difference(expected, rows) == "");
  }
  CHECK(rows_of("vendors.line.txt", columns) == rows_of("vendors.fmt-noN-noq.txt", columns));
}

TEST_CASE("the old csv prints ICMP's type and code as one number, which becomes the type") {
  const auto all = decode(
      "2015-06-03 23:51:59,2015-06-01 "
      "09:30:32,0.000,0.0.0.137,18.77.84.72,0,1697,ICMP,........,0,0,"
      "9,930,0,0,0,7,0,0,0,0,0,0,0.0.0.0,0.0.0.0,0,0,,,,,,,,,,,,,,,,0,0,0,0,0,x\n");
  CHECK(value(all.streams[0].substr(all.streams[0].find('\n')), "dp") == "6");
}

TEST_CASE("the csv of nfdump 1.7.5 is told from fmt by its duration") {
  const std::string flow =
      "2023-01-25 18:35:43.884,0.000,17,52.5.7.161,443,170.80.156.33,3.10,9,930,1\n";
  const std::string expected =
      R"({"ts":"2023-01-25T18:35:43.884Z","sa":"52.5.7.161","sp":443,"da":"170.80.156.33","dp":3,"byte":930,"pkt":9,"out":null,"pr":"17","flg":null})"
      "\n";
  CHECK(decode(flow).streams[0].ends_with(expected));
  CHECK(decode("firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows\n" +
               flow)
            .streams[0]
            .ends_with(expected));
}

TEST_CASE("csv-fast has times in milliseconds, and 0000-00-00 is a flow without a start") {
  const auto all = decode(
      "cnt,af,firstSeen,lastSeen,proto,srcAddr,srcPort,dstAddr,dstPort,srcAS,dstAS,input,output,"
      "flags,"
      "srcTos,packets,bytes\n"
      "1,2,1674671743884,1674671733254,6,52.5.7.161,443,170.80.156.33,57358,0,0,9,10,...AP...,0,9,"
      "930\n"
      "0000-00-00 00:00:00.000,0.000,17,52.5.7.161,443,170.80.156.33,80,9,930,1\n");
  CHECK(all.refused.empty());
  CHECK(all.streams[0].ends_with(
      R"({"ts":"2023-01-25T18:35:43.884Z","sa":"52.5.7.161","sp":443,"da":"170.80.156.33","dp":57358,"byte":930,"pkt":9,"out":10,"pr":"6","flg":"...AP..."}
{"ts":"1970-01-01T00:00:00.000Z","sa":"52.5.7.161","sp":443,"da":"170.80.156.33","dp":80,"byte":930,"pkt":9,"out":null,"pr":"17","flg":null}
)"));
}

TEST_CASE("a header tells the columns of a user's own csv format") {
  const auto all = decode(
      "srcAddr,dstAddr,dstPort,flags,bytes,firstSeen,packets,srcAS\n"
      "52.5.7.161,170.80.156.33,57358,......S.,930,1674671743.884,9,0\n");
  CHECK(all.refused.empty());
  CHECK(all.streams[0].ends_with(
      R"({"ts":"2023-01-25T18:35:43.884Z","sa":"52.5.7.161","sp":null,"da":"170.80.156.33","dp":57358,"byte":930,"pkt":9,"out":null,"pr":null,"flg":"......S."}
)"));
}

TEST_CASE("the output of several calls may stand in one file") {
  const std::string all = sample("mikrotik2023.csv.txt") + sample("mikrotik2023.fmt-N-noq.txt") +
                          sample("mikrotik2023.line.txt");
  const Emitted emitted = decode(all);
  CHECK(emitted.refused.empty());
  CHECK(emitted.raw.size() == 600);
}

TEST_CASE("shortened IPv6 addresses are counted, and one warning tells what to do") {
  Decoder decoder(find_plugin("nfdump"), "");
  decoder.decode(sample("mikrotik2023.fmt-N-noq.txt"));
  // grep -o '[0-9a-f:]*\.\.[0-9a-f:]*' mikrotik2023.fmt-N-noq.txt | wc -l
  CHECK(decoder.host().metric("shortened_addresses") == 126);
  decoder.end();
  CHECK(decoder.host().logs() ==
        std::vector<std::string>{
            "times without an offset are read in UTC",
            "126 IPv6 addresses were shortened by nfdump (2804:37..33:a1b5): they have no country; "
            "call nfdump with -6 to get them whole"});
}

TEST_CASE("local times of nfdump are read in their zone") {
  Decoder decoder(find_plugin("nfdump"), "timezone: America/Sao_Paulo");
  const auto rows = decoder.rows(
      "2023-01-25 15:35:43.884,       52.5.7.161,    443,    170.80.156.33,  57358,      930,      "
      "  "
      "9,     10, 6    , ...AP...\n");
  CHECK(value(rows.substr(rows.find('\n')), "ts") == "\"2023-01-25T18:35:43.884Z\"");
}
