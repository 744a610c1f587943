// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "nek/testing.hpp"

using nek::testing::check_contract;
using nek::testing::Decoder;
using nek::testing::Feed;
using nek::testing::find_plugin;
using nek::testing::Instance;
using nek::testing::Setup;

namespace {

std::string rows(const char* options, std::string_view bytes) {
  return Decoder(find_plugin("csv"), options).rows(bytes);
}
std::string refused(const char* options, std::string_view bytes) {
  return Decoder(find_plugin("csv"), options).decode(bytes).refused;
}
std::string error(const char* options) { return Instance(find_plugin("csv"), options).error(); }

}  // namespace

TEST_CASE("the decoders keep the contract of plugins") {
  CHECK(check_contract(find_plugin("csv")) == "");
  CHECK(check_contract(find_plugin("csv"), "format: nfdump") == "");
  CHECK(check_contract(find_plugin("csv"), "columns: {a: text, b: uint64}") == "");
  CHECK(check_contract(find_plugin("nfdump"), "icmp: true") == "");
}

TEST_CASE("golden cases") {
  CHECK(nek::testing::run_golden(find_plugin("csv"), "tests/testdata") == "");
}

TEST_CASE("columns that are given are found in a header by their name, in their own order") {
  CHECK(rows("columns: {b: uint64, a: text}", "a,x,b\nfoo,0,7\n") ==
        "{\"b\":\"uint64\",\"a\":\"text\"}\n{\"b\":7,\"a\":\"foo\"}\n");
}

TEST_CASE("columns that are given are those of a file without a header, in order") {
  CHECK(rows("columns: {b: uint64, a: text}", "7,foo\n") ==
        "{\"b\":\"uint64\",\"a\":\"text\"}\n{\"b\":7,\"a\":\"foo\"}\n");
}

TEST_CASE("with 'header: no' a first line that looks like a header is a row") {
  CHECK(rows("{columns: {a: text, b: text}, header: no}", "a,b\n1,2\n") ==
        "{\"a\":\"text\",\"b\":\"text\"}\n{\"a\":\"a\",\"b\":\"b\"}\n{\"a\":\"1\",\"b\":\"2\"}\n");
}

TEST_CASE("with 'header: yes' a header without a given column makes dead letters of its rows") {
  CHECK(refused("{columns: {a: text, b: text}, header: yes}", "a,c\n1,2\n") ==
        "{\"raw\":\"1,2\",\"reason\":\"header\",\"detail\":\"the header has no column 'b'\"}\n");
}

TEST_CASE("a header with one name twice makes dead letters of its rows") {
  CHECK(refused("", "a,a\n1,2\n") ==
        "{\"raw\":\"1,2\",\"reason\":\"header\",\"detail\":\"the header has column 'a' twice\"}\n");
}

TEST_CASE("a header that is no text in UTF-8 is told with what to do") {
  const auto why = [](const std::string& bytes) {
    Decoder decoder(find_plugin("csv"), "");
    decoder.decode(bytes);
    return decoder.host().logs().at(0);
  };
  CHECK(why("caf\xe9,b\n1,2\n") ==
        "the header is not UTF-8; 'iconv -f ISO-8859-1 -t UTF-8' makes that of Latin-1");
  CHECK(why("a,b\r1,2\r3,4\r") ==
        "the header has a carriage return in it: lines must end with a line feed, or both");
  CHECK(why("a,,b\n1,2,3\n") == "the header has a column without a name");
}

TEST_CASE("the header is known where reading resumes in the middle") {
  Feed feed;
  feed.position = 8;
  feed.head = "a,b\n1,2\n3,4\n";
  CHECK(Decoder(find_plugin("csv"), "").rows("3,4\n", feed) ==
        "{\"a\":\"text\",\"b\":\"text\"}\n{\"a\":\"3\",\"b\":\"4\"}\n");
}

TEST_CASE("a header after empty lines is no row, also where these came by themselves") {
  Feed feed;
  feed.chunk = 1;
  CHECK(Decoder(find_plugin("csv"), "").rows("\n\na,b\n1,2\n", feed) ==
        "{\"a\":\"text\",\"b\":\"text\"}\n{\"a\":\"1\",\"b\":\"2\"}\n");
}

TEST_CASE("a message has no header of its own") {
  Feed feed;
  feed.messages = true;
  feed.head = "";
  CHECK(Decoder(find_plugin("csv"), "columns: {a: text}").rows("a\nb\n", feed) ==
        "{\"a\":\"text\"}\n{\"a\":\"a\"}\n{\"a\":\"b\"}\n");
}

