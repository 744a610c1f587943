// SPDX-License-Identifier: Apache-2.0
// Which columns a line of nfdump has: by nfdump's header, and without one only where it is certain.
// The lines are nfdump 1.7.1's own, of mikrotik2023 (nfdump/SOURCES.md).
#include <catch2/catch.hpp>

#include "nek/testing.hpp"

using nek::testing::Decoder;
using nek::testing::Emitted;
using nek::testing::Feed;
using nek::testing::find_plugin;
using nek::testing::Instance;
using nek::testing::Setup;

namespace {

constexpr const char* kUnclear =
    "which columns it has cannot be told; let nfdump print its header (without -q), or all of "
    "%ts, %sa, %sp, %da, %dp, %byt, %pkt, %out, %pr, %flg in this order";

// fmt:%ts, %sa, %sp, %da, %dp, %pkt, %byt, %out, %pr, %flg
constexpr const char* kSwappedHeader =
    "Date first seen               Src IP Addr  Src Pt       Dst IP Addr  Dst Pt   Packets     "
    "Bytes  Output  Proto     Flags\n";
constexpr const char* kSwapped =
    "2023-01-25 18:35:43.884,       52.5.7.161,    443,    170.80.156.33,  57358,        9,      "
    "930,     10, 6    , ...AP...\n";
// The same flow, in the usual order.
constexpr const char* kUsual =
    "2023-01-25 18:35:43.884,       52.5.7.161,    443,    170.80.156.33,  57358,      930,       "
    " 9,     10, 6    , ...AP...\n";
constexpr const char* kUsualHeader =
    "Date first seen               Src IP Addr  Src Pt       Dst IP Addr  Dst Pt     Bytes   "
    "Packets  Output  Proto     Flags\n";
constexpr const char* kFlow =
    R"({"ts":"2023-01-25T18:35:43.884Z","sa":"52.5.7.161","sp":443,"da":"170.80.156.33","dp":57358,"byte":930,"pkt":9,"out":10,"pr":"6","flg":"...AP..."})"
    "\n";

Emitted decode(const std::string& bytes, size_t chunk = SIZE_MAX) {
  Feed feed;
  feed.chunk = chunk;
  return Decoder(find_plugin("csv"), "format: nfdump").decode(bytes, feed);
}
// Without the line of types.
std::string rows_of(const Emitted& emitted) {
  if (emitted.streams[0].empty()) return {};
  return emitted.streams[0].substr(emitted.streams[0].find('\n') + 1);
}
std::string rows_of(const std::string& bytes) {
  const Emitted all = decode(bytes);
  INFO(all.refused);
  CHECK(all.refused.empty());
  return rows_of(all);
}
void expect_refused(const std::string& bytes, const std::string& why) {
  const Emitted all = decode(bytes);
  CHECK(rows_of(all) == "");
  INFO(all.refused);
  CHECK(all.refused.find(why) != std::string::npos);
}

}  // namespace

TEST_CASE("columns of fmt in another order are found by nfdump's header") {
  CHECK(rows_of(std::string(kSwappedHeader) + kSwapped) == kFlow);
  for (const size_t chunk : {size_t{1}, size_t{150}})
    CHECK(rows_of(decode(std::string(kSwappedHeader) + kSwapped + kSwapped, chunk)) ==
          std::string(kFlow) + kFlow);
  CHECK(rows_of("\xef\xbb\xbf" + std::string(kSwappedHeader) + kSwapped) == kFlow);
  CHECK(rows_of("Top 2 flows ordered by bytes:\n" + std::string(kSwappedHeader) + kSwapped) ==
        kFlow);
}

TEST_CASE("the header of the usual order changes nothing, and neither does none") {
  CHECK(rows_of(std::string(kUsualHeader) + kUsual) == kFlow);
  CHECK(rows_of(kUsual) == kFlow);
  CHECK(rows_of(std::string(kUsual) + kUsualHeader + kUsual) == std::string(kFlow) + kFlow);
}

TEST_CASE(
    "columns that nek does not know are passed over, also when flows do not begin with a time") {
  // fmt:%pr,%tsr,%flg,%sa,%da,%dp,%ipkt,%obyt,%ibyt
  CHECK(
      rows_of(
          "Proto Date first seen (raw)        Flags      Src IP Addr      Dst IP Addr Dst Pt   "
          "In Pkt Out Byte  In Byte\n"
          "6    ,1674671743.884,...AP...,      52.5.7.161,   170.80.156.33, 57358,       9,      "
          " 0,     930\n") ==
      R"({"ts":"2023-01-25T18:35:43.884Z","sa":"52.5.7.161","sp":null,"da":"170.80.156.33","dp":57358,"byte":930,"pkt":9,"out":null,"pr":"6","flg":"...AP..."})"
      "\n");
}

