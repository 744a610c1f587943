// SPDX-License-Identifier: Apache-2.0
#include "time_zone.h"

#include <catch2/catch.hpp>

using nek::TimeZone;

namespace {

int64_t utc(const char* zone, int64_t local) {
  const auto loaded = TimeZone::load(zone);
  REQUIRE(loaded.ok());
  return local - loaded->of_local(local).offset_ms;
}
constexpr int64_t kHour = 3'600'000;

}  // namespace

// Expected values by `date -u -d 'TZ="Europe/Zurich" 2023-07-01 12:00' +%s`.
TEST_CASE("local times are converted by the rules of their year") {
  CHECK(utc("UTC", 1688212800000) == 1688212800000);
  CHECK(utc("Europe/Zurich", 1688212800000) == 1688212800000 - 2 * kHour);  // 2023-07-01 12:00
  CHECK(utc("Europe/Zurich", 1672574400000) == 1672574400000 - kHour);      // 2023-01-01 12:00
  CHECK(utc("America/Sao_Paulo", 1674660943884) == 1674671743884);  // no summer time in 2023
  CHECK(utc("America/Sao_Paulo", 1516903543000) == 1516903543000 + 2 * kHour);  // but in 2018
  CHECK(utc("Asia/Kathmandu", 1688212800000) == 1688212800000 - 5 * kHour - 45 * 60'000);
}

TEST_CASE("the rules go on where the zone file's list of changes ends") {
  CHECK(utc("Europe/Zurich", 2540376000000) == 2540376000000 - 2 * kHour);  // 2050-07-02 12:00
  CHECK(utc("Europe/Zurich", 2525860800000) == 2525860800000 - kHour);      // 2050-01-15 12:00
  CHECK(utc("America/New_York", 2540376000000) == 2540376000000 + 4 * kHour);
  CHECK(utc("Australia/Sydney", 2525860800000) == 2525860800000 - 11 * kHour);
}

TEST_CASE("of an hour that comes twice the first is taken, a missing hour counts on") {
  const auto zone = TimeZone::load("Europe/Zurich");
  const int64_t twice = 1698546600000;  // 2023-10-29 02:30
  CHECK(zone->of_local(twice).offset_ms == 2 * kHour);
  CHECK(twice >= zone->of_local(twice).twice_from_ms);
  CHECK(twice - kHour < zone->of_local(twice - kHour).twice_from_ms);
  CHECK(zone->of_local(twice + kHour).offset_ms == kHour);
  const int64_t missing = 1679797800000;  // 2023-03-26 02:30, is 03:30
  CHECK(zone->of_local(missing).offset_ms == kHour);
}

TEST_CASE("UTC is converted to local time") {
  const auto zone = TimeZone::load("Europe/Zurich");
  CHECK(zone->of_utc(1688205600000).offset_ms == 2 * kHour);
  CHECK(zone->of_utc(1698541199999).offset_ms == 2 * kHour);  // the last ms of summer time 2023
  CHECK(zone->of_utc(1698541200000).offset_ms == kHour);
  CHECK(zone->of_utc(-99'999'999'999'999).holds(-99'999'999'999'999));
}

TEST_CASE("names that are no zones are refused, whatever files they lead to") {
  for (const auto* name : {"", "Nowhere", "../../../etc/passwd", "Europe", "zone.tab"}) {
    CHECK_FALSE(TimeZone::load(name).ok());
  }
}
