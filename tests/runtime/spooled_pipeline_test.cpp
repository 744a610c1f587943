// SPDX-License-Identifier: Apache-2.0
// Pipelines whose input can be read once only, on disks that fill up, fail and forget: what was
// read arrives once, the ledger balances, and nothing more is read than can be kept.
#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>
#include <utility>

#include "runtime/snapshot.h"
#include "script.h"

namespace nek::test {
namespace {

using Texts = std::vector<std::string>;
using std::chrono::milliseconds;

constexpr size_t kLine = 100;  // bytes of a line, its newline included

std::string line(uint64_t number) {
  std::string text = "line " + std::to_string(number) + " ";
  text.resize(kLine - 1, 'x');
  return text + "\n";
}

// A writer of so many lines, read in pieces that end anywhere.
class Feed {
 public:
  explicit Feed(uint64_t lines, size_t piece = 1230) : piece_(piece) {
    for (uint64_t i = 0; i < lines; i++) bytes_ += line(i);
  }
  Status read(Host host, Chunk& chunk) {
    if (!source_) source_ = open_source(host, "feed", NEK_ONCE);
    const size_t size = std::min({piece_, bytes_.size() - at_, chunk.room().size()});
    chunk.add(source_, at_, std::string_view(bytes_).substr(at_, size));
    at_ += size;
    return at_ == bytes_.size() ? end() : Status();
  }
  size_t at() const { return at_; }

