// SPDX-License-Identifier: Apache-2.0
#include "cli/summary.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/dead_letter_reasons.h"
#include "cli/table.h"

namespace nek {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr size_t kShownReasons = 5;

std::string rounded(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string per_second(uint64_t records, double seconds) {
  return grouped(static_cast<uint64_t>(static_cast<double>(records) / std::max(seconds, 0.001))) +
         "/s";
}

}  // namespace

std::string grouped(uint64_t number) {
  std::string out = std::to_string(number);
  for (size_t at = out.size(); at > 3;) out.insert(at -= 3, ",");
  return out;
}

std::string short_time(double seconds) {
  const auto s = static_cast<uint64_t>(std::lround(seconds));
  if (s < 60) return std::to_string(s) + " s";
  if (s < 3600) return std::to_string(s / 60) + " min " + std::to_string(s % 60) + " s";
  return grouped(s / 3600) + " h " + std::to_string(s % 3600 / 60) + " min";
}

std::string Progress::line(const PipelineProgress& now) {
  const auto time = Clock::now();
  std::string out = grouped(now.records) + " records, " +
                    per_second(now.records - last_records_, Seconds(time - last_).count());
  if (now.total_bytes > 0) {
    const auto done = static_cast<double>(now.done_bytes);
    const auto total = static_cast<double>(now.total_bytes);
    const double fresh = done - static_cast<double>(begin_.done_bytes);
    out += ", " + rounded(std::min(100.0 * done / total, 100.0), 1) + " %";
    if (fresh > 0 && total > done)
      out +=
          ", " + short_time((total - done) / fresh * Seconds(time - begin_time_).count()) + " left";
  }
  last_ = time;
  last_records_ = now.records;
  return out;
}

uint64_t records_of_run(const Pipeline& pipeline) {
  const uint64_t all = pipeline.progress().records;
  // The ledger begins anew when the components are others than at the last run.
  const uint64_t before = pipeline.restored_records();
  return before <= all ? all - before : all;
}

namespace {

std::string ledger_table(const Pipeline& pipeline, double seconds) {
  const Ledger ledger = pipeline.ledger();
  const Ledger& before = pipeline.restored_ledger();
  Rows streams = {
      {"stream", "in", "created", "out", "filtered", "absorbed", "dead letters", "per second"}};
  Rows outputs = {{"output", "in", "delivered", "duplicate", "dropped", "dead letters", "in flight",
                   "per second"}};
  for (size_t i = 0; i < ledger.streams.size(); i++) {
    const ComponentConfig& component = pipeline.config().components[i];
    const auto& names = pipeline.graph().nodes[i].streams;
    for (size_t s = 0; s < ledger.streams[i].size(); s++) {
      const StreamLedger &l = ledger.streams[i][s], &b = before.streams[i][s];
      const uint64_t handled = l.in + l.created - b.in - b.created;
      streams.push_back({component.id + (names.size() == 1 ? "" : "." + names[s].name),
                         grouped(l.in), grouped(l.created), grouped(l.out), grouped(l.filtered),
                         grouped(l.absorbed), grouped(l.dead), per_second(handled, seconds)});
    }
    if (component.kind != Kind::kOutput) continue;
    const OutputLedger &l = ledger.outputs[i], &b = before.outputs[i];
    outputs.push_back({component.id, grouped(l.in), grouped(l.delivered), grouped(l.duplicate),
                       grouped(l.dropped), grouped(l.dead), grouped(l.in_flight()),
                       per_second(l.in - b.in, seconds)});
  }
  const auto numbers = [](size_t column) { return column > 0; };
  return table(streams, "  ", numbers) + table(outputs, "  ", numbers);
}

// What never became a record, as the ledger counts them.
std::string spool_lines(const Pipeline& pipeline) {
  std::string out;
  pipeline.metrics().visit([&](const nek_metric& m) {
    const auto value = static_cast<uint64_t>(m.value.load());
    if (value == 0) return;
    if (m.name == "spool_dropped_records")
      out += "  " + grouped(value) + " records dropped by the full spool of " + m.component + "\n";
    if (m.name == "spool_damaged_bytes")
      out += "  " + grouped(value) + " bytes of the spool of " + m.component + " were damaged\n";
  });
  return out;
}

// What components say that they lost.
std::string loss_lines(const Pipeline& pipeline) {
  std::string out;
  pipeline.metrics().visit([&](const nek_metric& m) {
    const auto value = static_cast<uint64_t>(m.value.load());
    if (m.kind != NEK_LOSS || value == 0) return;
    out += "  " + m.component + ": " + grouped(value) + " " + m.name + ": " + m.help + "\n";
  });
  return out;
}

std::string reason_lines(const std::vector<DeadLetterReason>& reasons) {
  std::string out;
  for (size_t i = 0; i < std::min(reasons.size(), kShownReasons); i++) {
    const DeadLetterReason& r = reasons[i];
    out += "    " + grouped(r.count) + "  " + r.component + ": " + r.reason + ", for example " +
           r.example + "\n";
  }
  return out;
}

std::string dead_letter_lines(const Pipeline& pipeline) {
  const uint64_t count = pipeline.dead_letters();
  if (count == 0) return {};
  std::string out = "  " + grouped(count) +
                    (count == 1 ? " dead letter in " : " dead letters in ") +
                    pipeline.dead_letter_path() + "\n";
  if (const uint64_t dropped = pipeline.dropped_dead_letters())
    out += "    The oldest " + grouped(dropped) + " were taken away to make room.\n";
  const auto reasons = last_reasons(pipeline, count);
  return out + reason_lines(reasons);
}

// Refused and dropped records are read and not delivered.
std::string done_before(const Pipeline& pipeline, uint64_t records) {
  const DeadLetterState state = pipeline.dead_letter_state();
  const uint64_t letters = state.letters();
  uint64_t dropped = 0;
  for (const OutputLedger& output : pipeline.restored_ledger().outputs) dropped += output.dropped;
  const std::string out = "all " + grouped(records) + " records were ";
  if (letters == 0 && dropped == 0 && state.dropped == 0) return out + "delivered by earlier runs";
  std::string left;
  if (letters == kUnknownLetters) {
    left = "; there are dead letters in " + pipeline.dead_letter_path();
  } else if (letters > 0) {
    left = "; " + grouped(letters) +
           (letters == 1 ? " dead letter is in " : " dead letters are in ") +
           pipeline.dead_letter_path() +
           ": 'nek dead-letters ls' shows why, 'nek replay' hands them in again";
  }
  if (state.dropped > 0)
    left += "; " + grouped(state.dropped) + " older dead letters were taken away to make room";
  if (dropped > 0) left += "; outputs dropped " + grouped(dropped);
  return out + "read by earlier runs" + left;
}

}  // namespace

std::string summary(const Pipeline& pipeline, std::chrono::steady_clock::duration time) {
  const std::string& name = pipeline.config().name;
  const uint64_t before = pipeline.restored_records(), fresh = records_of_run(pipeline);
  if (fresh == 0 && before > 0 && pipeline.failure().empty())
    return name + ": nothing new; " + done_before(pipeline, before) +
           ". To read them again: --from-start\n";
  const double seconds = Seconds(time).count();
  std::string out = name + ": " + grouped(fresh) + " records in " + rounded(seconds, 2) + " s, " +
                    per_second(fresh, seconds) + "\n";
  if (before > 0 && fresh != pipeline.progress().records)
    out += "  With the " + grouped(before) + " of earlier runs:\n";
  return out + ledger_table(pipeline, seconds) + spool_lines(pipeline) + loss_lines(pipeline) +
         dead_letter_lines(pipeline);
}

std::string component_tables(const std::vector<SummaryTable>& tables) {
  std::string out;
  for (const SummaryTable& of : tables) {
    out += "\n" + of.component + ": " + of.title + "\n";
    if (of.rows.empty()) continue;
    Rows rows(1);
    for (const SummaryTable::Column& column : of.columns) rows[0].push_back(column.name);
    rows.insert(rows.end(), of.rows.begin(), of.rows.end());
    out += table(rows, "  ", [&](size_t c) { return of.columns[c].number; });
  }
  return out;
}

std::string replay_summary(const Pipeline& pipeline, std::chrono::steady_clock::duration time) {
  const std::string& name = pipeline.config().name;
  const ReplayCounts counts = pipeline.replay_counts();
  if (counts.total == 0) return name + ": there are no dead letters\n";
  const double seconds = Seconds(time).count();
  std::string out = name + ": " + grouped(counts.replayed) + " of " + grouped(counts.total) +
                    " dead letters replayed in " + rounded(seconds, 2) + " s";
  if (counts.kept) out += ", " + grouped(counts.kept) + " not selected";
  if (counts.impossible) out += ", " + grouped(counts.impossible) + " cannot be replayed";
  const uint64_t refused = pipeline.replay_refused();
  out += refused ? ", " + grouped(refused) + " refused again\n" : "\n";
  if (counts.replayed) out += ledger_table(pipeline, seconds);
  if (refused == 0) return out;
  const auto reasons = last_reasons(pipeline, pipeline.dead_letters());
  return out + reason_lines(reasons);
}

}  // namespace nek
