// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "nek/testing.hpp"

namespace nek {
namespace {

// Standard input is a pipe, as long as this lives.
class Pipe {
 public:
  Pipe() {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    before_ = dup(STDIN_FILENO);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    in_ = ends[1];
  }
  ~Pipe() {
    end();
    dup2(before_, STDIN_FILENO);
    close(before_);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void write(const std::string& bytes) {
    REQUIRE(::write(in_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  void end() {
    if (in_ >= 0) close(in_);
    in_ = -1;
  }

 private:
  int before_, in_ = -1;
};

const nek_plugin& plugin() { return testing::find_plugin("stdin"); }

std::string only(const std::map<std::string, std::string>& sources) {
  REQUIRE(sources.size() == 1);
  return sources.begin()->second;
}

TEST_CASE("it keeps the contract") { CHECK(testing::check_contract(plugin()) == ""); }

TEST_CASE("it reads to the end, by pieces of any size") {
  for (const uint32_t capacity : {1u, 7u, 1u << 20}) {
    Pipe pipe;
    pipe.write("{\"a\":1}\n{\"a\":2}\n{\"a\":");
    pipe.write("3}");
    pipe.end();
    testing::Input input(plugin(), "");
    CHECK(only(input.read_all(capacity)) == "{\"a\":1}\n{\"a\":2}\n{\"a\":3}");
    CHECK(input.read().status == NEK_END);
  }
}

TEST_CASE("an empty input is a source that ends") {
  Pipe pipe;
  pipe.end();
  testing::Input input(plugin(), "");
  CHECK(input.read_all().empty());
  REQUIRE(input.host().sources().size() == 1);
  CHECK(input.host().sources()[0].at_end);
}

TEST_CASE("the decoder gets the first line as the head, and positions count bytes") {
  Pipe pipe;
  testing::Input input(plugin(), "");
  pipe.write("sa,");
  CHECK(input.read(1 << 20, 0).segments.empty());
  CHECK(input.host().sources().empty());
  pipe.write("da\n1.2.3.4,");
  const auto first = input.read(1 << 20, 0);
  REQUIRE(input.host().sources().size() == 1);
  CHECK(input.host().sources()[0].head == "sa,da\n1.2.3.4,");
  CHECK(input.host().sources()[0].flags == NEK_ONCE);
  REQUIRE(first.segments.size() == 1);
  CHECK(first.segments[0].position == 0);
  CHECK(first.segments[0].bytes == "sa,da\n1.2.3.4,");
  pipe.write("5.6.7.8\n");
  const auto read = input.read(1 << 20, 0);
  REQUIRE(read.segments.size() == 1);
  CHECK(read.segments[0].position == 14);
  CHECK(read.segments[0].bytes == "5.6.7.8\n");
}

TEST_CASE("a first line that has no end when nek stops is lost, and the log says so") {
  Pipe pipe;
  testing::Input input(plugin(), "");
  pipe.write("sa,");
  CHECK(input.read(1 << 20, 0).segments.empty());
  input.end();
  REQUIRE(input.host().logs().size() == 1);
  CHECK(
      input.host().logs()[0].find("of standard input 3 bytes were read whose line has no end yet; "
                                  "they are lost") != std::string::npos);
}

TEST_CASE("what comes by stdin is a source of its own each time") {
  Pipe pipe;
  testing::Input first(plugin(), ""), second(plugin(), "");
  second.host().now++;
  pipe.end();
  first.read();
  second.read();
  CHECK(first.host().sources()[0].identity != second.host().sources()[0].identity);
}

TEST_CASE("with memory full nothing is taken") {
  Pipe pipe;
  pipe.write("x\n");
  testing::Input input(plugin(), "");
  CHECK(input.read(0, 0).segments.empty());
  pipe.end();
  CHECK(only(input.read_all()) == "x\n");
}

}  // namespace
}  // namespace nek
