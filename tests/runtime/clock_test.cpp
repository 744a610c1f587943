// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>

#include "memory_env.h"
#include "model.h"
#include "model_plugins.h"
#include "runtime/pipeline.h"

namespace nek::test {
namespace {

ComponentConfig component(Kind kind, const nek_plugin* plugin, const nek_plugin* codec,
                          const std::vector<std::pair<const char*, uint64_t>>& options,
                          std::vector<From> from = {}) {
  ComponentConfig config;
  config.kind = kind;
  config.plugin = plugin;
  config.codec = codec;
  config.id = plugin->name;
  config.config = config_of(options);
  config.codec_config = config_of({});
  config.from = std::move(from);
  return config;
}

// Numbers below `count`, each its own time in milliseconds, past the filter watch.
PipelineConfig watched(uint64_t count) {
  PipelineConfig config;
  config.name = "clock";
  config.settings.workers = 2;
  config.settings.chunk_bytes = 200;
  config.components = {component(Kind::kInput, numbers_input(), numbers_decoder(),
                                 {{"count", count}, {"messages", 0}}),
                       component(Kind::kFilter, watch_filter(), nullptr, {}, {{0, "", 0, 0}}),
                       component(Kind::kOutput, disk_output(), text_encoder(),
                                 {{"number", 1}, {"slow", 0}, {"faults", 0}}, {{1, "", 0, 0}})};
  return config;
}

void run(MemoryEnv& env, uint64_t count) {
  PipelineOptions options;
  options.env = &env;
  options.data_dir = "data";
  options.retry = {std::chrono::milliseconds(1), std::chrono::milliseconds(5)};
  Diagnostics diagnostics("clock", "");
  auto pipeline = Pipeline::make(watched(count), options, diagnostics);
  REQUIRE(pipeline);
  REQUIRE(pipeline->start().ok());
  REQUIRE(pipeline->wait(std::chrono::milliseconds(60000)));
  REQUIRE(pipeline->failure().empty());
}

TEST_CASE("watermarks grow to the newest event time, and a restart goes on from there") {
  World world;
  set_world(&world);
  MemoryEnv env;
  run(env, 400);
  REQUIRE(!world.watermarks.empty());
  CHECK(std::is_sorted(world.watermarks.begin(), world.watermarks.end()));
  CHECK(world.watermarks.back() == 399);
  world.watermarks.clear();
  run(env, 400);  // nothing new: only the chunk that says so
  REQUIRE(!world.watermarks.empty());
  CHECK(world.watermarks.front() == 399);
}

}  // namespace
}  // namespace nek::test
