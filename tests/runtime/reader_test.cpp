// SPDX-License-Identifier: Apache-2.0
#include "runtime/reader.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "runtime/letter.h"
#include "runtime/snapshot.h"
#include "script.h"

namespace nek::test {
namespace {

using Texts = std::vector<std::string>;

size_t index_of(const Texts& events, const std::string& event) {
  return static_cast<size_t>(std::find(events.begin(), events.end(), event) - events.begin());
}

TEST_CASE("a source that is given up takes back what the same read had handed out of it") {
  Script script;
  script.read = [](Host host, Chunk& chunk) {
    nek_source* lost = open_source(host, "lost");
    nek_source* kept = open_source(host, "kept");
    chunk.add(lost, 0, "one\n");
    chunk.add(kept, 0, "two\n");
    nek_source* const given_up[] = {lost};
    host.revoke_sources(given_up, 0);
    return end();
  };
  MemoryEnv env;
  const Ended ended = run_script(script, env, script_config(false));
  CHECK(ended.failure.empty());
  CHECK(script.delivered() == Texts{"kept@0 two"});
}

TEST_CASE("a source under the key of one that was given up does not hear how far that was") {
  Script script;
  nek_source *old = nullptr, *made_anew = nullptr;
  bool told_old_place = false;
  script.committed = [&](nek_source& source, uint64_t position) {
    if (&source == made_anew && position > 2) told_old_place = true;
  };
  int reads = 0;
  script.read = [&](Host host, Chunk& chunk) -> Status {
    switch (reads++) {
      case 0:
        old = open_source(host, "topic, the old one", 0, "topic");
        chunk.add(old, 0, "one\n");
        return {};
      case 1: {
        nek_source* const given_up[] = {old};
        CHECK(host.revoke_sources(given_up, 10000) == std::vector<uint64_t>{4});
        made_anew = open_source(host, "topic, the new one", 0, "topic");
        return {};
      }
      case 2: chunk.add(made_anew, 0, "x\n"); return {};
      default: return end();
    }
  };
  MemoryEnv env;
  CHECK(run_script(script, env, script_config(false)).failure.empty());
  CHECK_FALSE(told_old_place);
  CHECK(script.delivered() == Texts{"topic@0 one", "topic@0 x"});
}

TEST_CASE("a source that is left is read on before its unfinished record, and its mark is kept") {
  const auto open_file = [](Host host) {
    nek_source_open request{};
    request.identity = to_text("id");
    request.name = to_text("in.csv");
    return host.open_source(request);
  };
  MemoryEnv env;
  Script first;
  int reads = 0;
  nek_source* source = nullptr;
  first.read = [&](Host host, Chunk& chunk) -> Status {
    switch (reads++) {
      case 0:
        source = open_file(host);
        CHECK(Host::mark_of(*source) == "");
        chunk.add(source, 0, "one\ntw");
        host.mark_source(source, "as far as tw");
        return {};
      case 1: host.leave_source(source); return {};
      default: return end();
    }
  };
  const Ended ended = run_script(first, env, script_config(false));
  CHECK(ended.failure.empty());
  CHECK(ended.letters.empty());
  CHECK(first.delivered() == Texts{"in.csv@0 one"});

  Script second;
  second.read = [&](Host host, Chunk& chunk) -> Status {
    Texts known;
    host.known_sources([&](const nek_known_source& one) {
      known.push_back(std::string(to_view(one.key)) + " " + std::string(to_view(one.identity)) +
                      " " + std::to_string(one.position) + " " + std::string(to_view(one.mark)) +
                      (one.ended ? " ended" : ""));
    });
    CHECK(known == Texts{"id id 4 as far as tw"});
    nek_source* again = open_file(host);
    CHECK(again->resume == 4);
    CHECK_FALSE(again->ended);
    CHECK(Host::mark_of(*again) == "as far as tw");
    chunk.add(again, 4, "two\n");
    return end();
  };
  CHECK(run_script(second, env, script_config(false)).failure.empty());
  CHECK(second.delivered() == Texts{"in.csv@4 two"});
}

TEST_CASE("a dead letter has the name of its source") {
  Script script;
  script.read = [](Host host, Chunk& chunk) -> Status {
    nek_source_open request{};
    request.identity = to_text("id");
    request.name = to_text("in.csv");
    chunk.add(host.open_source(request), 0, "one\ntwo\n");
    return end();
  };
  script.process = [](Call&) { return refuse("it is bad"); };
  MemoryEnv env;
  CHECK(run_script(script, env, script_config(true)).letters ==
        Texts{"refused one\n", "refused two\n"});
  const std::string letters = env.content("data/dead-letters.ndjson");
  CHECK(letters.find(R"("source":"id","name":"in.csv","position":4,"line":2)") !=
        std::string::npos);
  const auto letter = parse_letter(letters.substr(0, letters.find('\n')));
  REQUIRE(letter);
  CHECK(letter->name == "in.csv");
}

TEST_CASE("of a read that says retry nothing counts: no bytes, no end of a source") {
  Script script;
  nek_source* source = nullptr;
  int reads = 0;
  script.read = [&](Host host, Chunk& chunk) -> Status {
    if (!source) source = open_source(host, "s");
    switch (reads++) {
      case 0: chunk.add(source, 0, "one\ntw"); return {};
      case 1:
        chunk.add(source, 6, "xx\nyy\n");
        host.end_source(source);
        return retry("not now");
      case 2: chunk.add(source, 6, "o\n"); return {};
      default: return end();
    }
  };
  MemoryEnv env;
  const Ended ended = run_script(script, env, script_config(false));
  CHECK(ended.failure.empty());
  CHECK(script.delivered() == Texts{"s@0 one", "s@4 two"});
  CHECK(ended.letters.empty());
}

TEST_CASE("of a read that says retry neither the mark counts nor that a source is left") {
  Script script;
  nek_source* source = nullptr;
  int reads = 0;
  script.read = [&](Host host, Chunk& chunk) -> Status {
    switch (reads++) {
      case 0:
        source = open_source(host, "s");
        chunk.add(source, 0, "one\ntw");
        host.mark_source(source, "as far as tw");
        return {};
      case 1:
        host.mark_source(source, "further");
        host.mark_source(source, "further still");
        host.leave_source(source);
        return retry("not now");
      default: CHECK(Host::mark_of(*source) == "as far as tw"); return end();
    }
  };
  MemoryEnv env;
  const Ended ended = run_script(script, env, script_config(false));
  CHECK(ended.failure.empty());
  CHECK(script.delivered() == Texts{"s@0 one", "s@4 tw"});
  const auto state = read_state(env, "data/state");
  REQUIRE(state.ok());
  REQUIRE(state->sources.size() == 1);
  CHECK(state->sources[0].at.mark == "as far as tw");
  CHECK(state->sources[0].at.ended);
}

TEST_CASE("a dead letter behind a record that was too long has the line of its own source") {
  Script script;
  script.read = [&](Host host, Chunk& chunk) -> Status {
    chunk.add(open_source(host, "long"), 0, "one\ntwo\n" + std::string(100, 'x') + "\n");
    chunk.add(open_source(host, "other"), 0, "first\n");
    return end();
  };
  script.decode = [](Call&, const nek_chunk&) { return refuse("all of it"); };
  PipelineConfig config = script_config(false);
  config.settings.max_record_bytes = 64;
  MemoryEnv env;
  CHECK(run_script(script, env, config).failure.empty());
  const std::string letters = env.content("data/dead-letters.ndjson");
  CHECK(letters.find(R"("source":"long","position":8,"line":3)") != std::string::npos);
  CHECK(letters.find(R"("source":"other","position":0,"line":1)") != std::string::npos);
}

TEST_CASE("an input that has nothing more to read hears what is committed") {
  Script script;
  nek_source* source = nullptr;
  std::atomic<uint64_t> committed = 0;
  script.committed = [&](nek_source&, uint64_t position) { committed = position; };
  script.read = [&](Host host, Chunk& chunk) -> Status {
    if (source) return committed == 4 ? end() : Status();
    source = open_source(host, "s");
    chunk.add(source, 0, "one\n");
    return {};
  };
  MemoryEnv env;
  CHECK(run_script(script, env, script_config(false)).failure.empty());
}

TEST_CASE("an input that was told to stop still hears of the last snapshot, before stop()") {
  Script script;
  std::atomic<Pipeline*> running = nullptr;
  script.committed = [&](nek_source&, uint64_t position) {
    script.note("committed " + std::to_string(position));
  };
  script.read = [&](Host host, Chunk& chunk) -> Status {
    if (!running) return {};
    chunk.add(open_source(host, "s"), 0, "one\ntw");
    running.load()->stop();
    return {};
  };
  PipelineConfig config = script_config(false);
  config.settings.snapshot_interval_ms = 1'000'000;  // none but the first and the last
  MemoryEnv env;
  const Ended ended = run_script(script, env, config, [&](Pipeline& p) { running = &p; });
  CHECK(ended.failure.empty());
  const Texts events = script.events();
  CHECK(index_of(events, "committed 4") < index_of(events, "input stops"));
}

// A line of 250 bytes among short ones, where 100 are allowed.
const std::string kLongLine =
    "first\n" + std::string(120, 'a') + std::string(130, 'b') + "\nlast\n";

Ended run_long_line(uint64_t chunk_bytes, const std::vector<uint64_t>& stops, Script& script) {
  MemoryEnv env;
  PipelineConfig config = script_config(false);
  config.settings.max_record_bytes = 100;
  config.settings.chunk_bytes = chunk_bytes;
  Ended all;
  for (size_t run = 0; run <= stops.size(); run++) {
    const uint64_t until = run < stops.size() ? stops[run] : kLongLine.size();
    nek_source* source = nullptr;
    uint64_t at = 0;
    std::atomic<Pipeline*> running = nullptr;
    script.read = [&](Host host, Chunk& chunk) -> Status {
      if (!running) return {};
      if (!source) {
        source = open_source(host, "s");
        at = source->resume == NEK_NO_POSITION ? 0 : source->resume;
      }
      const size_t size = std::min<size_t>(chunk.room().size(), until - std::min(at, until));
      chunk.add(source, at, std::string_view(kLongLine).substr(at, size));
      at += size;
      if (at < until) return {};
      if (until == kLongLine.size()) return end();
      running.load()->stop();
      return {};
    };
    Ended ended = run_script(script, env, config, [&](Pipeline& p) { running = &p; });
    all.failure += ended.failure;
    all.letters.insert(all.letters.end(), ended.letters.begin(), ended.letters.end());
    all.faults.insert(all.faults.end(), ended.faults.begin(), ended.faults.end());
  }
  return all;
}

TEST_CASE(
    "a line that is too long goes to the dead letters in the same pieces, however it is cut") {
  const Texts pieces = {"too_long " + std::string(100, 'a'),
                        "too_long " + std::string(20, 'a') + std::string(80, 'b'),
                        "too_long " + std::string(50, 'b') + "\n"};
  const std::vector<std::vector<uint64_t>> all_stops = {{}, {110}, {50, 130, 230}, {256}};
  for (const uint64_t chunk_bytes : {64, 100, 101, 1000}) {
    for (const auto& stops : all_stops) {
      Script script;
      const Ended ended = run_long_line(chunk_bytes, stops, script);
      INFO("chunks of " << chunk_bytes << " bytes, stops: " << stops.size());
      CHECK(ended.failure.empty());
      CHECK(ended.faults.empty());
      CHECK(ended.letters == pieces);
      CHECK(script.delivered() == Texts{"s@0 first", "s@257 last"});
    }
  }
}

TEST_CASE("messages keep their own positions where some are empty") {
  Script script;
  script.read = [](Host host, Chunk& chunk) {
    nek_source* source = open_source(host, "s", NEK_MESSAGES);
    const char* const messages[] = {"", "one", "", "", "two", ""};
    for (uint64_t i = 0; i < 6; i++) chunk.add(source, i, messages[i]);
    return end();
  };
  MemoryEnv env;
  const Ended ended = run_script(script, env, script_config(false));
  CHECK(ended.failure.empty());
  CHECK(script.delivered() == Texts{"s@0 ", "s@1 one", "s@2 ", "s@3 ", "s@4 two", "s@5 "});
}

TEST_CASE("a column of a dictionary with one value a message reaches the records with its texts") {
  Script script;
  const nek_field fields[] = {{"key", NEK_DICT_TEXT, 0}};
  const std::string names[] = {"a name of more than twelve bytes", "b"};
  std::optional<Dictionary> dictionary;
  int32_t codes[] = {1, 0, 1};
  nek_column column{};
  const nek_column* columns[] = {&column};
  script.read = [&](Host host, Chunk& chunk) -> Status {
    if (dictionary) {
      dictionary.reset();
      return end();
    }
    dictionary.emplace(host.dictionary(names));
    column.type = NEK_DICT_TEXT;
    column.rows = 3;
    column.values = codes;
    column.dictionary = dictionary->get();
    nek_source* source = open_source(host, "s", NEK_MESSAGES);
    for (uint64_t i = 0; i < 3; i++) chunk.add(source, i, std::to_string(i));
    chunk.columns(host.schema(fields), columns);
    return {};
  };
  MemoryEnv env;
  const Ended ended = run_script(script, env, script_config(false));
  CHECK(ended.failure.empty());
  CHECK(script.delivered() ==
        Texts{"s@0 0 [b]", "s@1 1 [a name of more than twelve bytes]", "s@2 2 [b]"});
}

std::string fault_of(const std::function<void(Host, nek_chunk&)>& fill) {
  Script script;
  script.read = [&](Host host, Chunk& chunk) {
    fill(host, *chunk.c());
    return end();
  };
  MemoryEnv env;
  return run_script(script, env, script_config(false)).failure;
}

TEST_CASE(
    "an input that breaks the rules of chunks ends the pipeline with a text that says which") {
  const auto segments = [](std::initializer_list<std::pair<uint32_t, uint32_t>> parts) {
    return [all = std::vector(parts)](Host host, nek_chunk& chunk) {
      nek_source* source = open_source(host, "s", NEK_MESSAGES);
      std::fill_n(chunk.data, 10, uint8_t{'x'});
      chunk.used = 10;
      for (const auto& [begin, size] : all)
        chunk.segments[chunk.segment_count++] = {source, 0, begin, size};
    };
  };
  CHECK(fault_of(segments({{8, 3}})) == "in: broken input: a segment lies outside of the chunk");
  CHECK(fault_of(segments({{4, 4}, {0, 4}})) ==
        "in: broken input: segments overlap, or are not in order");
  CHECK(fault_of([&](Host host, nek_chunk& chunk) {
          segments({{0, 4}})(host, chunk);
          const nek_field field = {"key", NEK_DICT_TEXT, 0};
          chunk.schema = host.schema(std::span(&field, 1));
        }) == "in: broken input: it has a schema, but no columns");
  CHECK(fault_of([&](Host host, nek_chunk& chunk) {
          segments({{0, 4}})(host, chunk);
          static const nek_column kShort = {NEK_INT64, 0,       nullptr, nullptr,
                                            0,         nullptr, nullptr, nullptr};
          static const nek_column* columns[] = {&kShort};
          const nek_field field = {"key", NEK_INT64, 0};
          chunk.schema = host.schema(std::span(&field, 1));
          chunk.columns = columns;
        }) == "in: broken input: column 'key': it has too few rows");
  CHECK(fault_of([](Host host, nek_chunk&) {
          open_source(host, "s");
          open_source(host, "s");
        }) == "in: broken input: it opened s twice");
}

TEST_CASE(
    "a source that is opened again in one run goes on where it stood, another under its key does "
    "not") {
  Script script;
  std::vector<uint64_t> resumed;
  int reads = 0;
  script.read = [&](Host host, Chunk& chunk) -> Status {
    nek_source* source = open_source(host, reads < 2 ? "file 1" : "file 2", 0, "key");
    resumed.push_back(source->resume);
    const uint64_t from = source->resume == NEK_NO_POSITION ? 0 : source->resume;
    chunk.add(source, from, "line\n");
    host.end_source(source);
    return ++reads < 3 ? Status() : end();
  };
  PipelineConfig config = script_config(false);
  MemoryEnv env;
  CHECK(run_script(script, env, config).failure.empty());
  CHECK(resumed == std::vector<uint64_t>{NEK_NO_POSITION, 5, NEK_NO_POSITION});
  CHECK(script.delivered() == Texts{"key@0 line", "key@5 line", "key@0 line"});
}

TEST_CASE("what cannot be read again is forgotten when it has ended") {
  MemoryEnv env;
  for (const char* identity : {"stdin 1", "stdin 2"}) {
    Script script;
    script.read = [&](Host host, Chunk& chunk) {
      chunk.add(open_source(host, identity, NEK_ONCE), 0, "line\n");
      return end();
    };
    CHECK(run_script(script, env, script_config(false)).failure.empty());
  }
  const auto state = read_state(env, "data/state");
  REQUIRE(state.ok());
  REQUIRE(state->sources.size() == 1);
  CHECK(state->sources[0].identity == "stdin 2");  // until its spool is known to be empty
}

TEST_CASE("sources are closed before their decoder stops, and lanes are freed after") {
  Script script;
  std::atomic<Pipeline*> running = nullptr;
  script.read = [&](Host host, Chunk& chunk) -> Status {
    if (!running) return {};
    chunk.add(open_source(host, "never ended"), 0, "li");
    running.load()->stop();
    return {};
  };
  MemoryEnv env;
  const Ended ended =
      run_script(script, env, script_config(false), [&](Pipeline& p) { running = &p; });
  CHECK(ended.failure.empty());
  const Texts events = script.events();
  CHECK(index_of(events, "source is closed") < index_of(events, "decoder stops"));
  CHECK(index_of(events, "decoder stops") < index_of(events, "lane is freed"));
  CHECK(std::count(events.begin(), events.end(), "source is closed") == 1);
  CHECK(std::count(events.begin(), events.end(), "lane is freed") == 2);
}

}  // namespace
}  // namespace nek::test
