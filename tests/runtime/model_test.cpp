// SPDX-License-Identifier: Apache-2.0
// Random pipelines against a model of what must come of them, with crashes, stops, failing and slow
// outputs, tiny budgets and full queues. NEK_MODEL_RUNS and NEK_MODEL_SEED choose how many and
// which.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>

#include "memory_env.h"
#include "model.h"
#include "model_plugins.h"
#include "runtime/pipeline.h"
#include "runtime/spool_file.h"
#include "util/log.h"

namespace nek::test {
namespace {

using std::chrono::milliseconds;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kRuns = 200;  // each takes several times as long
#else
constexpr uint64_t kRuns = 600;
#endif

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value ? std::strtoull(value, nullptr, 10) : otherwise;
}

template <class Values>
std::multiset<uint64_t> as_multiset(const Values& values) {
  return {values.begin(), values.end()};
}

// The first few values that one has more often than the other.
std::string more_in(const std::multiset<uint64_t>& one, const std::multiset<uint64_t>& other) {
  std::vector<uint64_t> more;
  std::set_difference(one.begin(), one.end(), other.begin(), other.end(), std::back_inserter(more));
  std::string text;
  for (size_t i = 0; i < std::min<size_t>(more.size(), 5); i++)
    text += " " + std::to_string(more[i]);
  return std::to_string(more.size()) + (text.empty() ? "" : " (" + text.substr(1) + ")");
}

class Run {
 public:
  explicit Run(uint64_t seed) : seed_(seed), random_(seed * 31 + 7) {
    world_.random.seed(static_cast<uint32_t>(seed) + 1);
    set_world(&world_);
    env_.on_sync_dir([this](const std::string& folder) {
      if (folder != "data") return;
      note_state();
      if (syncs_left_.fetch_sub(1) == 1) env_.set_read_only(true);
    });
  }

  // What went wrong, empty when nothing did.
  std::string play() {
    for (uint32_t left = random_() % 4;; left--) {
      const Plan plan = make_plan(seed_);
      Diagnostics diagnostics("model", "");
      auto pipeline = Pipeline::make(plan.config, options(), diagnostics);
      if (!pipeline) return "not made: " + diagnostics.print();
      const Status status = pipeline->start();
      if (!status.ok()) return "not started: " + status.message();
      if (left > 0) {
        const std::string fault = interrupt(*pipeline, plan);
        if (!fault.empty()) return fault;
        continue;
      }
      std::string fault = finish(*pipeline, plan);
      pipeline.reset();
      if (fault.empty()) fault = again(plan);
      return fault.empty() ? replay(plan) : fault;
    }
  }