TEST_CASE("a quoted name may follow a byte order mark, wherever the bytes are cut") {
  Feed feed;
  feed.chunk = 1;
  CHECK(Decoder(find_plugin("csv"), "").rows("\xEF\xBB\xBF\"a b\",c\n1,2\n", feed) ==
        "{\"a b\":\"text\",\"c\":\"text\"}\n{\"a b\":\"1\",\"c\":\"2\"}\n");
}

TEST_CASE("a byte order mark is no part of the first name") {
  CHECK(rows("",
             "\xEF\xBB\xBF"
             "a,b\n1,2\n") == "{\"a\":\"text\",\"b\":\"text\"}\n{\"a\":\"1\",\"b\":\"2\"}\n");
}

TEST_CASE("columns that nobody reads are left out, and their values are not looked at") {
  Setup setup;
  setup.wanted = {"b"};
  CHECK(Decoder(find_plugin("csv"), "columns: {a: uint64, b: uint64}", setup).rows("x,7\n") ==
        "{\"b\":\"uint64\"}\n{\"b\":7}\n");
  CHECK(Decoder(find_plugin("csv"), "", setup).rows("a,b,c\n1,2,3\n") ==
        "{\"b\":\"text\"}\n{\"b\":\"2\"}\n");
}

TEST_CASE("rows of which nobody reads a column are rows all the same") {
  Setup setup;
  setup.wanted = std::vector<std::string>();
  CHECK(Decoder(find_plugin("csv"), "columns: {a: uint64}", setup).rows("1\n2\n") ==
        "{}\n{}\n{}\n");
}

TEST_CASE("a dictionary keeps its codes while values are added from chunk to chunk") {
  Decoder decoder(find_plugin("csv"), "columns: {a: dict}");
  CHECK(decoder.rows("x\ny\nx\n") ==
        "{\"a\":\"dict_text\"}\n{\"a\":\"x\"}\n{\"a\":\"y\"}\n{\"a\":\"x\"}\n");
  CHECK(decoder.rows("a longer text\ny\n\"z\"\n") ==
        "{\"a\":\"dict_text\"}\n{\"a\":\"a longer text\"}\n{\"a\":\"y\"}\n{\"a\":\"z\"}\n");
}

TEST_CASE(
    "dictionary fields are the same whatever blanks are around them, where these do not count") {
  const std::string rows =
      "x\n x\nx  \n          x          \n\"x\"\n   \n"
      "sixteen letters!\n   a text of more than sixteen letters  \n x\n";
  CHECK(Decoder(find_plugin("csv"), "columns: {a: dict}\ntrim: true").rows(rows) ==
        "{\"a\":\"dict_text\"}\n{\"a\":\"x\"}\n{\"a\":\"x\"}\n{\"a\":\"x\"}\n{\"a\":\"x\"}\n"
        "{\"a\":\"x\"}\n{\"a\":null}\n{\"a\":\"sixteen letters!\"}\n"
        "{\"a\":\"a text of more than sixteen letters\"}\n{\"a\":\"x\"}\n");
  CHECK(Decoder(find_plugin("csv"), "columns: {a: dict}").rows("x\n x\nx \n  \n x\n") ==
        "{\"a\":\"dict_text\"}\n{\"a\":\"x\"}\n{\"a\":\" x\"}\n{\"a\":\"x \"}\n{\"a\":\"  \"}\n"
        "{\"a\":\" x\"}\n");
}

TEST_CASE("a dictionary of very many values is begun anew") {
  Decoder decoder(find_plugin("csv"), "columns: {a: dict}");
  std::string many;
  for (int i = 0; i < 70000; i++) many += std::to_string(i) + "\n";
  const std::string all = decoder.rows(many);
  CHECK(all.ends_with("{\"a\":\"69999\"}\n"));
  CHECK(decoder.rows("7\nx\n") == "{\"a\":\"dict_text\"}\n{\"a\":\"7\"}\n{\"a\":\"x\"}\n");
}

