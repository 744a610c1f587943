// SPDX-License-Identifier: Apache-2.0
#include "runtime/pipeline.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <thread>

#include "model.h"
#include "runtime/output.h"
#include "runtime/snapshot.h"
#include "script.h"

namespace nek::test {
namespace {

using Texts = std::vector<std::string>;

void read_one_line(Script& script, const std::string& line) {
  script.read = [line](Host host, Chunk& chunk) {
    nek_source* source = open_source(host, "s");
    if (!source->ended) chunk.add(source, 0, line);
    return end();
  };
}

TEST_CASE("a pipeline that was finished is not finished again by runs that find nothing new") {
  MemoryEnv env;
  Texts finishes;
  for (int run = 0; run < 4; run++) {
    Script script;
    read_one_line(script, "one\n");
    script.control = [&](Call&, const nek_control& control) {
      if (control.kind == NEK_FINISH) finishes.emplace_back(control.drain ? "drained" : "finished");
      return Status();
    };
    CHECK(run_script(script, env, script_config(true)).failure.empty());
    CHECK(script.delivered() == (run == 0 ? Texts{"s@0 one"} : Texts{}));
  }
  CHECK(finishes == Texts{"finished", "drained", "drained", "drained"});
}

TEST_CASE(
    "the ledger goes on in the next run, but not where the pipeline has changed between them") {
  MemoryEnv env;
  Script first, second, third;
  read_one_line(first, "one\n");
  CHECK(run_script(first, env, script_config(true)).records == 1);
  CHECK(run_script(second, env, script_config(true)).records == 1);
  const Ended changed = run_script(third, env, script_config(false));
  CHECK(changed.failure.empty());
  CHECK(changed.faults.empty());
  CHECK(changed.records == 0);
}

TEST_CASE("dead letters whose state is gone are set aside, not cut") {
  MemoryEnv env;
  for (const char* line : {"first\n", "second\n", "third\n"}) {
    Script script;
    read_one_line(script, line);
    script.decode = [](Call&, const nek_chunk&) { return refuse("all of it"); };
    CHECK(run_script(script, env, script_config(false)).failure.empty());
    REQUIRE(env.remove("data/state").ok());
  }
  CHECK(env.content("data/dead-letters.ndjson.old").find("first") != std::string::npos);
  CHECK(env.content("data/dead-letters.ndjson.old-2").find("second") != std::string::npos);
  CHECK(env.content("data/dead-letters.ndjson").find("third") != std::string::npos);
}

TEST_CASE("before a pipeline that has run reads on, a snapshot knows an output that is new") {
  MemoryEnv env;
  Script first;
  read_one_line(first, "one\n");
  CHECK(run_script(first, env, script_config(false)).failure.empty());
  Script second;
  Texts known;
  second.read = [&](Host, Chunk&) {
    if (const auto state = read_state(env, "data/state"); known.empty() && state.ok())
      known = state->ids;
    return end();
  };
  PipelineConfig config = script_config(false);
  config.components.push_back(config.components[1]);
  config.components[2].id = "new";
  CHECK(run_script(second, env, config).failure.empty());
  CHECK(known == Texts{"in", "out", "new", ""});
}

TEST_CASE("a snapshot whose folder cannot be synced is waited for before anything goes on") {
  MemoryEnv env;
  Script script;
  read_one_line(script, "one\n");
  std::string controls;  // in order, by one thread
  script.at_output = [&](const nek_control& control) {
    if (control.kind == NEK_SNAPSHOT) controls += "snapshot ";
    if (control.kind == NEK_COMMITTED) controls += "committed ";
    if (control.kind == NEK_FINISH) env.fail_dir_syncs(3);
  };
  CHECK(run_script(script, env, script_config(false)).failure.empty());
  CHECK(controls.ends_with("committed snapshot committed "));
  const auto state = read_state(env, "data/state");
  REQUIRE(state.ok());
  CHECK(state->finished);
}

std::multiset<std::string> thread_names() {
  std::multiset<std::string> names;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(thread.path() / "comm");
    std::string name;
    std::getline(file, name);
    names.insert(name);
  }
  return names;
}

TEST_CASE("while a pipeline runs its threads have names that say what they do") {
  MemoryEnv env;
  Script script;
  std::atomic<bool> seen = false;
  std::promise<void> reads;
  script.read = [&, first = true](Host, Chunk&) mutable {
    if (std::exchange(first, false)) reads.set_value();
    return seen ? end() : Status();
  };
  PipelineConfig config = script_config(false);
  config.components[0].id = "flows";
  config.components[1].id = "a_name_that_is_long";
  std::multiset<std::string> names;
  CHECK(run_script(script, env, config, [&](Pipeline&) {
          reads.get_future().wait();
          names = thread_names();
          seen = true;
        }).failure.empty());
  for (const char* name : {"worker 0", "worker 1", "in flows", "out a_name_that", "snapshots"}) {
    INFO(name);
    CHECK(names.count(name) == 1);
  }
}

TEST_CASE("a pipeline that waits for its first snapshot ends at once when it is told to") {
  MemoryEnv env;
  env.set_capacity(0);
  Script script;
  bool read = false;
  script.read = [&](Host, Chunk&) {
    read = true;
    return end();
  };
  const Ended ended =
      run_script(script, env, script_config(false), [](Pipeline& pipeline) { pipeline.stop(); });
  CHECK(ended.failure.empty());
  CHECK(ended.faults.empty());
  CHECK_FALSE(read);
  env.set_capacity(UINT64_MAX);
  Script next;
  read_one_line(next, "one\n");
  CHECK(run_script(next, env, script_config(false)).failure.empty());
  CHECK(next.delivered() == Texts{"s@0 one"});
}

TEST_CASE("a plugin that takes long at the end can ask whether nek is to stop") {
  MemoryEnv env;
  Script script;
  read_one_line(script, "one\n");
  std::promise<void> at_end;
  bool before = true, told = false;
  script.control = [&](Call& call, const nek_control& control) {
    if (control.kind != NEK_FINISH) return Status();
    const nek_host* host = call.c()->host;
    before = host->stopping(host);
    at_end.set_value();
    for (int i = 0; i < 60'000 && !told; i++) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      told = host->stopping(host);
    }
    return Status();
  };
  const Ended ended = run_script(script, env, script_config(true), [&](Pipeline& pipeline) {
    at_end.get_future().wait();
    pipeline.stop();
  });
  CHECK(ended.failure.empty());
  CHECK_FALSE(before);
  CHECK(told);
}

// ---- Plugins that break the rules ---------------------------------------------------------------

std::string refusal_of(const nek_plugin& plugin) {
  Script script;
  PipelineConfig config = script_config(true);
  config.components[1].plugin = &plugin;
  MemoryEnv env;
  return run_script(script, env, config).failure;
}

// As it is written in C++ without plugin.hpp, which would catch it.
template <class Thrown>
nek_status create_throwing(const nek_host*, const nek_value*, void**) {
  throw Thrown("thrown in create");
}
struct Unknown {
  explicit Unknown(const char*) {}
};

TEST_CASE("a plugin that throws when it is made is refused by the pipeline, whatever it throws") {
  nek_plugin plugin = *script_filter();
  plugin.create = create_throwing<std::runtime_error>;
  CHECK(refusal_of(plugin).find("middle: it threw: thrown in create") != std::string::npos);
  plugin.create = create_throwing<Unknown>;
  CHECK(refusal_of(plugin).find("middle: it threw what is no std::exception") != std::string::npos);
}

// A filter without state, whose process() is this.
std::string fault_of_process(nek_status (*process)(void*, nek_call*)) {
  nek_filter steps{};
  steps.size = sizeof steps;
  steps.process = process;
  nek_plugin plugin = *script_filter();
  plugin.filter = &steps;
  plugin.extension = nullptr;
  Script script;
  read_one_line(script, "one\ntwo\n");
  PipelineConfig config = script_config(true);
  config.components[1].plugin = &plugin;
  MemoryEnv env;
  const Ended ended = run_script(script, env, config);
  return ended.failure;
}

TEST_CASE("a plugin that throws in a step ends the pipeline by name") {
  CHECK(fault_of_process([](void*, nek_call*) -> nek_status {
          throw std::runtime_error("thrown in process");
        }) == "middle: it threw: thrown in process");
  CHECK(fault_of_process([](void*, nek_call*) -> nek_status { throw 7; }) ==
        "middle: it threw what is no std::exception");
}

TEST_CASE("a plugin that throws in stop or destroy harms nobody") {
  nek_plugin plugin = *script_filter();
  plugin.stop = [](void*) { throw std::runtime_error("thrown in stop"); };
  plugin.destroy = [](void* self) {
    script_filter()->destroy(self);
    throw std::runtime_error("thrown in destroy");
  };
  CHECK(refusal_of(plugin).empty());
}

template <class... Arguments>
void throw_it(Arguments...) {
  throw std::runtime_error("thrown");
}
constexpr nek_progress_extension kThrowingProgress = {sizeof kThrowingProgress, throw_it};
constexpr nek_summary_extension kThrowingSummary = {sizeof kThrowingSummary, throw_it};
const nek_host* the_host = nullptr;  // of the output

TEST_CASE("a plugin that throws where it has no status to answer harms nobody") {
  nek_input reads = *script_input()->input;
  reads.committed = throw_it;
  nek_plugin input = *script_input();
  input.input = &reads;
  input.extension = [](void*, const char* id) -> const void* {
    if (std::string_view(id) == NEK_PROGRESS) return &kThrowingProgress;
    if (std::string_view(id) == NEK_SUMMARY) return &kThrowingSummary;
    throw std::runtime_error("thrown in extension");
  };
  nek_decoder lines = *script_decoder()->decoder;
  lines.source_close = [](void* self, nek_source* source) {
    script_decoder()->decoder->source_close(self, source);
    throw std::runtime_error("thrown in source_close");
  };
  nek_plugin decoder = *script_decoder();
  decoder.decoder = &lines;
  decoder.lane_free = [](void* self, void* lane) {
    script_decoder()->lane_free(self, lane);
    throw std::runtime_error("thrown in lane_free");
  };
  nek_encoder origins = *script_encoder()->encoder;
  origins.header = [](void*) -> nek_text { throw std::runtime_error("thrown in header"); };
  origins.record_end = [](void*) -> nek_text { throw std::runtime_error("thrown in record_end"); };
  nek_plugin encoder = *script_encoder();
  encoder.encoder = &origins;
  nek_plugin output = *script_output();
  output.create = [](const nek_host* host, const nek_value* config, void** self) {
    the_host = host;
    return script_output()->create(host, config, self);
  };
  Script script;
  read_one_line(script, "one\n");
  script.write = [] {
    CHECK(the_host->header(the_host).size == 0);
    CHECK(the_host->record_end(the_host).size == 0);
    return Status();
  };
  PipelineConfig config = script_config(false);
  config.components[0].plugin = &input;
  config.components[0].codec = &decoder;
  config.components[1].plugin = &output;
  config.components[1].codec = &encoder;
  MemoryEnv env;
  const Ended ended = run_script(script, env, config, [](Pipeline& pipeline) {
    CHECK(pipeline.progress().total_bytes == 0);
    CHECK(pipeline.summaries().empty());
  });
  CHECK(ended.failure.empty());
  CHECK(script.delivered() == Texts{"s@0 one"});
}

std::string failure_of_decoder(const nek_plugin& decoder) {
  Script script;
  read_one_line(script, "one\n");
  PipelineConfig config = script_config(false);
  config.components[0].codec = &decoder;
  MemoryEnv env;
  return run_script(script, env, config).failure;
}

TEST_CASE(
    "a decoder that throws on the reader's thread, or for a worker, ends the pipeline by name") {
  nek_decoder lines = *script_decoder()->decoder;
  nek_plugin decoder = *script_decoder();
  decoder.decoder = &lines;
  lines.frame = [](void*, nek_source*, nek_text, bool) -> size_t {
    throw std::runtime_error("thrown in frame");
  };
  CHECK(failure_of_decoder(decoder) == "in: frame: it threw: thrown in frame");
  lines = *script_decoder()->decoder;
  lines.source_open = [](void*, nek_source*, nek_text) -> nek_status {
    throw std::runtime_error("thrown in source_open");
  };
  CHECK(failure_of_decoder(decoder) == "in: s: it threw: thrown in source_open");
  lines = *script_decoder()->decoder;
  decoder.lane_new = [](void*) -> void* { throw std::runtime_error("thrown in lane_new"); };
  CHECK(failure_of_decoder(decoder) ==
        "in: cannot make what a worker needs: it threw: thrown in lane_new");
}

TEST_CASE("a filter without state that does not send on all records of a pass stream is broken") {
  const std::string fault =
      "middle: broken filter: it did not send on all records that it did not refuse, and stream "
      "'out' is declared NEK_PASS; one that leaves records out is NEK_SUBSET";
  CHECK(fault_of_process([](void*, nek_call*) -> nek_status { return NEK_OK; }) == fault);
  CHECK(fault_of_process([](void*, nek_call* call) -> nek_status {
          const uint64_t keep[] = {1};
          call->host->emit(call, 0, keep, nullptr);
          return NEK_OK;
        }) == fault);
  CHECK(fault_of_process([](void*, nek_call* call) -> nek_status {
          call->host->refuse_row(call, 1, "bad", {"second", 6});
          call->host->emit(call, 0, nullptr, nullptr);
          return NEK_OK;
        }).empty());
}

TEST_CASE("a row that is refused without a reason is the filter's fault") {
  CHECK(fault_of_process([](void*, nek_call* call) -> nek_status {
          call->host->refuse_row(call, 0, nullptr, {nullptr, 0});
          return NEK_OK;
        }) == "middle: broken filter: refuse_row() without a reason");
}

nek_shape the_shape;
std::string refusal_of_shape(const nek_shape& shape) {
  the_shape = shape;
  nek_plugin plugin = *script_filter();
  plugin.shape = [](void*) -> const nek_shape* { return &the_shape; };
  return refusal_of(plugin);
}

TEST_CASE("a plugin whose shape makes no sense is refused with what is wrong") {
  const nek_need need = {"text", NEK_TYPE_BIT(NEK_TEXT), false};
  const nek_stream stream = {"out", NEK_PASS, 0, nullptr};
  const nek_shape good = {sizeof(nek_shape), false, 1, 1, &need, &stream, 0, 0, false};
  const auto says = [](const nek_shape& shape, const char* defect) {
    const std::string refusal = refusal_of_shape(shape);
    INFO(refusal);
    CHECK(refusal.find(std::string("plugin 'middle' has a wrong shape: ") + defect) !=
          std::string::npos);
  };
  nek_shape bad = good;
  bad.size = 8;
  says(bad, "its size is too small");
  bad.size = offsetof(nek_shape, once);  // as plugins have it that were built before
  CHECK(refusal_of_shape(bad).find("wrong shape") == std::string::npos);
  bad = good;
  bad.stream_count = 0;
  says(bad, "a filter without a stream");
  bad = good;
  bad.streams = nullptr;
  says(bad, "it has streams, but does not say which");
  bad = good;
  bad.reads = nullptr;
  says(bad, "it reads columns, but does not say which");
  for (const nek_need& wrong :
       {nek_need{nullptr, 1u << NEK_TEXT, false}, nek_need{"text", 0, false},
        nek_need{"text", 1u << 20, false}, nek_need{"text", 1, false}}) {
    bad = good;
    bad.reads = &wrong;
    says(bad, "it reads a column without a name, or of no type that there is");
  }
  const nek_field no_type = {"added", 0, 0};
  for (const auto& [wrong, defect] : std::initializer_list<std::pair<nek_stream, const char*>>{
           {{nullptr, NEK_PASS, 0, nullptr}, "a stream has no name"},
           {{"out", 9, 0, nullptr}, "a stream is of no kind that there is"},
           {{"out", NEK_PASS, 1, nullptr}, "a stream adds columns, but does not say which"},
           {{"out", NEK_PASS, 1, &no_type},
            "a stream adds a column without a name, or of no type that there is"}}) {
    bad = good;
    bad.streams = &wrong;
    says(bad, defect);
  }
}

// ---- Outputs ------------------------------------------------------------------------------------

TEST_CASE("ticks that an output could not take yet are one tick, the last") {
  Script script;
  script.use();
  MemoryEnv env;
  Metrics metrics;
  Instance instance(*script_output(), 0, "out", env, metrics);
  REQUIRE(instance.create(config_of({})->root()).ok());
  Budget budget(1 << 20);
  DeadLetters letters(env, "data/dead-letters.ndjson", {});
  auto output = Output::make(instance, {}, {}, budget, letters);
  std::mutex mutex;
  std::vector<std::pair<uint32_t, int64_t>> got;
  std::atomic<bool> finished = false;
  script.at_output = [&](const nek_control& control) {
    const std::lock_guard lock(mutex);
    got.emplace_back(control.kind, control.time_ms);
  };
  const auto push = [&](uint32_t kind, int64_t time) {
    Control control;
    control.kind = kind;
    control.time_ms = time;
    output->push(control, 0);
  };
  for (int64_t time = 1; time <= 3; time++) push(NEK_TICK, time);
  for (int64_t time = 4; time <= 6; time++) push(NEK_WATERMARK, time);
  push(NEK_TICK, 7);
  push(NEK_FINISH, 0);
  output->start({[] {}, [](const std::string&) {},
                 [&](const Control& control) {
                   if (control.kind == NEK_FINISH) finished = true;
                 }});
  while (!finished) std::this_thread::yield();
  const std::lock_guard lock(mutex);
  CHECK(got == std::vector<std::pair<uint32_t, int64_t>>{
                   {NEK_TICK, 3}, {NEK_WATERMARK, 6}, {NEK_TICK, 7}, {NEK_FINISH, 0}});
}

}  // namespace
}  // namespace nek::test