 private:
  PipelineOptions options() {
    PipelineOptions options;
    options.env = &env_;
    options.data_dir = "data";
    options.retry = {milliseconds(1), milliseconds(5)};
    return options;
  }
  // A crash, or an order to stop that may be followed by one. Some crashes come right after a
  // state was synced: the disk takes nothing more from there on.
  std::string interrupt(Pipeline& pipeline, const Plan& plan) {
    const bool at_sync = random_() % 3 == 0;
    if (at_sync) syncs_left_ = static_cast<int>(1 + random_() % 4);
    pipeline.wait(milliseconds(random_() % 30));
    const bool stop = random_() % 3 == 0;
    if (stop) {
      pipeline.stop();
      if (!at_sync && random_() % 2) {
        REQUIRE(pipeline.wait(milliseconds(60000)));
      }
    }
    pipeline.shut_down();
    syncs_left_ = 0;
    env_.set_read_only(false);
    world_.crash();
    env_.crash([&](size_t unsynced) { return random_() % (unsynced + 1); });
    for (const Plan::Once& once : plan.once) {
      const std::string fault = resume_feeds(plan.config.components[once.number], once);
      if (!fault.empty()) return fault;
    }
    return {};
  }
  // The writers go on with what the crash has lost: what neither the spool nor the state has.
  std::string resume_feeds(const ComponentConfig& input, const Plan::Once& once) {
    for (uint32_t part = 0; part < 2; part++) {
      World::Feed& feed = world_.feeds[{once.number, part}];
      const uint64_t kept = std::max(in_spool(input.id, feed.identity, once.messages),
                                     complete_[input.id + " " + feed.identity]);
      if (input.spool.fsync_interval_ms == 0 && feed.begin + kept < feed.safe)
        return "lost what its spool had synced: " + std::to_string(feed.safe) + " of " +
               feed.identity + ", there is " + std::to_string(feed.begin + kept);
      feed.next = feed.begin + kept;
      if (!once.messages) feed.next -= feed.next % 8;  // a number that was cut comes again
    }
    return {};
  }
  uint64_t in_spool(const std::string& input, const std::string& identity, bool messages) {
    uint64_t end = 0;
    const std::string folder = "data/spool/" + input;
    const auto names = *env_.list(folder);
    for (const std::string& name : names) {
      const std::string bytes = env_.content(folder + "/" + name);
      std::map<uint64_t, std::string> sources;
      for (const SpoolFrame& frame : scan_spool(bytes).frames) {
        SpoolSource source;
        SpoolChunk chunk;
        if (frame.kind == kSpoolSource && read_spool_source(frame, source))
          sources[source.number] = source.identity;
        else if (read_spool_chunk(frame.head, frame.body.size(), chunk))
          for (const SpoolPiece& piece : chunk.pieces)
            if (sources[piece.source] == identity)
              end = std::max(end, piece.position + (messages ? 1 : piece.size));
      }
    }
    return end;
  }
  // A source that has ended and is complete is not in the next state any more.
  void note_state() {
    const auto state = read_state(env_, "data/state");
    if (!state.ok()) return;
    const std::lock_guard lock(world_.mutex);
    for (const SourceState& source : state->sources) {
      uint64_t& position = complete_[source.input + " " + source.identity];
      position = std::max(position, source.at.position);
    }
  }
  std::string finish(Pipeline& pipeline, const Plan& plan) {
    if (!pipeline.wait(milliseconds(60000))) return "it hangs";
    pipeline.shut_down();
    if (!pipeline.failure().empty()) return "failed: " + pipeline.failure();
    const auto faults = pipeline.ledger().faults(pipeline.graph(), pipeline.config());
    if (!faults.empty()) return "ledger: " + faults[0];
    const std::string memory = check_memory(pipeline);
    return memory.empty() ? check(plan) : memory;
  }
  // A run after the end adds nothing.
  std::string again(const Plan& plan) {
    Diagnostics diagnostics("model", "");
    auto pipeline = Pipeline::make(plan.config, options(), diagnostics);
    const Status status = pipeline->start();
    if (!status.ok()) return "not started again: " + status.message();
    if (!pipeline->wait(milliseconds(60000))) return "it hangs when run again";
    pipeline->shut_down();
    const std::string fault = check(plan);
    return fault.empty() ? fault : "when run again: " + fault;
  }
  // When nothing is refused any more the dead letters arrive where they were missing, and nothing
  // comes twice anywhere, whatever crashes.
  std::string replay(const Plan& before) {
    if (!before.expected.once || !before.expected.dead_letters_known) return {};
    for (const auto& [number, drops] : before.expected.may_drop)
      if (drops) return {};
    world_.mended = true;
    const Plan plan = make_plan(seed_, true);
    PipelineOptions replaying = options();
    replaying.replay = LetterSelection();
    for (uint32_t left = random_() % 4;; left--) {
      Diagnostics diagnostics("model", "");
      auto pipeline = Pipeline::make(plan.config, replaying, diagnostics);
      const Status status = pipeline->start();
      if (!status.ok()) return "replay not started: " + status.message();
      if (left > 0) {
        const std::string fault = interrupt(*pipeline, plan);
        if (!fault.empty()) return fault;
        continue;
      }
      if (!pipeline->wait(milliseconds(60000))) return "the replay hangs";
      pipeline->shut_down();
      if (!pipeline->failure().empty()) return "the replay failed: " + pipeline->failure();
      break;
    }
    // A replay that was told to stop leaves the end to the next run.
    const std::string fault = again(plan);
    return fault.empty() ? fault : "when replayed: " + fault;
  }
  static std::string check_memory(const Pipeline& pipeline) {
    const PipelineSettings& s = pipeline.config().settings;
    const uint64_t admitted = s.chunk_bytes * 4;
    const uint64_t chunks = s.memory / admitted + 1;
    // A record is 8 bytes in and 24 bytes out, for each output, and may come by two streams and as
    // a count.
    // Its columns begin at multiples of 64 bytes, with as many behind them.
    const uint64_t bound =
        s.memory + admitted +
        chunks * pipeline.config().components.size() * (s.chunk_bytes * 20 + 4096);
    const uint64_t peak = pipeline.progress().peak_memory;
    if (peak > bound)
      return "memory " + std::to_string(peak) + " over its bound " + std::to_string(bound);
    const uint64_t left = pipeline.progress().memory;
    return left ? "memory still in flight: " + std::to_string(left) : "";
  }
  std::string check(const Plan& plan) {
    const Plan::Expected& expected = plan.expected;
    for (const auto& [number, values] : expected.disks) {
      auto got = as_multiset(world_.disks[number].written);
      const auto want = as_multiset(values);
      // A total is told at the end of each run that has new records.
      if (world_.mended)
        std::erase_if(got, [&](auto v) { return v >= kTotal && !want.contains(v); });
      if (world_.mended)
        for (const uint64_t v : want)
          while (v >= kTotal && got.count(v) > 1) got.erase(got.find(v));
      if (expected.may_drop.at(number)) {
        if (!std::includes(want.begin(), want.end(), got.begin(), got.end()))
          return "disk " + std::to_string(number) + " has what was never sent";
      } else if (got != want) {
        return "disk " + std::to_string(number) + " has too many: " + more_in(got, want) +
               ", too few: " + more_in(want, got);
      }
    }
    for (const auto& [number, values] : expected.servers) {
      const auto& stored = world_.servers[number].values;
      std::set<uint64_t> got(stored.begin(), stored.end());
      if (world_.mended)
        std::erase_if(got, [&](uint64_t v) { return v >= kTotal && !values.contains(v); });
      if (expected.may_drop.at(number)) {
        if (!std::includes(values.begin(), values.end(), got.begin(), got.end()))
          return "server " + std::to_string(number) + " has what was never sent";
      } else if (got != values) {
        return "server " + std::to_string(number) + " has " + std::to_string(got.size()) +
               " values, expected " + std::to_string(values.size());
      }
    }
    if (!expected.dead_letters_known) return {};
    std::string lines;
    const auto names = env_.list("data");
    for (const std::string& name : *names)
      if (name.starts_with("dead-letters") && name.ends_with(".ndjson"))
        lines += env_.content("data/" + name);
    const auto count = static_cast<uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
    if (count == expected.dead_letters) return {};
    return std::to_string(count) + " dead letters, expected " +
           std::to_string(expected.dead_letters);
  }

  const uint64_t seed_;
  std::minstd_rand random_;
  World world_;
  MemoryEnv env_;
  std::atomic<int> syncs_left_ = 0;           // of the data folder, until the disk takes no more
  std::map<std::string, uint64_t> complete_;  // input and identity: position in a snapshot
};

TEST_CASE("a random pipeline delivers what the model foretells, whatever crashes, stops or fails",
          "[model]") {
  set_log_level(NEK_ERROR);  // faults are what this is about
  const uint64_t runs = from_environment("NEK_MODEL_RUNS", kRuns);
  const uint64_t first = from_environment("NEK_MODEL_SEED", 1);
  for (uint64_t seed = first; seed < first + runs; seed++) {
    const std::string fault = Run(seed).play();
    if (fault.empty()) continue;
    FAIL("seed " << seed << ": " << fault << "; again: NEK_MODEL_SEED=" << seed
                 << " NEK_MODEL_RUNS=1");
  }
  SUCCEED();
}

}  // namespace
}  // namespace nek::test
