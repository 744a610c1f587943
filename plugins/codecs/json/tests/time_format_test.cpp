// SPDX-License-Identifier: Apache-2.0
// What is expected was printed by date(1) of GNU coreutils 9.1, unless a test says otherwise.
#include "time_format.h"

#include <catch2/catch.hpp>
#include <string>

namespace nek {
namespace {

std::string write(const TimeFormat& format, int64_t ms, TimeFormat::Cache& cache) {
  std::string out(format.max_size(), '\0');
  out.resize(static_cast<size_t>(format.write(out.data(), ms, cache) - out.data()));
  return out;
}
std::string write(std::string_view format, int64_t ms, const char* zone = nullptr) {
  auto compiled =
      zone ? TimeFormat::compile(format, *TimeZone::load(zone)) : TimeFormat::compile(format);
  REQUIRE(compiled.ok());
  TimeFormat::Cache cache;
  return write(*compiled, ms, cache);
}

TEST_CASE("times: every conversion") {
  const auto all = [](int64_t second) {
    return write("%Y-%m-%d %H:%M:%S|%y %e %j %I %p %a %A %b %B %F %T %R %s %z %%", second * 1000);
  };
  CHECK(all(0) ==
        "1970-01-01 00:00:00|70  1 001 12 AM Thu Thursday Jan January 1970-01-01 00:00:00 00:00 0 "
        "+0000 %");
  CHECK(all(1402360682) ==
        "2014-06-10 00:38:02|14 10 161 12 AM Tue Tuesday Jun June 2014-06-10 00:38:02 00:38 "
        "1402360682 +0000 %");
  CHECK(all(951782399) ==
        "2000-02-28 23:59:59|00 28 059 11 PM Mon Monday Feb February 2000-02-28 23:59:59 23:59 "
        "951782399 +0000 %");
  CHECK(all(951782400) ==
        "2000-02-29 00:00:00|00 29 060 12 AM Tue Tuesday Feb February 2000-02-29 00:00:00 00:00 "
        "951782400 +0000 %");
  CHECK(all(4102444799) ==
        "2099-12-31 23:59:59|99 31 365 11 PM Thu Thursday Dec December 2099-12-31 23:59:59 23:59 "
        "4102444799 +0000 %");
  CHECK(all(-1) ==
        "1969-12-31 23:59:59|69 31 365 11 PM Wed Wednesday Dec December 1969-12-31 23:59:59 23:59 "
        "-1 +0000 %");
  CHECK(all(-62135596800) ==
        "0001-01-01 00:00:00|01  1 001 12 AM Mon Monday Jan January 0001-01-01 00:00:00 00:00 "
        "-62135596800 +0000 %");
  CHECK(all(253402300799) ==
        "9999-12-31 23:59:59|99 31 365 11 PM Fri Friday Dec December 9999-12-31 23:59:59 23:59 "
        "253402300799 +0000 %");
}

TEST_CASE("times: milliseconds, before 1970 too") {
  CHECK(write("rfc3339", 1402360682007) == "2014-06-10T00:38:02.007Z");
  CHECK(write("rfc3339", -1) == "1969-12-31T23:59:59.999Z");
  CHECK(write("%L of %T", 1402360682007) == "007 of 00:38:02");
  CHECK(write("epoch_millis", -1) == "-1");
}

TEST_CASE("times: the farthest ones do not overflow") {
  CHECK(write("rfc3339", INT64_MAX) == "292278994-08-17T07:12:55.807Z");
  CHECK(write("rfc3339", INT64_MIN) == "-292275055-05-16T16:47:04.192Z");
}

TEST_CASE("times: a zone has its offset of the day") {
  CHECK(write("%F %T %z", 1402360682000, "Europe/Zurich") == "2014-06-10 02:38:02 +0200");
  CHECK(write("rfc3339", 1392360682000, "Europe/Zurich") == "2014-02-14T07:51:22.000+01:00");
  CHECK(write("%F %T %z %s", 1402360682000, "America/St_Johns") ==
        "2014-06-09 22:08:02 -0230 1402360682");
}

TEST_CASE("times: the kept second is not taken for another one") {
  const auto format = TimeFormat::compile("%T.%L %z", *TimeZone::load("Europe/Zurich"));
  TimeFormat::Cache cache;
  CHECK(write(*format, 1414285199999, cache) == "02:59:59.999 +0200");
  CHECK(write(*format, 1414285199000, cache) == "02:59:59.000 +0200");
  CHECK(write(*format, 1414285200000, cache) == "02:00:00.000 +0100");  // an hour comes twice
  CHECK(write(*format, 0, cache) == "01:00:00.000 +0100");
}

TEST_CASE("times: those that go back and forth are as those that do not") {
  const auto format = TimeFormat::compile("%T.%L");
  TimeFormat::Cache cache;
  for (int i = 0; i < 3; i++) {
    CHECK(write(*format, 1402360682007, cache) == "00:38:02.007");
    CHECK(write(*format, 1402360681999, cache) == "00:38:01.999");
    CHECK(write(*format, 1402360682007 + 128000, cache) == "00:40:10.007");  // in its place
    CHECK(write(*format, 1402360682007 - 128000, cache) == "00:35:54.007");
    CHECK(write(*format, -1, cache) == "23:59:59.999");
  }
}

}  // namespace
}  // namespace nek
