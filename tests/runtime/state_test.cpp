// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "memory_env.h"
#include "runtime/snapshot.h"

namespace nek::test {
namespace {

constexpr const char* kPath = "data/state";

// A state file in which two components wrote in turns.
std::string state_file(MemoryEnv& env) {
  Snapshot snapshot(env, kPath, 7, {"detect", "file", ""}, 3, [] {});
  snapshot_write(snapshot.part(0), "table ");
  snapshot_write(snapshot.part(1), "length 42");
  snapshot_write(snapshot.part(0), "of sources");
  for (uint32_t i = 0; i < 3; i++) snapshot_done(snapshot.part(i), NEK_OK);
  State rest;
  rest.sources = {{"flows",
                   "flows.csv",
                   "fingerprint",
                   {1234, 56, 55, true, true, 1700000000000, "mark"},
                   false},
                  {"pipe", "fifo 1", "fifo 1", {7, 1, 1, false, false, 0}, true}};
  rest.dead_letters = {{{3, 10, 200, 4}, {4, 0, 99, 2}}, 7};
  rest.finished = true;
  rest.ledger = "ledger";
  rest.clock = "clock";
  REQUIRE(snapshot.outcome().ok());
  REQUIRE(snapshot.publish(rest).ok());
  return env.content(kPath);
}

std::string fault_of(const std::string& bytes) {
  MemoryEnv env;
  auto file = env.open(kPath);
  REQUIRE((*file)->append(bytes).ok());
  const auto state = read_state(env, kPath);
  return state.ok() ? "" : state.status().message();
}

TEST_CASE("what components, sources and the pipeline wrote is read back") {
  MemoryEnv env;
  state_file(env);
  const auto state = read_state(env, kPath);
  REQUIRE(state.ok());
  CHECK(state->components.at("detect") == "table of sources");
  CHECK(state->components.at("file") == "length 42");
  REQUIRE(state->sources.size() == 2);
  CHECK(state->sources[1].once);
  CHECK(!state->sources[1].at.ended);
  CHECK(!state->sources[0].once);
  CHECK(state->sources[0].input == "flows");
  CHECK(state->sources[0].key == "flows.csv");
  CHECK(state->sources[0].identity == "fingerprint");
  CHECK(state->sources[0].at.position == 1234);
  CHECK(state->sources[0].at.lines == 56);
  CHECK(state->sources[0].at.records == 55);
  CHECK(state->sources[0].at.ended);
  CHECK(state->sources[0].at.in_long_line);
  CHECK(state->sources[0].at.ended_ms == 1700000000000);
  CHECK(state->sources[0].at.mark == "mark");
  CHECK(state->sources[1].at.mark.empty());
  REQUIRE(state->dead_letters.segments.size() == 2);
  CHECK(state->dead_letters.segments[0].number == 3);
  CHECK(state->dead_letters.segments[0].begin == 10);
  CHECK(state->dead_letters.segments[0].end == 200);
  CHECK(state->dead_letters.segments[0].letters == 4);
  CHECK(state->dead_letters.segments[1].number == 4);
  CHECK(state->dead_letters.segments[1].end == 99);
  CHECK(state->dead_letters.letters() == 6);
  CHECK(state->dead_letters.dropped == 7);
  CHECK(state->finished);
  CHECK(state->ledger == "ledger");
  CHECK(state->clock == "clock");
}

// A file of an earlier version, of so many bytes.
Result<State> read_kept(int version, size_t size) {
  std::ifstream file(NEK_TEST_DATA "/state-version-" + std::to_string(version), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  REQUIRE(bytes.size() == size);
  MemoryEnv env;
  REQUIRE((*env.open(kPath))->append(bytes).ok());
  auto state = read_state(env, kPath);
  REQUIRE(state.ok());
  return state;
}

// Written by nek when that was the version, of a file with the lines "a,b", "1,2" and "3".
TEST_CASE("a state file of version 1 is read") {
  const auto state = read_kept(1, 432);
  REQUIRE(state->sources.size() == 1);
  CHECK(state->sources[0].key == "in.csv 3c9f247e5957eb08a35772df55fbe5e5");
  CHECK(state->sources[0].at.position == 9);
  CHECK(state->sources[0].at.records == 2);
  CHECK(state->sources[0].at.ended);
  CHECK(!state->sources[0].at.in_long_line);
  CHECK(state->sources[0].at.ended_ms == 0);
  REQUIRE(state->dead_letters.segments.size() == 1);
  CHECK(state->dead_letters.segments[0].number == 1);
  CHECK(state->dead_letters.segments[0].end == 177);
  CHECK(state->dead_letters.segments[0].letters == kUnknownLetters);
}

// The same file, when that was the version.
TEST_CASE("a state file of version 2 is read") {
  const auto state = read_kept(2, 440);
  REQUIRE(state->sources.size() == 1);
  CHECK(state->sources[0].key == "in.csv b60aace2fe84ebefd2d3bae47276362d");
  CHECK(state->sources[0].at.position == 10);
  CHECK(state->sources[0].at.lines == 3);
  CHECK(state->sources[0].at.records == 2);
  CHECK(state->sources[0].at.ended);
  CHECK(!state->sources[0].once);
  CHECK(state->sources[0].at.ended_ms > 0);
  CHECK(state->finished);
  REQUIRE(state->dead_letters.segments.size() == 1);
  CHECK(state->dead_letters.segments[0].end == 177);
  CHECK(state->dead_letters.segments[0].letters == kUnknownLetters);
}

// And by the nek of version 3.
TEST_CASE("a state file of version 3 is read") {
  const auto state = read_kept(3, 440);
  REQUIRE(state->sources.size() == 1);
  CHECK(state->sources[0].at.records == 2);
  CHECK(!state->sources[0].once);
  CHECK(state->finished);
  REQUIRE(state->dead_letters.segments.size() == 1);
  CHECK(state->dead_letters.segments[0].end == 177);
  CHECK(state->dead_letters.segments[0].letters == kUnknownLetters);
}

// And by the nek of version 4.
TEST_CASE("a state file of version 4 is read") {
  const auto state = read_kept(4, 500);
  REQUIRE(state->sources.size() == 1);
  CHECK(state->sources[0].key == "in.csv 3c9f247e5957eb08a35772df55fbe5e5");
  CHECK(state->sources[0].at.position == 9);
  CHECK(state->sources[0].at.records == 2);
  CHECK(state->sources[0].at.ended);
  CHECK(state->sources[0].at.mark.empty());
  REQUIRE(state->dead_letters.segments.size() == 1);
  CHECK(state->dead_letters.segments[0].end == 263);
  CHECK(state->dead_letters.segments[0].letters == 1);
}

TEST_CASE("without a state file everything begins anew") {
  MemoryEnv env;
  const auto state = read_state(env, kPath);
  REQUIRE(state.ok());
  CHECK(state->sources.empty());
  CHECK(!state->finished);
}

TEST_CASE("a state file is refused whichever of its bits has changed") {
  MemoryEnv env;
  const std::string good = state_file(env);
  for (size_t bit = 0; bit < good.size() * 8; bit++) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    INFO("bit " << bit);
    CHECK(!fault_of(bad).empty());
  }
}

TEST_CASE("a state file is refused wherever it was cut off") {
  MemoryEnv env;
  const std::string good = state_file(env);
  for (size_t size = 0; size < good.size(); size++) {
    INFO("size " << size);
    CHECK(!fault_of(good.substr(0, size)).empty());
  }
}

TEST_CASE("a state file of another version is refused by a message that names both") {
  MemoryEnv env;
  std::string other = state_file(env);
  other[8] = 6;
  CHECK(
      fault_of(other) ==
      "cannot restore from data/state: it is of version 6, this nek reads versions 1 to 5: use the "
      "nek that wrote it; with --from-start nek sets it aside and reads all inputs again");
}

TEST_CASE(
    "a component that cannot make its state durable fails the snapshot, and the last one stays") {
  MemoryEnv env;
  const std::string before = state_file(env);
  Snapshot snapshot(env, kPath, 8, {"file", ""}, 2, [] {});
  snapshot_done(snapshot.part(0), NEK_RETRY);
  snapshot_done(snapshot.part(1), NEK_OK);
  CHECK(snapshot.outcome().message() == "file could not make its state durable");
  CHECK(env.content(kPath) == before);
}

}  // namespace
}  // namespace nek::test
