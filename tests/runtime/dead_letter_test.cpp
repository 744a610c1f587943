// SPDX-License-Identifier: Apache-2.0
#include "runtime/dead_letter.h"

#include <catch2/catch.hpp>

#include "memory_env.h"

namespace nek::test {
namespace {

constexpr const char* kPath = "data/dead-letters.ndjson";
constexpr const char* kFirst = "data/dead-letters-000001.ndjson";
constexpr const char* kSecond = "data/dead-letters-000002.ndjson";

DeadLetterState of_length(uint64_t length) {
  DeadLetterState state;
  state.segments = {{1, 0, length, kUnknownLetters}};
  return state;
}

TEST_CASE("a dead letter joins the file when the snapshot of its epoch is complete, not before") {
  MemoryEnv env;
  DeadLetters letters(env, kPath, {});
  REQUIRE(letters.restore({}).ok());
  REQUIRE(letters.add(0, "first").ok());
  REQUIRE(letters.add(1, "after the marker").ok());
  CHECK(env.content(kPath).empty());
  const auto length = letters.commit(0);
  REQUIRE(length.ok());
  CHECK(length->segments.back().end == 6);
  letters.forget(0);
  CHECK(env.content(kPath) == "first\n");
  CHECK(letters.commit(1)->segments.back().end == 23);
  CHECK(env.content(kPath) == "first\nafter the marker\n");
}

TEST_CASE("after a crash the dead letters are cut to what the last snapshot recorded") {
  MemoryEnv env;
  {
    DeadLetters letters(env, kPath, {});
    REQUIRE(letters.restore({}).ok());
    REQUIRE(letters.add(0, "recorded").ok());
    REQUIRE(letters.commit(0).ok());
    letters.forget(0);
    REQUIRE(letters.add(1, "copied, but the snapshot was never renamed into place").ok());
    REQUIRE(letters.commit(1).ok());
  }
  DeadLetters letters(env, kPath, {});
  REQUIRE(letters.restore(of_length(9)).ok());
  CHECK(env.content(kPath) == "recorded\n");
}

TEST_CASE("dead letters of a snapshot that failed are written once, with the next one") {
  MemoryEnv env;
  DeadLetters letters(env, kPath, {});
  REQUIRE(letters.restore({}).ok());
  REQUIRE(letters.add(0, "one").ok());
  env.fail_appends(1);
  CHECK(!letters.commit(0).ok());
  letters.postpone(0);
  REQUIRE(letters.add(1, "two").ok());
  REQUIRE(letters.commit(1).ok());
  letters.forget(1);
  CHECK(env.content(kPath) == "one\ntwo\n");
}

TEST_CASE(
    "more dead letters than memory should hold wait aside in files, through failed snapshots too") {
  MemoryEnv env;
  DeadLetters letters(env, kPath, {});
  REQUIRE(letters.restore({}).ok());
  const std::string line(100'000, 'x');
  for (uint64_t epoch = 0; epoch < 4; epoch++) {
    for (int i = 0; i < 25; i++) REQUIRE(letters.add(epoch, line).ok());
    if (epoch < 3) letters.postpone(epoch);
  }
  CHECK(letters.commit(3)->segments.back().end == 100u * 100'001);
  letters.forget(3);
  CHECK(env.content(kPath).size() == 100u * 100'001);
  CHECK(!env.exists(std::string(kPath) + ".0"));
  CHECK(!env.exists(std::string(kPath) + ".1"));
}

TEST_CASE("a dead-letter file that is shorter than recorded is an error that says what to do") {
  MemoryEnv env;
  const Status status = DeadLetters(env, kPath, {}).restore(of_length(10));
  CHECK(status.message() ==
        "data/dead-letters.ndjson is shorter than the last snapshot recorded: 0 of 10 bytes; start "
        "with "
        "--from-start, or put the file back");
}

}  // namespace
}  // namespace nek::test
