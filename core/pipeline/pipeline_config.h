// SPDX-License-Identifier: Apache-2.0
// PipelineConfig: a pipeline YAML after validation; what the host creates instances from.
// Plain data; not thread-safe while being built, read-only and shareable afterwards.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "nek/plugin.h"

namespace nek {

// A tree of nek_value and the memory that it points into; the address of root() never changes.
class ConfigTree {
 public:
  ConfigTree();
  const nek_value& root() const { return *root_; }
  nek_value& root() { return *root_; }
  nek_text keep(std::string text);  // copies; valid as long as the tree
  nek_value* keep_items(std::vector<nek_value> items);

 private:
  std::unique_ptr<nek_value> root_;
  std::deque<std::string> texts_;
  std::deque<std::vector<nek_value>> items_;
};

enum class Kind : uint8_t { kInput, kFilter, kOutput };
const char* kind_name(Kind kind);  // "input" ...

// A stream that a component reads, as written in `from` or found out by position.
struct From {
  uint32_t component = 0;  // index into PipelineConfig::components
  std::string stream;      // empty: its only stream
  uint32_t line = 0, column = 0;
};

struct OutputBuffer {
  uint64_t max_bytes = uint64_t{24} << 20;
  bool drop_newest = false;
};

// Of inputs that cannot be read again: what was read waits there, on disk.
struct InputSpool {
  uint64_t max_bytes = uint64_t{1} << 30;  // 0: no spool
  uint64_t fsync_interval_ms = 1000;
  bool drop_oldest = false;
};

// How much the dead letters may take, and what happens then.
struct DeadLetterRoom {
  uint64_t max_bytes = uint64_t{1} << 30;
  bool drop_oldest = false;  // else the pipeline stops, and nothing is lost
};

struct ComponentConfig {
  Kind kind = Kind::kFilter;
  std::string id;  // unique; default: the plugin's name, then name_2 ...
  const nek_plugin* plugin = nullptr;
  const nek_plugin* codec = nullptr;         // inputs: decoder; outputs: encoder, or none
  std::shared_ptr<ConfigTree> config;        // the plugin's own options
  std::shared_ptr<ConfigTree> codec_config;  // the codec's
  std::vector<From> from;                    // empty for inputs
  OutputBuffer buffer;                       // outputs
  InputSpool spool;                          // inputs
  uint32_t line = 0, column = 0;             // of its entry in the file
};

struct PipelineSettings {
  uint32_t workers = 0;                        // 0: one a core
  uint64_t memory = uint64_t{256} << 20;       // bound of what is in flight, bytes
  uint64_t chunk_bytes = uint64_t{256} << 10;  // with its columns in a second level cache
  uint64_t max_record_bytes = uint64_t{1} << 20;
  uint64_t linger_ms = 200;
  uint64_t snapshot_interval_ms = 1000;
  uint64_t snapshot_bytes = uint64_t{64} << 20;
  uint64_t shutdown_timeout_ms = 30000;
  uint64_t max_dead_letters = UINT64_MAX;  // with more of them the exit code is not 0
  DeadLetterRoom dead_letters;
  std::string data_dir;  // empty: the default
  bool strict = false;
};

struct PipelineConfig {
  std::string file, name;
  PipelineSettings settings;
  std::vector<ComponentConfig> components;  // inputs, then filters, then outputs, in file order
};

}  // namespace nek