TEST_CASE("a header that names other columns than the first one is a dead letter that says so") {
  const std::string all = std::string(kUsual) + kSwappedHeader;
  for (const size_t chunk : {size_t{1}, SIZE_MAX}) {
    const Emitted emitted = decode(all, chunk);
    CHECK(rows_of(emitted) == kFlow);
    CHECK(emitted.refused.find("this header names other columns than those by which the rows are "
                               "read") != std::string::npos);
  }
  const Emitted other = decode(std::string(kSwappedHeader) + kSwapped + kUsualHeader);
  CHECK(rows_of(other) == kFlow);
  CHECK(other.refused.find("this header names other columns") != std::string::npos);
}

TEST_CASE("lines of words are refused where their header has bytes in front of packets") {
  // fmt:%ts %td %pr %sap -> %dap %byt %pkt %fl
  expect_refused(
      "Date first seen             Duration Proto      Src IP Addr:Port         Dst IP Addr:Port   "
      "   "
      "Bytes  Packets Flows\n"
      "2023-01-25 18:35:43.894            0.000 6        35.186.224.25:443   ->    "
      "170.80.156.33:33560       52        1     1\n",
      "is no line of nfdump's that holds a flow");
}

TEST_CASE("columns without nfdump's padding are read, and so is a name that ends with a digit") {
  const std::string rows = rows_of(
      "2023-01-25 18:35:43.884, 52.5.7.161, 443, 170.80.156.33, 57358, 930, 9, 10, 6, ...AP...\n"
      "2023-01-25 18:35:43.884,52.5.7.161,443,170.80.156.33,57358,930,9,10,6,...AP...\n");
  CHECK(rows == std::string(kFlow) + kFlow);
  // nfdump -q -6 -o "fmt:..." (without -N)
  CHECK(
      rows_of(
          "2023-01-25 18:35:46.144, fe80::d..14:d434,      0, fe80::4..45:d05f,    0.0,       64,  "
          "      1,     10, ICMP6, ........\n")
          .find(R"("pr":"ICMP6")") != std::string::npos);
}

TEST_CASE("nine columns without the interface are recognised") {
  // nfdump -q -o "fmt:%ts, %sa, %sp, %da, %dp, %byt, %pkt, %pr, %flg"
  CHECK(
      rows_of("2023-01-25 18:35:43.884,       52.5.7.161,    443,    170.80.156.33,  57358,      "
              "930,        9, 6    , ...AP...\n") ==
      R"({"ts":"2023-01-25T18:35:43.884Z","sa":"52.5.7.161","sp":443,"da":"170.80.156.33","dp":57358,"byte":930,"pkt":9,"out":null,"pr":"6","flg":"...AP..."})"
      "\n");
}

TEST_CASE("nine columns without another one are refused unless a header names them") {
  // Each without one of %da, %dp, %byt, %pkt, %pr; then %tos in place of %pr.
  const std::string line = GENERATE(
      "2023-01-25 18:35:43.884,       52.5.7.161,    443,  57358,      930,        9,     10, 6    "
      ", ...AP...\n",
      "2023-01-25 18:35:43.884,       52.5.7.161,    443,    170.80.156.33,      930,        9,    "
      " "
      "10, 6    , ...AP...\n",
      "2023-01-25 18:35:43.884,       52.5.7.161,    443,    170.80.156.33,  57358,        9,     "
      "10, 6    , ...AP...\n",
      "2023-01-25 18:35:43.884,       52.5.7.161,    443,    170.80.156.33,  57358,      930,     "
      "10, 6    , ...AP...\n",
      "2023-01-25 18:35:43.884,       52.5.7.161,    443,    170.80.156.33,  57358,      930,      "
      "  "
      "9,     10, ...AP...\n",
      "2023-01-25 18:35:43.884,       52.5.7.161,    443,    170.80.156.33,  57358,      930,      "
      "  "
      "9,     10,   0, ...AP...\n",
      "2023-01-25 18:35:45.684,      192.168.0.1,    137,      192.168.0.2,  46847,      106,      "
      "  "
      "1,     10, 192, ........\n",
      // ten digits of an interface, or of packets
      "2023-01-25 18:35:43.884,       52.5.7.161,    443,    170.80.156.33,  57358,      930, "
      "2147483651, 6    , ...AP...\n",
      "2023-01-25 18:35:43.884,52.5.7.161,443,170.80.156.33,57358,930,9,6,...AP...\n");
  expect_refused(line, kUnclear);
}

TEST_CASE("a header names nine columns without packets") {
  CHECK(
      rows_of(
          "Date first seen               Src IP Addr  Src Pt       Dst IP Addr  Dst Pt     Bytes  "
          "Output  Proto     Flags\n"
          "2023-01-25 18:35:43.884,       52.5.7.161,    443,    170.80.156.33,  57358,      930,  "
          "   10, 6    , ...AP...\n") ==
      R"({"ts":"2023-01-25T18:35:43.884Z","sa":"52.5.7.161","sp":443,"da":"170.80.156.33","dp":57358,"byte":930,"pkt":null,"out":10,"pr":"6","flg":"...AP..."})"
      "\n");
}

