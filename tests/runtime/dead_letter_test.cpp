// SPDX-License-Identifier: Apache-2.0
#include "runtime/dead_letter.h"

#include <catch2/catch.hpp>

#include "memory_env.h"
#include "runtime/letter.h"

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

// The example of docs/state-format.md, whose state is of version 1.
TEST_CASE("a dead letter of the first nek that wrote them is read, and its file counted") {
  const std::string line =
      R"({"time_ms":1795564837715,"component":"csv","reason":"columns","detail":"has 1 fields, )"
      R"(not 2","source":"in.csv b60aace2fe84ebefd2d3bae47276362d","identity":)"
      R"("b60aace2fe84ebefd2d3bae47276362d","position":8,"line":3,"id":)"
      R"("d2609e5b5167fde6b6ce972a8b6a61e3","raw":"3"})";
  const auto letter = parse_letter(line);
  REQUIRE(letter);
  CHECK(letter->component == "csv");
  CHECK(letter->input == "csv");
  CHECK(letter->position == 8);
  CHECK(letter->bytes == "3");
  MemoryEnv env;
  REQUIRE((*env.open(kPath))->append(line + "\n").ok());
  DeadLetters letters(env, kPath, {});
  REQUIRE(letters.restore(of_length(line.size() + 1)).ok());
  CHECK(letters.committed().letters() == 1);
}

TEST_CASE("dead letters wait in memory while there is no room for them, and are there once") {
  MemoryEnv env;
  DeadLetters letters(env, kPath, {});
  REQUIRE(letters.restore({}).ok());
  const std::string line(99'999, 'x');
  env.set_capacity(250'000);  // part of what is put aside first
  for (int i = 0; i < 40; i++) REQUIRE(letters.add(0, line).ok());
  CHECK(!letters.commit(0).ok());
  letters.postpone(0);
  env.set_capacity(UINT64_MAX);
  for (int i = 0; i < 20; i++) REQUIRE(letters.add(1, line).ok());
  const auto state = letters.commit(1);
  REQUIRE(state.ok());
  CHECK(state->segments.back().end == 6'000'000);
  CHECK(state->segments.back().letters == 60);
  std::string all;
  for (int i = 0; i < 60; i++) all += line + "\n";
  CHECK(env.content(kPath) == all);
}

TEST_CASE("dead letters that find no room for long end the pipeline before they take all memory") {
  MemoryEnv env;
  DeadLetters letters(env, kPath, {});
  REQUIRE(letters.restore({}).ok());
  const std::string line(999'999, 'x');
  env.set_capacity(0);
  int kept = 0;
  Status status;
  for (; kept < 1000 && status.ok(); kept++) status = letters.add(0, line);
  CHECK(kept >= 60);
  CHECK(kept <= 70);
  CHECK(status.message().ends_with("No space left on device"));
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

// A line that takes 100 bytes.
std::string line_of(char letter) { return std::string(99, letter); }

// What one snapshot has, in a store with room for 16 lines, a file of which holds one.
DeadLetterState commit_line(DeadLetters& letters, uint64_t epoch, char letter) {
  REQUIRE(letters.add(epoch, line_of(letter)).ok());
  const auto state = letters.commit(epoch);
  REQUIRE(state.ok());
  letters.forget(epoch);
  return *state;
}

TEST_CASE(
    "a file of dead letters that has grown is put aside, and taken back when the snapshot "
    "that knows of it is not the last complete one") {
  MemoryEnv env;
  DeadLetterState before;
  {
    DeadLetters letters(env, kPath, {1600, false});
    REQUIRE(letters.restore({}).ok());
    before = commit_line(letters, 0, 'a');
    CHECK(env.content(kFirst) == line_of('a') + "\n");
    CHECK(!env.exists(kPath));
    REQUIRE(letters.add(1, "lost").ok());
    REQUIRE(letters.commit(1).ok());
    CHECK(env.content(kPath) == "lost\n");
  }
  CHECK(before.segments.size() == 1);
  DeadLetters letters(env, kPath, {32000, false});
  REQUIRE(letters.restore(before).ok());
  CHECK(env.content(kPath) == line_of('a') + "\n");
  CHECK(!env.exists(kFirst));
}

TEST_CASE("a dead letter that has no room is refused, and what is there stays") {
  MemoryEnv env;
  DeadLetters letters(env, kPath, {250, false});
  REQUIRE(letters.restore({}).ok());
  commit_line(letters, 0, 'a');
  REQUIRE(letters.add(1, line_of('b')).ok());
  const Status status = letters.add(1, line_of('c'));
  CHECK(!status.ok());
  CHECK(status.message().starts_with("there is no more room for dead letters: they take 250"));
  CHECK(letters.count() == 2);
}

TEST_CASE("where the oldest dead letters may go they go file by file, and are counted") {
  MemoryEnv env;
  DeadLetters letters(env, kPath, {250, true});
  REQUIRE(letters.restore({}).ok());
  commit_line(letters, 0, 'a');
  commit_line(letters, 1, 'b');
  CHECK(env.exists(kFirst));
  const DeadLetterState state = commit_line(letters, 2, 'c');
  CHECK(state.dropped == 1);
  CHECK(state.letters() == 2);
  CHECK(!env.exists(kFirst));
  CHECK(env.content(kSecond) == line_of('b') + "\n");
  CHECK(letters.dropped() == 1);
}

TEST_CASE(
    "what a replay has taken is gone with its snapshot, and there when that is not complete") {
  MemoryEnv env;
  DeadLetterState before, after;
  {
    DeadLetters letters(env, kPath, {});
    REQUIRE(letters.restore({}).ok());
    REQUIRE(letters.add(0, "first").ok());
    REQUIRE(letters.add(0, "second").ok());
    before = *letters.commit(0);
    letters.forget(0);
  }
  {
    DeadLetters letters(env, kPath, {});
    REQUIRE(letters.restore(before).ok());
    const auto segments = letters.begin_replay();
    REQUIRE(segments.ok());
    REQUIRE(segments->size() == 1);
    CHECK(env.content(kFirst) == "first\nsecond\n");
    const DeadLetterSegment half{1, 6, 13, 1}, all{2, 0, 0, 0};
    after = *letters.commit(0, &half);
    CHECK(after.letters() == 1);
    REQUIRE(letters.add(1, "second, refused again").ok());
    after = *letters.commit(1, &all);
    CHECK(env.exists(kFirst));  // the snapshot may still fail
    letters.forget(1);
    CHECK(!env.exists(kFirst));
    CHECK(env.content(kPath) == "second, refused again\n");
  }
  CHECK(after.letters() == 1);
  CHECK(after.segments.front().number == 2);
  CHECK(before.letters() == 2);
}

}  // namespace
}  // namespace nek::test
