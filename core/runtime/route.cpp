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

using Sources = std::vector<std::pair<uint32_t, uint32_t>>;

// All that records which come by these come from.
std::vector<bool> above(const Graph& graph, const Sources& sources) {
  std::vector<bool> reached(graph.nodes.size());
  const auto mark = [&](const Sources& all) {
    for (const auto& [from, stream] : all) reached[from] = true;
  };
  mark(sources);
  for (const uint32_t step : std::views::reverse(graph.steps))
    if (reached[step]) mark(graph.nodes[step].sources);
  return reached;
}

}  // namespace

Route route_through(const Graph& graph, uint32_t entry, std::optional<uint32_t> source) {
  const Sources& all = graph.nodes[entry].sources;
  const Sources entered = source ? Sources{all[*source]} : all;
  Route route{entry, {}, above(graph, entered)};
  const std::vector<bool> reached = below(graph, entry);
  for (uint32_t i = 0; i < graph.nodes.size(); i++) {
    auto& open = route.sources.emplace_back();
    if (i == entry)
      open = entered;
    else
      for (const auto& edge : graph.nodes[i].sources)
        if (route.above[i] || reached[edge.first]) open.push_back(edge);
  }
  return route;
}

Route route_from(const Graph& graph, uint32_t entry, std::optional<uint32_t> source) {
  Route route{entry, {}, std::vector<bool>(graph.nodes.size())};
  const std::vector<bool> reached = below(graph, entry);
  for (uint32_t i = 0; i < graph.nodes.size(); i++) {
    const Sources& all = graph.nodes[i].sources;
    auto& open = route.sources.emplace_back();
    if (i == entry)
      open = {all[source.value_or(0)]};
    else
      for (const auto& edge : all)
        if (reached[edge.first]) open.push_back(edge);
  }
  return route;
}

}  // namespace nek
