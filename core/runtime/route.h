// SPDX-License-Identifier: Apache-2.0
// Route: which edges of the graph a replayed dead letter may take. It goes through the component
// that refused it and on to what reads from there, and along no way that it went already: other
// branches have it. Thread-safe: plain data, read-only once made.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/graph.h"
#include "runtime/letter.h"

namespace nek {

struct Route {
  uint32_t entry = 0;  // the component that refused
  // What each component reads, as in Graph::Node, of the edges that are open.
  std::vector<std::vector<std::pair<uint32_t, uint32_t>>> sources;
  // It leads to the entry: it only makes the columns again, and neither counts nor derives.
  std::vector<bool> above;
};

// Records are decoded again and pass what stands above the entry. `source`: the one of its sources
// by which they come; none: all.
Route route_through(const Graph& graph, uint32_t entry, std::optional<uint32_t> source);
// Records begin right before the entry, as if they came by `source`; none: by its first.
Route route_from(const Graph& graph, uint32_t entry, std::optional<uint32_t> source);

// Letters of one component on their way, instead of what an input read.
struct Replayed {
  const Route* route = nullptr;      // NULL: all edges
  std::vector<std::string> encoded;  // for the output `route->entry`
  std::vector<Letter> records;       // derived, all with the same columns
  std::string entry;                 // id of the component that refused
  std::string stream;                // by which they came there, where it reads several
  std::vector<std::string> kept;     // lines that stay as they are
};

}  // namespace nek
