// SPDX-License-Identifier: Apache-2.0
#include "runtime/route.h"

#include <ranges>

namespace nek {
namespace {

// The component itself, and all that its records come to.
std::vector<bool> below(const Graph& graph, uint32_t component) {
  std::vector<bool> reached(graph.nodes.size());
  reached[component] = true;
  for (const uint32_t step : graph.steps)
    for (const auto& [from, stream] : graph.nodes[step].sources)
      if (reached[from]) reached[step] = true;
  return reached;
}

// All that its records come from.
std::vector<bool> above(const Graph& graph, uint32_t component) {
  std::vector<bool> reached(graph.nodes.size());
  const auto mark = [&](uint32_t reader) {
    for (const auto& [from, stream] : graph.nodes[reader].sources) reached[from] = true;
  };
  mark(component);
  for (const uint32_t step : std::views::reverse(graph.steps))
    if (reached[step]) mark(step);
  return reached;
}

}  // namespace

Route route_through(const Graph& graph, uint32_t entry) {
  Route route{entry, {}, above(graph, entry)};
  const std::vector<bool> reached = below(graph, entry);
  for (uint32_t i = 0; i < graph.nodes.size(); i++) {
    auto& open = route.sources.emplace_back();
    for (const auto& edge : graph.nodes[i].sources)
      if (i == entry || route.above[i] || reached[edge.first]) open.push_back(edge);
  }
  return route;
}

Route route_from(const Graph& graph, uint32_t entry) {
  Route route{entry, {}, std::vector<bool>(graph.nodes.size())};
  const std::vector<bool> reached = below(graph, entry);
  for (uint32_t i = 0; i < graph.nodes.size(); i++) {
    auto& open = route.sources.emplace_back();
    for (const auto& edge : graph.nodes[i].sources) {
      if (i == entry && open.empty()) open.push_back(edge);
      if (i != entry && reached[edge.first]) open.push_back(edge);
    }
  }
  return route;
}

}  // namespace nek
