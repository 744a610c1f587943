// SPDX-License-Identifier: Apache-2.0
#include "cli/report.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/dead_letter_reasons.h"
#include "cli/summary.h"

namespace nek {
namespace {

using Json = nlohmann::ordered_json;

Json streams_of(const Pipeline& pipeline, const Ledger& ledger) {
  Json streams = Json::array();
  for (size_t i = 0; i < ledger.streams.size(); i++) {
    for (size_t s = 0; s < ledger.streams[i].size(); s++) {
      const StreamLedger& l = ledger.streams[i][s];
      streams.push_back({{"component", pipeline.config().components[i].id},
                         {"stream", pipeline.graph().nodes[i].streams[s].name},
                         {"in", l.in},
                         {"created", l.created},
                         {"out", l.out},
                         {"filtered", l.filtered},
                         {"absorbed", l.absorbed},
                         {"dead_letters", l.dead}});
    }
  }
  return streams;
}

Json outputs_of(const Pipeline& pipeline, const Ledger& ledger) {
  Json outputs = Json::array();
  for (size_t i = 0; i < ledger.outputs.size(); i++) {
    if (pipeline.config().components[i].kind != Kind::kOutput) continue;
    const OutputLedger& l = ledger.outputs[i];
    outputs.push_back({{"component", pipeline.config().components[i].id},
                       {"in", l.in},
                       {"delivered", l.delivered},
                       {"duplicate", l.duplicate},
                       {"dropped", l.dropped},
                       {"dead_letters", l.dead},
                       {"in_flight", l.in_flight()}});
  }
  return outputs;
}

// By input, where it has a spool that was used.
Json spools_of(const Pipeline& pipeline) {
  Json spools = Json::object();
  pipeline.metrics().visit([&](const nek_metric& m) {
    if (m.name.starts_with("spool_"))
      spools[m.component][m.name.substr(6)] = static_cast<uint64_t>(m.value.load());
  });
  return spools;
}

// By component and name. Of a histogram: the sum and how many were observed.
Json metrics_of(const Pipeline& pipeline) {
  Json metrics = Json::object();
  const auto number = [](double value) {
    // A sum of integers stays one.
    const bool integer = std::abs(value) < 9e15 && value == std::trunc(value);
    return integer ? Json(static_cast<int64_t>(value)) : Json(value);
  };
  pipeline.metrics().visit([&](const nek_metric& m) {
    if (m.name.starts_with("spool_")) return;
    Json& of = metrics[m.component][m.name];
    if (m.kind == NEK_HISTOGRAM) {
      of = {{"sum", number(m.value.load())}, {"count", m.count.load()}};
    } else {  // a component's parts may count the same
      of = number(m.value.load() + (of.is_number() && m.kind != NEK_GAUGE ? of.get<double>() : 0));
    }
  });
  return metrics;
}

// A row as an object, so that a program need not count columns.
Json tables_of(const std::vector<SummaryTable>& tables) {
  Json all = Json::array();
  for (const SummaryTable& table : tables) {
    Json rows = Json::array();
    for (const auto& row : table.rows) {
      Json cells = Json::object();
      for (size_t c = 0; c < row.size(); c++) cells[table.columns[c].name] = row[c];
      rows.push_back(std::move(cells));
    }
    all.push_back({{"component", table.component}, {"title", table.title}, {"rows", rows}});
  }
  return all;
}

Json dead_letters_of(const Pipeline& pipeline) {
  Json reasons = Json::array();
  const uint64_t count = pipeline.dead_letters();
  if (count > 0)
    for (const DeadLetterReason& r : last_reasons(pipeline, count))
      reasons.push_back({{"component", r.component},
                         {"reason", r.reason},
                         {"count", r.count},
                         {"example", r.example}});
  return {{"count", count},
          {"path", pipeline.dead_letter_path()},
          {"dropped", pipeline.dropped_dead_letters()},
          {"reasons", reasons}};
}

}  // namespace

Status write_report(const std::string& path, const Pipeline& pipeline, const RunResult& result) {
  const PipelineProgress progress = pipeline.progress();
  const Ledger ledger = pipeline.ledger();
  Json report;
  report["nek"] = NEK_VERSION;
  report["pipeline"] = pipeline.config().name;
  report["exit_code"] = result.exit_code;
  report["failure"] = pipeline.failure();
  report["seconds"] = std::chrono::duration<double>(result.time).count();
  report["records"] = records_of_run(pipeline);
  report["bytes"] = progress.bytes;
  report["peak_memory"] = progress.peak_memory;
  report["data_dir"] = pipeline.data_dir();
  report["dead_letters"] = dead_letters_of(pipeline);
  // With those of earlier runs:
  report["streams"] = streams_of(pipeline, ledger);
  report["outputs"] = outputs_of(pipeline, ledger);
  report["spools"] = spools_of(pipeline);
  report["metrics"] = metrics_of(pipeline);
  report["ledger_faults"] = result.faults;
  report["summaries"] = tables_of(result.tables);
  std::ofstream file(path, std::ios::trunc);
  file << report.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  file.close();
  if (!file) return fail("cannot write the report " + path + ": " + std::strerror(errno));
  return {};
}

}  // namespace nek