TEST_CASE("values out of their range are dead letters that name the column") {
  const auto line = [](const std::string& sp, const std::string& dp, const std::string& out,
                       const std::string& pr, const std::string& flg) {
    return "2023-01-25 18:35:43.884,       52.5.7.161," + sp + ",    170.80.156.33," + dp +
           ",      930,        9," + out + "," + pr + "," + flg + "\n";
  };
  CHECK(rows_of(line("  65535", "  65535", " 4294967295", " 255  ", " CEUAPRSF")) != "");
  CHECK(rows_of(line("      0", "255.255", "      0", " 0    ", "   0xc2")) != "");
  CHECK(rows_of(line("      0", "      0", "      0", " AX.25", " ......")) != "");
  const std::string port =
      "' is not a port from 0 to 65535, or an ICMP type and code like 3.10, "
      "up to 255 each";
  expect_refused(line("  65536", "  57358", "     10", " 6    ", " ...AP..."), "sp: '65536" + port);
  expect_refused(line("    443", " 99999999", "     10", " 6    ", " ...AP..."),
                 "dp: '99999999" + port);
  expect_refused(line("    443", " 999999999", "     10", " 6    ", " ...AP..."),
                 "dp: '999999999" + port);
  expect_refused(line("    443", "  3.256", "     10", " 6    ", " ...AP..."), "dp: '3.256" + port);
  expect_refused(line("    443", "  256.3", "     10", " 6    ", " ...AP..."), "dp: '256.3" + port);
  expect_refused(line("    443", "  57358", " 4294967296", " 6    ", " ...AP..."),
                 "out: '4294967296' is not an interface's number from 0 to 4294967295");
  expect_refused(line("    443", "  57358", "     10", " 256  ", " ...AP..."),
                 "pr: '256' is not a protocol's name, or its number from 0 to 255");
  expect_refused(line("    443", "  57358", "     10", " ...AP...", " 6    "),
                 "pr: '...AP...' is not a protocol's name");
  expect_refused(line("    443", "  57358", "     10", " 6    ", "     1024"),
                 "flg: '1024' is not TCP flags like ...AP..., 0x18 or 24");
  expect_refused(line("    443", "  57358", "     10", " 6    ", " TCP  "),
                 "flg: 'TCP' is not TCP flags");
}

TEST_CASE("rows behind a bad value keep theirs") {
  const std::string bad =
      "2023-01-25 18:35:43.884,       52.5.7.161,    443,    170.80.156.33,  70000,      930,      "
      " "
      " 9,     10, 300  , ...AP...\n";
  const Emitted all = decode(kUsual + bad + kUsual + bad + kUsual);
  CHECK(rows_of(all) == std::string(kFlow) + kFlow + kFlow);
}

TEST_CASE("options that nfdump's format does not have are refused where they stand") {
  const auto error = [](const std::string& option) {
    return Instance(find_plugin("csv"), "{format: nfdump, " + option + "}").error();
  };
  CHECK(error("delimiter: ';'") ==
        "1:29: delimiter: 'format: nfdump' reads what is separated by commas, as in nfdump's "
        "\"fmt:%ts, %sa, ...\"");
  CHECK(error("header: yes") == "1:26: header: 'format: nfdump' knows nfdump's headers by itself");
  CHECK(error("trim: true") == "1:24: trim: 'format: nfdump' always removes blanks");
  CHECK(error("columns: {a: text}") == "1:27: columns: 'format: nfdump' has its own");
}

TEST_CASE("where no line is a flow a warning says what nfdump is to be asked for") {
  Decoder decoder(find_plugin("nfdump"), "");
  decoder.decode("a;b\nc;d\n");
  decoder.end();
  CHECK(decoder.host().logs().back() ==
        "none of 2 lines is a flow as nfdump prints it: -o csv is always understood, and -o "
        "\"fmt:%ts, %sa, %sp, %da, %dp, %byt, %pkt, %out, %pr, %flg\" with -6 and -N");
  Decoder good(find_plugin("nfdump"), "");
  good.decode(std::string(kUsual) + "a;b\n");
  good.end();
  CHECK(good.host().logs() == std::vector<std::string>{"times without an offset are read in UTC"});
}

TEST_CASE("flows without flags are counted where someone reads these, and one warning says so") {
  const std::string nine =
      "2023-01-25 18:35:43.884,       52.5.7.161,    443,    170.80.156.33,  57358,      930,      "
      " "
      " 9,     10, 6    \n";
  Decoder decoder(find_plugin("nfdump"), "");
  decoder.decode(nine + nine);
  CHECK(decoder.host().metric("flows_without_flags") == 2);
  decoder.end();
  CHECK(decoder.host().logs().back() ==
        "2 flows were printed by nfdump without their TCP flags (%flg): what needs them, as SYN "
        "flows and scans do, sees nothing in these");
  Setup setup;
  setup.wanted = {"ts", "sa"};
  Decoder other(find_plugin("nfdump"), "", setup);
  other.decode(nine);
  other.end();
  CHECK(other.host().logs() == std::vector<std::string>{"times without an offset are read in UTC"});
}
