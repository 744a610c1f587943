// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <string>
#include <thread>

#include "../table.h"
#include "nek/testing.hpp"

namespace nek {
namespace {

// Standard output leads into a pipe while `f` runs; what came out.
template <class F>
std::string captured(F&& f) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const int before = dup(STDOUT_FILENO);
  dup2(ends[1], STDOUT_FILENO);
  close(ends[1]);
  std::string all;
  std::thread reader([&] {
    char bytes[4096];
    for (ssize_t got; (got = read(ends[0], bytes, sizeof bytes)) > 0;)
      all.append(bytes, static_cast<size_t>(got));
  });
  f();
  dup2(before, STDOUT_FILENO);
  close(before);
  reader.join();
  close(ends[0]);
  return all;
}

const std::string kTable =
    "{\"sa\": \"text\", \"dp\": \"uint64\", \"flg\": \"list\"}\n"
    "{\"sa\": \"1.2.3.4\", \"dp\": 445, \"flg\": [\"S\"]}\n"
    "{\"sa\": \"192.168.17.201\", \"dp\": 80, \"flg\": [\"S\", \"A\"]}\n"
    "{}\n";

TEST_CASE("it keeps the contract") {
  CHECK(testing::check_contract(testing::find_plugin("stdout")) == "");
  CHECK(testing::check_contract(testing::find_plugin("stdout"), "format: table\n") == "");
}

TEST_CASE("records are written as they are encoded") {
  testing::Output output(testing::find_plugin("stdout"), "");
  CHECK(captured([&] {
          output.write({kTable});
          output.write({kTable});
        }) ==
        "{\"sa\":\"1.2.3.4\",\"dp\":445,\"flg\":[\"S\"]}\n"
        "{\"sa\":\"192.168.17.201\",\"dp\":80,\"flg\":[\"S\",\"A\"]}\n"
        "{\"sa\":null,\"dp\":null,\"flg\":null}\n"
        "{\"sa\":\"1.2.3.4\",\"dp\":445,\"flg\":[\"S\"]}\n"
        "{\"sa\":\"192.168.17.201\",\"dp\":80,\"flg\":[\"S\",\"A\"]}\n"
        "{\"sa\":null,\"dp\":null,\"flg\":null}\n");
}

TEST_CASE("more than a pipe holds is written whole") {
  testing::Output output(testing::find_plugin("stdout"), "");
  const std::string text(300'000, 'x');
  CHECK(captured([&] { output.write({"{\"a\": \"text\"}\n{\"a\": \"" + text + "\"}\n"}); }) ==
        "{\"a\":\"" + text + "\"}\n");
}

TEST_CASE("a table has a heading and aligned columns, numbers to the right") {
  testing::Output output(testing::find_plugin("stdout"), "format: table\n");
  CHECK(captured([&] { output.write({kTable}); }) ==
        "sa                dp    flg\n"
        "1.2.3.4            445  S\n"
        "192.168.17.201      80  S,A\n"
        "-                 -     -\n");
}

TEST_CASE("when the reader goes away it fails with the reason") {
  signal(SIGPIPE, SIG_IGN);  // as nek does
  testing::Output output(testing::find_plugin("stdout"), "");
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const int before = dup(STDOUT_FILENO);
  dup2(ends[1], STDOUT_FILENO);
  close(ends[1]);
  close(ends[0]);
  const nek_status status = output.write({kTable});
  dup2(before, STDOUT_FILENO);
  close(before);
  CHECK(status == NEK_FAIL);
  CHECK(output.host().error() == "cannot write to standard output: Broken pipe");
}

std::string drawn(std::initializer_list<std::string_view> records) {
  Table table;
  std::string out;
  for (const std::string_view record : records) table.add(record, out);
  return out;
}

TEST_CASE("a table: records with other keys begin a new heading") {
  CHECK(drawn({"{\"a\":\"x\"}\n", "{\"b\":1}\n", "{\"b\":22222}\n"}) ==
        "a\nx\n\nb\n   1\n   22222\n");
}

TEST_CASE("a table: widths are of characters, and controls are shown as dots") {
  CHECK(drawn({R"({"n":"Zürich","c":"CH"})", R"({"n":"\u001b[31m\n\u009b","c":"x"})"}) ==
        "n         c\n"
        "Zürich    CH\n"
        ".[31m..   x\n");
}

TEST_CASE("a table: what is no object is passed on") {
  CHECK(drawn({"a,b\n", "{\"a\":{\"k\":[1]},\"t\":true}\n"}) ==
        "a,b\na             t\n{\"k\":[1]}     true\n");
}

}  // namespace
}  // namespace nek
