// SPDX-License-Identifier: Apache-2.0
#include "pipeline/diagnostics.h"

#include <catch2/catch.hpp>

#include "pipeline/suggest.h"

using namespace nek;

TEST_CASE("diagnostics are sorted by place, whatever order they come in, and none is said twice") {
  Diagnostics d("f.yaml", "one\ntwo\n");
  d.error({2, 1}, "second");
  d.warning({1, 3}, "first");
  d.error({2, 1}, "second");
  d.error({}, "whole");
  CHECK(d.error_count() == 2);
  CHECK(d.print() ==
        "f.yaml: whole\n"
        "f.yaml:1:3: warning: first\n"
        "    one\n"
        "      ^\n"
        "f.yaml:2:1: second\n"
        "    two\n"
        "    ^\n");
}

TEST_CASE("the caret stands below its character behind tabs and letters of several bytes") {
  Diagnostics d("f", "\tä: b\n");
  d.error({1, 6}, "here");
  CHECK(d.print() == "f:1:6: here\n    \tä: b\n    \t   ^\n");
}

TEST_CASE("colour is there only when asked for") {
  Diagnostics d("f", "a\n");
  d.error({1, 1}, "e");
  CHECK(d.print(true) == "f:1:1: \033[31me\033[0m\n    a\n    \033[31m^\033[0m\n");
}

TEST_CASE("a line that holds a secret is not shown") {
  Diagnostics d("f", "password: x\n");
  d.hide_line(1);
  d.error({1, 1}, "e");
  CHECK(d.print() == "f:1:1: e\n");
}

TEST_CASE("control characters never reach the terminal") {
  Diagnostics d("f", "a\033[2Jb\n");
  d.error({1, 1}, in_quotes("x\033\n\t\x7f"));
  CHECK(d.print() == "f:1:1: 'x\\x1b\\n\\t\\x7f'\n    a [2Jb\n    ^\n");
}

TEST_CASE("long values are cut between characters") {
  CHECK(in_quotes(std::string(59, 'a') + "ä" + "b") == "'" + std::string(59, 'a') + "…'");
}

TEST_CASE("the nearest name is the one with the fewest slips, if there are few") {
  CHECK(nearest("databse", {"path", "database", "data"}) == "database");
  CHECK(nearest("Hosts", {"hosts"}) == "hosts");
  CHECK(nearest("ohsts", {"hosts"}) == "hosts");
  CHECK(nearest("x", {"y", "id"}) == "");
  CHECK(nearest("nothing", {"path", "hosts"}) == "");
  CHECK(did_you_mean("x", {"a", "bc"}) == "; there are: a, bc");
  CHECK(did_you_mean("x", {}) == "");
}
