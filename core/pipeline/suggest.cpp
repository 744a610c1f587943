// SPDX-License-Identifier: Apache-2.0
#include "pipeline/suggest.h"

#include <algorithm>
#include <cctype>

namespace nek {
namespace {

constexpr size_t kMaxListed = 20;
constexpr size_t kMaxCompared = 64;  // nobody mistypes longer names; keeps the table small

// Edits (insert, delete, replace, swap of neighbours) between two names, letter case ignored.
size_t edit_distance(std::string_view a, std::string_view b) {
  auto same = [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  };
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); i++) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); j++) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); i++) {
    for (size_t j = 1; j <= b.size(); j++) {
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1,
                             cost[i - 1][j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]);
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  if (name.size() > kMaxCompared) return {};
  std::string best;
  size_t best_distance = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kMaxCompared) continue;
    const size_t distance = edit_distance(name, candidate);
    if (distance >= best_distance || distance >= candidate.size()) continue;
    best_distance = distance;
    best = candidate;
  }
  return best;
}

std::string join_names(const std::vector<std::string>& names) {
  std::string out;
  for (size_t i = 0; i < names.size() && i < kMaxListed; i++) out += (i ? ", " : "") + names[i];
  return names.size() > kMaxListed ? out + ", …" : out;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates,
                         const std::string& looked) {
  if (candidates.empty()) return looked;
  const std::string meant = nearest(name, candidates);
  if (!meant.empty()) return "; did you mean '" + meant + "'?";
  return "; there are: " + join_names(candidates) + looked;
}

}  // namespace nek
