// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "script.h"

namespace nek::test {
namespace {

using Texts = std::vector<std::string>;

// Reads the text at once, or in reads of a part each.
std::function<Status(Host, Chunk&)> reads(Texts parts) {
  struct State {
    nek_source* source = nullptr;
    uint64_t position = 0;
    size_t next = 0;
  };
  return [parts = std::move(parts), state = State()](Host host, Chunk& chunk) mutable {
    if (!state.source) state.source = open_source(host, "s");
    if (!chunk.empty()) return Status();  // the host takes it before there is more
    if (state.next == parts.size()) return end();
    const std::string& part = parts[state.next++];
    chunk.add(state.source, state.position, part);
    state.position += part.size();
    return Status();
  };
}

std::string first_text(Call& call) { return std::string(to_view(nek_text_at(&call.read(0), 0))); }

TEST_CASE("a decoder that refuses a chunk takes back the records that it had handed out") {
  Script script;
  script.read = reads({"one\ntwo\n"});
  script.decode = [](Call&, const nek_chunk&) { return refuse("it thought better of it"); };
  MemoryEnv env;
  const Ended ended = run_script(script, env, script_config(false));
  CHECK(ended.failure.empty());
  CHECK(ended.faults.empty());
  CHECK(script.delivered().empty());
  CHECK(ended.letters == Texts{"refused one\ntwo\n"});
}

TEST_CASE("a character whose halves stand in two messages is none, and decoders are told to look") {
  const auto is_utf8 = [](const Texts& messages) {
    Script script;
    script.read = [&, read = false](Host host, Chunk& chunk) mutable {
      if (std::exchange(read, true)) return chunk.empty() ? end() : Status();
      nek_source* source = open_source(host, "s", NEK_MESSAGES);
      for (size_t i = 0; i < messages.size(); i++) chunk.add(source, i, messages[i]);
      return Status();
    };
    script.decode = [&](Call&, const nek_chunk& chunk) {
      script.note(chunk.utf8 ? "utf8" : "to be looked at");
      return Status();
    };
    MemoryEnv env;
    CHECK(run_script(script, env, script_config(false)).failure.empty());
    const Texts events = script.events();
    return std::count(events.begin(), events.end(), "utf8") == 1;
  };
  CHECK(is_utf8({"caf\xc3\xa9", "\xc3\xa9t\xc3\xa9"}));
  CHECK_FALSE(is_utf8({"caf\xc3", "\xa9"}));
}

TEST_CASE("a batch that process refuses is not committed, and nothing of it is sent on") {
  Script script;
  script.read = reads({"bad\n", "good\n"});
  script.process = [](Call& call) {
    return first_text(call) == "bad" ? refuse("it is bad") : Status();
  };
  script.commit = [&](Call& call) {
    script.note("commit " + first_text(call));
    return Status();
  };
  MemoryEnv env;
  const Ended ended = run_script(script, env, script_config(true));
  CHECK(ended.failure.empty());
  CHECK(ended.faults.empty());
  CHECK(script.delivered() == Texts{"s@4 good"});
  CHECK(ended.letters == Texts{"refused bad\n"});
  const Texts events = script.events();
  CHECK(std::count(events.begin(), events.end(), "commit good") == 1);
  CHECK(std::count(events.begin(), events.end(), "commit bad") == 0);
}

// "STREAM RECORD" of each dead letter, where it has both.
Texts letters_by_stream(MemoryEnv& env) {
  Texts all;
  std::istringstream lines(env.content("data/dead-letters.ndjson"));
  for (std::string line; std::getline(lines, line);) {
    const auto letter = nlohmann::json::parse(line);
    const std::string record =
        letter.contains("raw") ? letter["raw"] : letter.at("record").at("text");
    all.push_back(letter.value("stream", "") + " " + record);
  }
  return all;
}

TEST_CASE("what a filter with state only sends on when it counts stays a dead letter in a replay") {
  MemoryEnv env;
  // An output of two streams: a dead letter says by which of them its record came.
  const PipelineConfig config = script_config(true, {"out", "made"});
  Script first;
  first.sends_in_commit = true;
  first.read = reads({"one\n", "two\n"});
  first.encode = [](Call&, Encoded&) { return refuse("not today"); };
  CHECK(run_script(first, env, config).letters == Texts{"refused one\n", "refused two\n"});
  Script second;
  second.sends_in_commit = true;
  const Ended replayed = run_script(second, env, config, {}, LetterSelection());
  CHECK(replayed.failure.empty());
  CHECK(second.delivered().empty());
  const std::string letters = env.content("data/dead-letters.ndjson");
  CHECK(letters.find(
            "\"component\":\"out\",\"reason\":\"stateful\",\"detail\":\"'middle' keeps state "
            "and takes a record once only; it cannot be replayed\"") != std::string::npos);
  CHECK(letters_by_stream(env) == Texts{"middle.out one\n", "middle.out two\n"});
}

TEST_CASE("a derived record comes by its own stream again, however often it is replayed") {
  MemoryEnv env;
  const PipelineConfig config = script_config(true, {"out", "made"});
  const auto refuses = [](Call&, Encoded&) { return refuse("not today"); };
  Script first;
  first.read = reads({"one\n"});
  first.control = [](Call& call, const nek_control& control) {
    if (control.kind != NEK_FINISH) return Status();
    nek_column& column = call.column(NEK_TEXT, {.rows = 1});
    TextWriter(column).set(0, "quiet");
    const nek_column* columns[] = {&column};
    call.derive(1, 1, columns);
    return Status();
  };
  first.encode = refuses;
  CHECK(run_script(first, env, config).failure.empty());
  const Texts expected = {"middle.out one\n", "middle.made quiet"};
  CHECK(letters_by_stream(env) == expected);
  Script again;
  again.encode = refuses;
  CHECK(run_script(again, env, config, {}, LetterSelection()).failure.empty());
  CHECK(letters_by_stream(env) == expected);
  Script other;  // it reads the stream of the first one only: with one there is one way
  CHECK(run_script(other, env, script_config(true), {}, LetterSelection()).failure.empty());
  CHECK(letters_by_stream(env).empty());
  CHECK(other.delivered() == Texts{"s@0 one", "quiet"});
}

std::string fault_of(const std::function<void(Script&)>& prepare) {
  Script script;
  script.read = reads({"one\n", "two\n"});
  prepare(script);
  MemoryEnv env;
  return run_script(script, env, script_config(true)).failure;
}

TEST_CASE("of several things that a filter does wrong in one call the first is told") {
  CHECK(fault_of([](Script& script) {
          script.process = [](Call& call) {
            call.refuse(1000, "no", "such row");
            call.emit(7);
            return Status();
          };
        }) == "middle: broken filter: refuse_row() of a row that is not in the batch");
}

// "COMPONENT REASON DETAIL" of each dead letter.
Texts reasons(MemoryEnv& env) {
  Texts all;
  std::istringstream lines(env.content("data/dead-letters.ndjson"));
  for (std::string line; std::getline(lines, line);) {
    const auto letter = nlohmann::json::parse(line);
    all.push_back(letter.value("component", "") + " " + letter.value("reason", "") + " " +
                  letter.value("detail", ""));
  }
  return all;
}

TEST_CASE("a record that a filter adds text to which is not UTF-8 is a dead letter, others go on") {
  Script script;
  script.read = reads({"one\ntwo\nthree\n", "four\n"});
  script.note_of = [](Call& call) {
    TextWriter notes(call.column(NEK_TEXT, {.rows = call.rows(), .text_bytes = 100}));
    for (uint32_t row = 0; row < call.rows(); row++) {
      const std::string_view text = to_view(nek_text_at(&call.read(0), row));
      notes.set(row, text == "two"     ? "a long text that was cut: caf\xc3"
                     : text == "three" ? "a long text, and whole: caf\xc3\xa9"
                     : text == "four"  ? "\xff"
                                       : "caf\xc3\xa9");
    }
    return notes.column();
  };
  MemoryEnv env;
  const Ended ended = run_script(script, env, script_config(true));
  CHECK(ended.failure.empty());
  CHECK(ended.faults.empty());
  CHECK(script.delivered() ==
        Texts{"s@0 one (caf\xc3\xa9)", "s@8 three (a long text, and whole: caf\xc3\xa9)"});
  CHECK(ended.letters == Texts{"utf8 two\n", "utf8 four\n"});
  CHECK(reasons(env) ==
        Texts{"middle utf8 column 'note' is not UTF-8", "middle utf8 column 'note' is not UTF-8"});
}

TEST_CASE("in a record that a filter derives U+FFFD takes the place of what is not UTF-8") {
  Script script;
  script.read = reads({"one\n"});
  script.process = [](Call& call) {
    TextWriter made(call.column(NEK_TEXT, {.rows = 3, .text_bytes = 60}));
    made.set(0, "caf\xc3\xa9");
    made.set(1, "a long text that was cut: caf\xc3");
    made.set(2, "\xffmore");
    const nek_column* const columns[] = {made.column()};
    call.derive(1, 3, columns);
    return Status();
  };
  MemoryEnv env;
  const Ended ended = run_script(script, env, script_config(true, {"made"}));
  CHECK(ended.failure.empty());
  CHECK(ended.faults.empty());
  CHECK(script.delivered() ==
        Texts{"caf\xc3\xa9", "a long text that was cut: caf\xef\xbf\xbd", "\xef\xbf\xbdmore"});
  CHECK(ended.letters.empty());
}

TEST_CASE("a record that a decoder hands out with text which is not UTF-8 is a dead letter") {
  const auto run = [](Texts parts) {
    Script script;
    script.read = reads(std::move(parts));
    MemoryEnv env;
    const Ended ended = run_script(script, env, script_config(false));
    CHECK(ended.failure.empty());
    CHECK(ended.faults.empty());
    CHECK(ended.records == 3);
    CHECK(reasons(env) == Texts{"in utf8 column 'text' is not UTF-8"});
    return script.delivered();
  };
  CHECK(run({"one\ncaf\xc3\nthree\n"}) == Texts{"s@0 one", "s@9 three"});
  CHECK(run({"one\n", "caf\xc3 and all that comes behind it\n", "three\n"}) ==
        Texts{"s@0 one", "s@38 three"});
}

TEST_CASE("a message whose column is not UTF-8 is a dead letter with its records") {
  Script script;
  const PipelineConfig config = script_config(false);
  script.read = [columns = std::array<const nek_column*, 1>(), arena = std::make_shared<Arena>(),
                 read = false](Host host, Chunk& chunk) mutable {
    if (std::exchange(read, true)) return chunk.empty() ? end() : Status();
    nek_source* source = open_source(host, "s", NEK_MESSAGES);
    chunk.add(source, 0, "one");
    chunk.add(source, 1, "two");
    const nek_field field{"note", NEK_TEXT, 0};
    nek_make make{};
    make.type = NEK_TEXT;
    make.rows = 2;
    TextWriter notes(*make_column(*arena, make));
    notes.set(0, "good");
    notes.set(1, "bad\xff");
    columns[0] = notes.column();
    chunk.columns(host.schema({&field, 1}), columns.data());
    return Status();
  };
  MemoryEnv env;
  const Ended ended = run_script(script, env, config);
  CHECK(ended.failure.empty());
  CHECK(ended.faults.empty());
  CHECK(script.delivered() == Texts{"s@0 one (good)"});
  CHECK(reasons(env) == Texts{"in utf8 column 'note' is not UTF-8"});
}

TEST_CASE("control calls have no batch, and a filter that acts as if they had is told so") {
  const auto in_control = [](const std::function<void(Call&)>& act) {
    return fault_of([&](Script& script) {
      script.control = [&](Call& call, const nek_control& control) {
        if (control.kind == NEK_FINISH) act(call);
        return Status();
      };
    });
  };
  CHECK(in_control([](Call& call) { call.emit(0); }) ==
        "middle: broken filter: emit() without a batch, or to a stream that takes none");
  CHECK(in_control([](Call& call) { call.refuse(0, "no", "batch"); }) ==
        "middle: broken filter: refuse_row() of a row that is not in the batch");
  CHECK(in_control([](Call& call) { call.ids(); }) ==
        "middle: broken filter: ids() without a batch");
}

TEST_CASE("an encoder whose records do not end in order within its bytes ends the pipeline") {
  const auto ends = [](std::vector<uint32_t> at) {
    return fault_of([&](Script& script) {
      script.read = reads({"a\nb\nc\n"});
      script.encode = [&](Call& call, Encoded& out) {
        out.append("123456789");
        for (uint32_t row = 0; row < call.rows(); row++) out.c()->ends[row] = at[row];
        return Status();
      };
    });
  };
  CHECK(ends({3, 6, 9}).empty());
  CHECK(ends({0, 3, 9}).empty());  // the first is left out
  CHECK(ends({6, 3, 9}) == "out: broken encoder: its records do not end in order within its bytes");
  CHECK(ends({3, 6, 1000}) ==
        "out: broken encoder: its records do not end in order within its bytes");
  CHECK(ends({3, 1000, 9}) ==
        "out: broken encoder: its records do not end in order within its bytes");
  CHECK(ends({3, 6, 8}) == "out: broken encoder: its records do not end where its bytes do");
}

TEST_CASE("what a filter derives by the clock is in a snapshot though nothing comes in any more") {
  Script script;
  std::atomic<bool> idle = false, derived = false, saved = false;
  script.read = [&, first = reads({"one\n"})](Host host, Chunk& chunk) mutable {
    if (saved) return end();
    if (idle) return Status();
    const Status status = first(host, chunk);
    return status.code() == NEK_END ? Status() : status;
  };
  int snapshots = 0;
  script.control = [&](Call& call, const nek_control& control) {
    if (control.kind == NEK_COMMITTED) {
      if (derived) saved = true;
      if (++snapshots == 2) idle = true;  // the first is taken before the first record
    }
    if (control.kind == NEK_TICK && idle && !derived) {
      nek_column& column = call.column(NEK_TEXT, {.rows = 1});
      TextWriter(column).set(0, "quiet");
      const nek_column* columns[] = {&column};
      call.derive(1, 1, columns);
      derived = true;
    }
    return Status();
  };
  MemoryEnv env;
  const Ended ended = run_script(script, env, script_config(true, {"out", "made"}));
  CHECK(ended.failure.empty());
  CHECK(ended.faults.empty());
  CHECK(script.delivered() == Texts{"s@0 one", "quiet"});
}

TEST_CASE("watermarks wait for an input that has sent nothing yet") {
  Script script;
  const void* early = nullptr;
  std::atomic<bool> committed = false;
  nek_source *first = nullptr, *second = nullptr;
  std::mutex mutex;
  script.read = [&](Host host, Chunk& chunk) -> Status {
    const std::lock_guard lock(mutex);
    if (!early) early = host.c();
    if (host.c() == early) {
      if (first) return second ? end() : Status();
      first = open_source(host, "early");
      chunk.add(first, 0, "1000\n");
      return {};
    }
    if (second) return end();
    if (!committed) return {};
    second = open_source(host, "late");
    chunk.add(second, 0, "500\n");
    return {};
  };
  script.commit = [&](Call&) {
    committed = true;
    return Status();
  };
  std::vector<int64_t> watermarks;  // told in order, by one thread at a time
  script.control = [&](Call&, const nek_control& control) {
    if (control.kind == NEK_WATERMARK) watermarks.push_back(control.time_ms);
    return Status();
  };
  PipelineConfig config = script_config(true);
  config.components.insert(config.components.begin(), config.components[0]);
  config.components[0].id = "other";
  config.components[2].from = {{0, "", 0, 0}, {1, "", 0, 0}};
  config.components[3].from = {{2, "out", 0, 0}};
  MemoryEnv env;
  const Ended ended = run_script(script, env, config);
  CHECK(ended.failure.empty());
  REQUIRE(!watermarks.empty());
  CHECK(watermarks.front() == 500);
  CHECK(script.delivered().size() == 2);
}

TEST_CASE("watermarks wait for an input that was held back as an output took nothing for long") {
  Script script;
  script.silence = std::chrono::milliseconds(50);
  const void* early = nullptr;
  std::mutex mutex;
  struct Feed {
    nek_source* source = nullptr;
    uint64_t position = 0;
    int64_t time = 0;
  } feeds[2];
  std::atomic<int64_t> newest_early = 0;
  std::atomic<bool> goes_on = false;
  script.read = [&](Host host, Chunk& chunk) -> Status {
    const std::lock_guard lock(mutex);
    if (!early) early = host.c();
    const bool is_early = host.c() == early;
    Feed& feed = feeds[is_early ? 0 : 1];
    if (!feed.source) feed.source = open_source(host, is_early ? "early" : "late");
    if (feed.time == 300) return end();
    feed.time++;
    const std::string line = std::to_string(feed.time + (is_early ? 1000 : 5000)) + "\n";
    if (is_early) newest_early = 1000 + feed.time;
    chunk.add(feed.source, feed.position, line);
    feed.position += line.size();
    return {};
  };
  script.write = [&] {
    if (!goes_on.exchange(true)) std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return Status();
  };
  int too_far = 0;
  script.control = [&](Call&, const nek_control& control) {
    const int64_t newest = newest_early;
    if (control.kind == NEK_WATERMARK && newest < 1300 && control.time_ms > newest) too_far++;
    return Status();
  };
  PipelineConfig config = script_config(true);
  config.settings.chunk_bytes = 8;
  config.components.insert(config.components.begin(), config.components[0]);
  config.components[0].id = "other";
  config.components[2].from = {{0, "", 0, 0}, {1, "", 0, 0}};
  config.components[3].from = {{2, "out", 0, 0}};
  config.components[3].buffer.max_bytes = 1;
  MemoryEnv env;
  const Ended ended = run_script(script, env, config);
  CHECK(ended.failure.empty());
  CHECK(too_far == 0);
  CHECK(script.delivered().size() == 600);
}

TEST_CASE("memory that chunks turn out to need is charged, and given back") {
  Script script;
  script.read = reads({"one\n"});
  std::atomic<uint64_t> during = 0;
  Pipeline* running = nullptr;
  script.process = [&](Call& call) {
    call.memory<uint8_t>(100 << 20);
    return Status();
  };
  script.commit = [&](Call&) {
    during = running->progress().memory;
    return Status();
  };
  std::atomic<bool> known = false;
  script.read = [&, read = script.read](Host host, Chunk& chunk) mutable {
    return known ? read(host, chunk) : Status();
  };
  uint64_t after = 1;
  MemoryEnv env;
  const Ended ended = run_script(script, env, script_config(true), [&](Pipeline& pipeline) {
    running = &pipeline;
    known = true;
    REQUIRE(pipeline.wait(std::chrono::milliseconds(60000)));
    after = pipeline.progress().memory;
  });
  CHECK(ended.failure.empty());
  CHECK(during > 100u << 20);
  CHECK(after == 0);
}

}  // namespace
}  // namespace nek::test