 private:
  std::string bytes_;
  const size_t piece_;
  std::atomic<size_t> at_ = 0;
  nek_source* source_ = nullptr;
};

Texts all_lines(uint64_t count) {
  Texts lines;
  for (uint64_t i = 0; i < count; i++) {
    lines.push_back("feed@" + std::to_string(i * kLine) + " " + line(i));
    lines.back().pop_back();
  }
  return lines;
}

void check_all(const Script& script, const Ended& ended, uint64_t count) {
  CHECK(ended.failure.empty());
  CHECK(ended.faults.empty());
  CHECK(ended.letters.empty());
  CHECK(ended.records == count);
  CHECK(script.delivered() == all_lines(count));
}

PipelineConfig spooled(uint64_t max_bytes = uint64_t{1} << 20, bool drop_oldest = false) {
  PipelineConfig config = script_config(false);
  config.settings.chunk_bytes = 4096;
  config.components[0].spool = {max_bytes, 0, drop_oldest};
  return config;
}

// No snapshot but the first and the last: what a run has read is in its spool until it ends.
PipelineConfig without_snapshots() {
  PipelineConfig config = spooled();
  config.settings.snapshot_interval_ms = 600'000;
  return config;
}

double metric(const Pipeline& pipeline, const std::string& name) {
  double value = -1;
  pipeline.metrics().visit([&](const nek_metric& m) {
    if (m.name == name) value = m.value;
  });
  return value;
}

// Waits for what has to come; false: it did not in a minute.
bool comes(const std::function<bool()>& what) {
  for (int i = 0; i < 60'000 && !what(); i++) std::this_thread::sleep_for(milliseconds(1));
  return what();
}

// Breaks the disk at the n-th read. What was read before has to be delivered all the same, and
// nothing may be read until it is mended.
void check_broken_disk(int n, const std::function<void(MemoryEnv&)>& break_it,
                       const std::function<void(MemoryEnv&)>& mend_it) {
  INFO("read " << n);
  MemoryEnv env;
  Feed feed(100);
  Script script;
  std::atomic<bool> broken = false, went_on = false;
  std::atomic<int> reads = 0, reads_while_broken = 0;
  std::thread mender;
  script.read = [&](Host host, Chunk& chunk) -> Status {
    if (broken) reads_while_broken++;
    if (++reads == n) {
      const size_t whole = feed.at() / kLine;
      break_it(env);
      broken = true;
      mender = std::thread([&, whole] {
        went_on = comes([&] { return script.delivered().size() >= whole; });
        broken = false;
        mend_it(env);
      });
    }
    return feed.read(host, chunk);
  };
  PipelineConfig config = spooled(uint64_t{16} << 20);
  config.settings.linger_ms = 60'000;  // so that reads come together in one chunk
  config.settings.chunk_bytes = uint64_t{1} << 20;
  const Ended ended = run_script(script, env, config);
  mender.join();
  CHECK(went_on);
  CHECK(reads_while_broken == 0);
  check_all(script, ended, 100);
}

TEST_CASE(
    "spooled: on a full disk what was read is delivered, nothing more is read, and all arrives "
    "when there is room again") {
  for (const int n : {1, 3, 9})  // the last one ends the input
    check_broken_disk(
        n, [](MemoryEnv& env) { env.set_capacity(0); },
        [](MemoryEnv& env) { env.set_capacity(UINT64_MAX); });
}

TEST_CASE(
    "spooled: in a read-only folder what was read is delivered, nothing more is read, and all "
    "arrives when it can be written") {
  for (const int n : {1, 3, 9})
    check_broken_disk(
        n, [](MemoryEnv& env) { env.set_read_only(true); },
        [](MemoryEnv& env) { env.set_read_only(false); });
}

// Runs until it is told to stop, with a disk that is full from the third read on.
void stop_on_a_full_disk(MemoryEnv& env, Script& script, const std::function<bool()>& full) {
  std::thread stopper;
  const Ended end = run_script(script, env, spooled(), [&](Pipeline& p) {
    stopper = std::thread([&] {
      CHECK(comes(full));
      std::this_thread::sleep_for(milliseconds(5));
      p.stop();
      // The last snapshot needs room too.
      CHECK(comes([&] { return script.delivered().size() >= 3 * 10; }));
      env.set_capacity(UINT64_MAX);
    });
  });
  stopper.join();
  CHECK(end.failure.empty());
  CHECK(end.faults.empty());
  CHECK(end.letters.empty());
}

TEST_CASE("spooled: a stop on a full disk delivers what was read last without the spool") {
  MemoryEnv env;
  Feed feed(100, 10 * kLine);
  Script script;
  std::atomic<int> reads = 0;
  script.read = [&](Host host, Chunk& chunk) -> Status {
    if (++reads == 3) env.set_capacity(0);
    return feed.read(host, chunk);
  };
  stop_on_a_full_disk(env, script, [&] { return reads == 3; });
  const Texts all = all_lines(30);
  CHECK(script.delivered() == all);
  Script next;
  CHECK(run_script(next, env, spooled()).records == 30);
  CHECK(next.delivered().empty());
}

TEST_CASE("spooled: a write of the disk that fails, whichever it is, costs no record") {
  for (int n = 0; n < 40; n++) {
    INFO("write " << n);
    MemoryEnv env;
    env.fail_appends(2, "Input/output error", n, static_cast<size_t>(n));
    Feed feed(100);
    Script script;
    script.read = [&](Host host, Chunk& chunk) { return feed.read(host, chunk); };
    check_all(script, run_script(script, env, spooled()), 100);
  }
}

TEST_CASE("spooled: syncs that fail cost no record") {
  MemoryEnv env;
  Feed feed(300);
  Script script;
  int reads = 0;
  script.read = [&](Host host, Chunk& chunk) {
    if (++reads % 5 == 0) env.fail_syncs(1);
    return feed.read(host, chunk);
  };
  check_all(script, run_script(script, env, spooled()), 300);
}

TEST_CASE("spooled: a spool that somebody removes while it runs costs no record") {
  MemoryEnv env;
  Feed feed(300);
  Script script;
  int reads = 0;
  script.read = [&](Host host, Chunk& chunk) {
    if (++reads == 7) env.remove_folder("data/spool/in");
    return feed.read(host, chunk);
  };
  check_all(script, run_script(script, env, spooled()), 300);
}

TEST_CASE("spooled: while an output takes nothing the input is read on, and memory stays bounded") {
  MemoryEnv env;
  Feed feed(20'000);
  Script script;
  const Pipeline* running = nullptr;
  std::atomic<uint64_t> peak = 0;
  script.read = [&](Host host, Chunk& chunk) { return feed.read(host, chunk); };
  // Nothing is taken before 1.5 MB are read.
  script.write = [&]() -> Status { return feed.at() < 1'500'000 ? retry("not yet") : Status(); };
  script.at_output = [&](const nek_control& control) {
    if (control.kind == NEK_FINISH) peak = running->progress().peak_memory;
  };
  PipelineConfig config = spooled(uint64_t{8} << 20);
  config.settings.memory = 64 << 10;
  config.components[1].buffer.max_bytes = 16 << 10;
  const Ended ended = run_script(script, env, config, [&](Pipeline& p) { running = &p; });
  check_all(script, ended, 20'000);
  CHECK(peak > 0);
  CHECK(peak < 1'000'000);
}

// While the output takes nothing, until nearly all is read.
void check_drops(uint64_t memory, double least) {
  MemoryEnv env;
  Feed feed(40'000);
  Script script;
  const Pipeline* running = nullptr;
  std::atomic<double> dropped = -1;
  script.read = [&](Host host, Chunk& chunk) { return feed.read(host, chunk); };
  script.write = [&]() -> Status { return feed.at() < 3'900'000 ? retry("not yet") : Status(); };
  script.at_output = [&](const nek_control& control) {
    if (control.kind == NEK_FINISH) dropped = metric(*running, "spool_dropped_records");
  };
  PipelineConfig config = spooled(256 << 10, true);
  config.settings.memory = memory;
  config.components[1].buffer.max_bytes = memory / 4;
  const Ended ended = run_script(script, env, config, [&](Pipeline& p) { running = &p; });
  CHECK(ended.failure.empty());
  CHECK(ended.faults.empty());
  CHECK(ended.letters.empty());
  const Texts got = script.delivered(), all = all_lines(40'000);
  CHECK(got.size() == ended.records);
  CHECK(dropped > least);
  CHECK(got.size() + static_cast<size_t>(dropped) == 40'000);
  CHECK(std::is_sorted(got.begin(), got.end(), [](const std::string& a, const std::string& b) {
    return std::stoull(a.substr(5)) < std::stoull(b.substr(5));
  }));
  size_t wrong = 0;
  for (const std::string& record : got)
    wrong += record != all[std::stoull(record.substr(5)) / kLine];
  CHECK(wrong == 0);
  CHECK(got.back() == all.back());
}

TEST_CASE("spooled: drop_oldest loses whole records, counts them, and keeps line numbers") {
  check_drops(64 << 10, 30'000);
}

// The pipeline had taken all that the spool held, and waited for a snapshot for ever: nothing could
// be dropped, and the writer waited too.
TEST_CASE("spooled: drop_oldest goes on also where the pipeline has room for all of the spool") {
  check_drops(64 << 20, 30'000);
}

// A run until something has come, then a crash of the process alone.
void run_and_kill(Script& script, MemoryEnv& env, const std::function<bool()>& what) {
  script.use();
  PipelineOptions options;
  options.env = &env;
  options.data_dir = "data";
  Diagnostics diagnostics("script", "");
  auto pipeline = Pipeline::make(spooled(), options, diagnostics);
  REQUIRE(pipeline->start().ok());
  CHECK(comes(what));
  pipeline->shut_down();
}

// A campaign of 400 kills found 32,285 records of 17 million twice: the source was forgotten when
// it had ended, and its segment was still there at the next start but one.
TEST_CASE("spooled: a source that has ended is known as long as a segment holds it") {
  MemoryEnv env;
  std::atomic<bool> freeze = false;
  env.on_sync_dir([&](const std::string& folder) {
    // The segment cannot be removed when the last snapshot is complete.
    if (folder == "data" && freeze && read_state(env, "data/state")->finished)
      env.set_read_only(true);
  });
  bool begun = false;
  Script first;
  first.read = [&](Host host, Chunk& chunk) -> Status {
    if (!std::exchange(begun, true)) {
      nek_source* whole = open_source(host, "whole", NEK_ONCE);
      chunk.add(whole, 0, "one\n");
      host.end_source(whole);
      chunk.add(open_source(host, "half", NEK_ONCE), 0, "tw");
    }
    return {};
  };
  run_and_kill(first, env, [&] {  // a snapshot knows that it ended, and so forgets it if it may
    const auto sources = read_state(env, "data/state")->sources;
    return std::ranges::any_of(sources, [](const SourceState& source) {
      return source.identity == "whole" && source.at.ended;
    });
  });
  REQUIRE(first.delivered() == Texts{"whole@0 one"});
  freeze = true;
  Script second;
  const Ended frozen = run_script(second, env, without_snapshots());
  freeze = false;
  env.set_read_only(false);
  CHECK(env.exists("data/spool/in/00000001.spool"));
  Script third;
  CHECK(run_script(third, env, spooled()).failure.empty());
  CHECK(second.delivered().empty());
  CHECK(third.delivered().empty());
}

// A random pipeline that died when its last snapshot was complete told its totals a second time.
TEST_CASE("spooled: what was finished is not finished again because its segment still lies there") {
  MemoryEnv env;
  std::atomic<bool> freeze = true;
  env.on_sync_dir([&](const std::string& folder) {
    if (folder == "data" && freeze && read_state(env, "data/state")->finished)
      env.set_read_only(true);
  });
  Feed feed(10);
  Script first;
  first.read = [&](Host host, Chunk& chunk) { return feed.read(host, chunk); };
  check_all(first, run_script(first, env, without_snapshots()), 10);
  freeze = false;
  env.set_read_only(false);
  REQUIRE(env.exists("data/spool/in/00000001.spool"));
  Script second;
  second.at_output = [&](const nek_control& control) {
    if (control.kind == NEK_FINISH) second.note(control.drain ? "drained" : "finished");
  };
  CHECK(run_script(second, env, spooled()).failure.empty());
  CHECK(second.delivered().empty());
  const Texts events = second.events();
  CHECK(std::count(events.begin(), events.end(), "drained") == 1);
  CHECK(std::count(events.begin(), events.end(), "finished") == 0);
}

TEST_CASE("spooled: a record that a crash has cut is a dead letter of the next run") {
  MemoryEnv env;
  Script first;
  std::atomic<int> reads = 0;
  first.read = [&](Host host, Chunk& chunk) -> Status {
    if (reads++ == 0) chunk.add(open_source(host, "feed", NEK_ONCE), 0, "one\ntw");
    return {};
  };
  run_and_kill(first, env, [&] { return reads >= 3; });
  env.crash();
  Script second;
  const Ended ended = run_script(second, env, spooled());
  CHECK(ended.failure.empty());
  CHECK(ended.faults.empty());
  CHECK(ended.letters == Texts{"unfinished tw"});
  const Texts before = first.delivered(), after = second.delivered();
  CHECK(std::count(before.begin(), before.end(), "feed@0 one") +
            std::count(after.begin(), after.end(), "feed@0 one") >=
        1);
}

TEST_CASE("spooled: messages with columns of their own are refused by name") {
  static const nek_field field = {"key", NEK_UINT64, 0};
  static const nek_schema schema = {1, &field};
  alignas(64) static uint64_t values[16] = {7};
  static nek_column column{};
  column.type = NEK_UINT64;
  column.rows = 1;
  column.values = values;
  static const nek_column* columns[] = {&column};
  MemoryEnv env;
  Script script;
  script.read = [](Host host, Chunk& chunk) -> Status {
    chunk.add(open_source(host, "feed", NEK_ONCE | NEK_MESSAGES), 0, "one");
    chunk.columns(&schema, columns);
    return {};
  };
  const Ended ended = run_script(script, env, spooled());
  CHECK(
      ended.failure ==
      "in: messages with columns of their own cannot go through the spool; say spool: { max_bytes: "
      "0 }");
}

}  // namespace
}  // namespace nek::test
