// SPDX-License-Identifier: Apache-2.0
// Graph: who reads whose streams, in which order steps run, and which columns anyone reads.
// It turns what users write (`from`) and what plugins declare (shapes) into what the executor
// follows. Plain data; read-only after make_graph.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pipeline/diagnostics.h"
#include "pipeline/pipeline_config.h"

namespace nek {

// Shapes of one component's instances, from their shape() call.
struct ComponentShape {
  const nek_shape* plugin = nullptr;
  const nek_shape* codec = nullptr;  // of the decoder or encoder; NULL where there is none
};

// Reads nothing and has no streams.
inline constexpr nek_shape kNoShape = [] {
  nek_shape none{};
  none.size = sizeof none;
  return none;
}();

// Why an input whose messages have columns cannot be one that is read once and has a spool.
inline constexpr const char* kColumnsAndSpool =
    "messages with columns of their own cannot go through the spool; say spool: { max_bytes: 0 }";

// A set of column names, or all columns.
struct ColumnSet {
  bool all = false;
  std::vector<std::string> names;  // sorted, unique
  bool contains(std::string_view name) const;
};

struct Graph {
  struct Stream {
    std::string name;
    uint32_t kind = NEK_PASS;
    std::vector<uint32_t> readers;  // components, in steps order
    ColumnSet needed;               // columns of this stream that anyone downstream reads
  };
  struct Node {
    std::vector<std::pair<uint32_t, uint32_t>> sources;  // (component, stream) read by this one
    std::vector<std::string> source_names;               // of these, as 'from' calls them
    std::vector<Stream> streams;                         // inputs have one: their decoder's
    ColumnSet
        wanted;  // inputs: columns to decode; filters: of those it adds, the ones anyone reads
  };
  std::vector<Node> nodes;      // one a component, same index
  std::vector<uint32_t> steps;  // filters and outputs, each after all that it reads from
};

// Reports to `diagnostics`: a stream that does not exist or is ambiguous, a cycle, a needed column
// that nobody makes or that has another type, a column added where one of that name is already,
// unless the filter reads it and so replaces it; warns of a stream that nobody reads. Nothing on
// error.
std::optional<Graph> make_graph(const PipelineConfig& config,
                                std::span<const ComponentShape> shapes, Diagnostics& diagnostics);

}  // namespace nek
