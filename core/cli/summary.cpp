// SPDX-License-Identifier: Apache-2.0
#include "cli/summary.h"

#include <algorithm>
#include <cstdio>

namespace nek {
namespace {

using Seconds = std::chrono::duration<double>;
using Rows = std::vector<std::vector<std::string>>;

std::string rounded(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string per_second(uint64_t records, double seconds) {
  return grouped(static_cast<uint64_t>(static_cast<double>(records) / std::max(seconds, 0.001))) +
         "/s";
}

std::string aligned(const Rows& rows) {
  std::vector<size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (size_t c = 0; c < row.size(); c++) widths[c] = std::max(widths[c], row[c].size());
  std::string out;
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); c++) {
      const std::string blanks(widths[c] - row[c].size(), ' ');
      out += c == 0 ? "  " + row[c] + blanks : "  " + blanks + row[c];
    }
    out += '\n';
  }
  return out;
}

}  // namespace

std::string grouped(uint64_t number) {
  std::string out = std::to_string(number);
  for (size_t at = out.size(); at > 3;) out.insert(at -= 3, ",");
  return out;
}

std::string Progress::line(const PipelineProgress& now) {
  const auto time = std::chrono::steady_clock::now();
  std::string out = grouped(now.records) + " records, " +
                    per_second(now.records - records_, Seconds(time - last_).count());
  if (now.total_bytes > 0)
    out +=
        ", " +
        rounded(100.0 * static_cast<double>(now.done_bytes) / static_cast<double>(now.total_bytes),
                1) +
        " %";
  out += ", " + std::to_string(now.memory >> 20) + " MiB in flight";
  last_ = time;
  records_ = now.records;
  return out;
}

std::string ledger_table(const Ledger& ledger, const Graph& graph, const PipelineConfig& config) {
  Rows streams = {{"stream", "in", "created", "out", "filtered", "absorbed", "dead letters"}};
  Rows outputs = {
      {"output", "in", "delivered", "duplicate", "dropped", "dead letters", "in flight"}};
  for (size_t i = 0; i < config.components.size(); i++) {
    const ComponentConfig& component = config.components[i];
    for (size_t s = 0; s < ledger.streams[i].size(); s++) {
      const StreamLedger& l = ledger.streams[i][s];
      const bool only = graph.nodes[i].streams.size() == 1;
      streams.push_back({component.id + (only ? "" : "." + graph.nodes[i].streams[s].name),
                         grouped(l.in), grouped(l.created), grouped(l.out), grouped(l.filtered),
                         grouped(l.absorbed), grouped(l.dead)});
    }
    if (component.kind != Kind::kOutput) continue;
    const OutputLedger& l = ledger.outputs[i];
    outputs.push_back({component.id, grouped(l.in), grouped(l.delivered), grouped(l.duplicate),
                       grouped(l.dropped), grouped(l.dead), grouped(l.in_flight())});
  }
  return aligned(streams) + aligned(outputs);
}

std::string summary(const Pipeline& pipeline, std::chrono::steady_clock::duration time) {
  const uint64_t all = pipeline.progress().records;
  // The ledger begins anew when the components are others than at the last run.
  const uint64_t before = pipeline.restored_records() <= all ? pipeline.restored_records() : 0;
  const double seconds = Seconds(time).count();
  std::string out = pipeline.config().name + ": " + grouped(all - before) + " records in " +
                    rounded(seconds, 2) + " s, " + per_second(all - before, seconds) + "\n";
  if (before > 0) out += "  With the " + grouped(before) + " of earlier runs:\n";
  out += ledger_table(pipeline.ledger(), pipeline.graph(), pipeline.config());
  if (pipeline.dead_letters() > 0)
    out += "  " + grouped(pipeline.dead_letters()) + " dead letters in " +
           pipeline.dead_letter_path() + "\n";
  return out;
}

}  // namespace nek