TEST_CASE("text that is not UTF-8 is a dead letter, the rows beside it are not") {
  const auto all =
      Decoder(find_plugin("csv"), "columns: {a: text, b: dict}").decode("x,y\n\xff,y\nx,\xfe\n");
  CHECK(all.streams[0] == "{\"a\":\"text\",\"b\":\"dict_text\"}\n{\"a\":\"x\",\"b\":\"y\"}\n");
  CHECK(all.raw == std::vector<std::string>{"x,y"});
  CHECK(all.refused ==
        "{\"raw\":\"\xff,y\",\"reason\":\"value\",\"detail\":\"a: '?' is not UTF-8\"}\n"
        "{\"raw\":\"x,\xfe\",\"reason\":\"value\",\"detail\":\"b: '?' is not UTF-8\"}\n");
}

TEST_CASE("times without an offset are of the time zone that is given") {
  CHECK(rows("{columns: {t: time}, timezone: America/Sao_Paulo}",
             "2023-01-25 15:35:43.884\n2023-01-25T15:35:43Z\n2023-01-25T15:35:43+02:00\n") ==
        "{\"t\":\"time\"}\n{\"t\":\"2023-01-25T18:35:43.884Z\"}\n{\"t\":\"2023-01-25T15:35:43."
        "000Z\"}\n"
        "{\"t\":\"2023-01-25T13:35:43.000Z\"}\n");
}

TEST_CASE("seconds since 1970 may have a fraction, what is below a millisecond is cut off") {
  CHECK(rows("columns: {t: epoch_s}",
             "1591367999\n1591367999.305\n1591367999.305988\n1591367999.9999\n 0.1 \n-1.5\n"
             "-0.0019\n") ==
        "{\"t\":\"time\"}\n"
        "{\"t\":\"2020-06-05T14:39:59.000Z\"}\n"
        "{\"t\":\"2020-06-05T14:39:59.305Z\"}\n"
        "{\"t\":\"2020-06-05T14:39:59.305Z\"}\n"
        "{\"t\":\"2020-06-05T14:39:59.999Z\"}\n"
        "{\"t\":\"1970-01-01T00:00:00.100Z\"}\n"
        "{\"t\":\"1969-12-31T23:59:58.500Z\"}\n"
        "{\"t\":\"1969-12-31T23:59:59.999Z\"}\n");
  CHECK(refused("columns: {t: epoch_s}", "1.\nnow\n") ==
        "{\"raw\":\"1.\",\"reason\":\"value\",\"detail\":\"t: '1.' is not seconds since 1970, like "
        "1591367999 or 1591367999.305\"}\n"
        "{\"raw\":\"now\",\"reason\":\"value\",\"detail\":\"t: 'now' is not seconds since 1970, "
        "like 1591367999 or 1591367999.305\"}\n");
}

TEST_CASE("of an hour that comes twice the first is taken, and counted") {
  Decoder decoder(find_plugin("csv"), "{columns: {t: time}, timezone: Europe/Zurich}");
  CHECK(decoder.rows("2023-10-29 01:59:59\n2023-10-29 02:30:00\n2023-10-29 03:00:00\n") ==
        "{\"t\":\"time\"}\n{\"t\":\"2023-10-28T23:59:59.000Z\"}\n{\"t\":\"2023-10-29T00:30:00."
        "000Z\"}\n"
        "{\"t\":\"2023-10-29T02:00:00.000Z\"}\n");
  CHECK(decoder.host().metric("ambiguous_times") == 1);
  decoder.end();
  CHECK(decoder.host().logs() ==
        std::vector<std::string>{
            "times without an offset are read in Europe/Zurich",
            "1 times are of an hour that comes twice in Europe/Zurich: the first was taken"});
}

TEST_CASE("options that make no sense together are explained at their place") {
  CHECK(error("header: no") == "1:9: header: without one, 'columns' must be given");
  CHECK(error("{format: nfdump, columns: {a: text}}") ==
        "1:27: columns: 'format: nfdump' has its own");
  CHECK(error("icmp: true") == "1:7: icmp: only with 'format: nfdump'");
  CHECK(error("delimiter: ab") == "1:12: delimiter: must be one ASCII character, no quote");
  CHECK(error("delimiter: '\"'") == "1:12: delimiter: must be one ASCII character, no quote");
  CHECK(error("columns: {a: number}") ==
        "1:14: columns: 'a' has the unknown type 'number'; there are text, dict, int64, uint64, "
        "double, "
        "bool, time, epoch_s and epoch_ms");
  CHECK(error("timezone: Europe/Zurihc") ==
        "1:11: timezone: no time zone 'Europe/Zurihc' in /usr/share/zoneinfo/; it should be like "
        "UTC or "
        "Europe/Zurich");
}
