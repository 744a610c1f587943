// SPDX-License-Identifier: Apache-2.0
#include "../path_pattern.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "nek/testing.hpp"

namespace nek {
namespace {

constexpr int64_t kTime = 1'402'360'682'007;  // 2014-06-10 00:38:02.007 UTC

PathPattern parse(const std::string& text) {
  auto pattern = PathPattern::parse(text);
  REQUIRE(pattern.ok());
  return *pattern;
}

TEST_CASE("a pattern: the path of a time") {
  CHECK(parse("out/%Y%m%d/%H-%M-%S.ndjson").expand(kTime) == "out/20140610/00-38-02.ndjson");
  CHECK(parse("%F/%j.%%").expand(kTime) == "2014-06-10/161.%");
  CHECK(parse("plain").expand(kTime) == "plain");
}

TEST_CASE("a pattern: times that share a path") {
  const auto period = [](const std::string& text) {
    const auto p = parse(text).period_of(kTime);
    return std::pair(p.begin, p.end);
  };
  // Begin and end as date(1) gives them.
  CHECK(period("%S") == std::pair<int64_t, int64_t>(1402360682000, 1402360683000));
  CHECK(period("%M") == std::pair<int64_t, int64_t>(1402360680000, 1402360740000));
  CHECK(period("%H") == std::pair<int64_t, int64_t>(1402358400000, 1402362000000));
  CHECK(period("%Y/%d") == std::pair<int64_t, int64_t>(1402358400000, 1402444800000));
  CHECK(period("%Y-%m") == std::pair<int64_t, int64_t>(1401580800000, 1404172800000));
  CHECK(period("%Y") == std::pair<int64_t, int64_t>(1388534400000, 1420070400000));
  CHECK(period("plain") == std::pair<int64_t, int64_t>(INT64_MIN, INT64_MAX));
}

TEST_CASE("a pattern: a time of no year goes to the first or the last") {
  CHECK(parse("%F").expand(INT64_MAX) == "9999-12-31");
  CHECK(parse("%F").expand(INT64_MIN) == "0000-01-01");
  CHECK(parse("%Y").period_of(INT64_MAX).begin == 253370764800000);
}

TEST_CASE("a pattern: a number stands in front of the extension") {
  CHECK(PathPattern::numbered("out.d/flows.ndjson.gz", 2) == "out.d/flows.2.ndjson.gz");
  CHECK(PathPattern::numbered("flows", 3) == "flows.3");
  CHECK(PathPattern::numbered(".flows", 3) == ".flows.3");
  CHECK(PathPattern::numbered("flows.ndjson", 0) == "flows.ndjson");
  CHECK(PathPattern::number_of("flows.2.ndjson.gz", "out/flows.ndjson.gz") == 2);
  CHECK(PathPattern::number_of("flows.ndjson.gz", "out/flows.ndjson.gz") == 0);
  CHECK(PathPattern::number_of("flows.2.ndjson", "out/flows.ndjson.gz") == -1);
  CHECK(PathPattern::number_of("flows.0.ndjson", "flows.ndjson") == -1);
  CHECK(PathPattern::number_of("flows.x.ndjson", "flows.ndjson") == -1);
}

TEST_CASE("a pattern finds the files that it could have made, and no others") {
  const testing::Folder folder;
  for (const char* name :
       {"2014/06/a-10.ndjson", "2014/06/a-10.3.ndjson", "2015/12/a-01.ndjson", "2014/06/a-1.ndjson",
        "2014/06/a-100.ndjson", "2014/06/b-10.ndjson", "20x4/06/a-10.ndjson",
        "2014/06/a-10.ndjson.part", "2014/06/a-10.x.ndjson", "2014/a-10.ndjson"})
    folder.file(name, "");
  std::vector<std::string> found = parse(folder.path("%Y/%m/a-%d.ndjson")).find();
  std::sort(found.begin(), found.end());
  CHECK(found == std::vector<std::string>{folder.path("2014/06/a-10.3.ndjson"),
                                          folder.path("2014/06/a-10.ndjson"),
                                          folder.path("2015/12/a-01.ndjson")});
  CHECK(parse(folder.path("none/%Y")).find().empty());
}

}  // namespace
}  // namespace nek
