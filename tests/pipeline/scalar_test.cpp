// SPDX-License-Identifier: Apache-2.0
#include "pipeline/scalar.h"

#include <catch2/catch.hpp>

using namespace nek;

TEST_CASE("durations are whole milliseconds in one unit") {
  CHECK(parse_duration("200ms") == 200);
  CHECK(parse_duration("5s") == 5'000);
  CHECK(parse_duration("10m") == 600'000);
  CHECK(parse_duration("2h") == 7'200'000);
  CHECK(parse_duration("14d") == 1'209'600'000);
  CHECK(parse_duration("0.1s") == 100);
  CHECK(parse_duration("0") == 0);
  for (const char* wrong :
       {"", "5", "s", "5 s", "5S", "-1s", "0.5ms", "1s2", "infs", "1e3s", "99999999999999d"})
    CHECK_FALSE(parse_duration(wrong));
}

TEST_CASE("sizes are bytes, powers of 1024 with an i and of 1000 without") {
  CHECK(parse_bytes("4096") == 4096);
  CHECK(parse_bytes("1B") == 1);
  CHECK(parse_bytes("64KiB") == 65'536);
  CHECK(parse_bytes("1kB") == 1'000);
  CHECK(parse_bytes("1KB") == 1'000);
  CHECK(parse_bytes("1MiB") == 1'048'576);
  CHECK(parse_bytes("4GB") == 4'000'000'000);
  CHECK(parse_bytes("1TiB") == 1'099'511'627'776);
  for (const char* wrong : {"", "K", "64K", "64kb", "1.5", "-1", "1 MiB", "nan", "100000TiB"})
    CHECK_FALSE(parse_bytes(wrong));
}

TEST_CASE("integers and reals are all of the text") {
  CHECK(parse_integer("-7") == -7);
  CHECK(parse_integer("+7") == 7);
  CHECK(parse_integer("9223372036854775807") == INT64_MAX);
  for (const char* wrong : {"", "+", "9223372036854775808", "0x10", "1_000", "1 "})
    CHECK_FALSE(parse_integer(wrong));
  CHECK(parse_real("-1.5e3") == -1500.0);
  for (const char* wrong : {"", "inf", "nan", "1,5"}) CHECK_FALSE(parse_real(wrong));
}

TEST_CASE("what is printed is the largest unit that fits, and reads back the same") {
  CHECK(format_duration(200) == "200ms");
  CHECK(format_duration(90'000) == "90s");
  CHECK(format_duration(86'400'000) == "1d");
  CHECK(format_duration(0) == "0ms");
  CHECK(format_bytes(65'536) == "64KiB");
  CHECK(format_bytes(1'000'000) == "1000000");
  CHECK(format_bytes(0) == "0");
  CHECK(format_real(0.1) == "0.1");
}
