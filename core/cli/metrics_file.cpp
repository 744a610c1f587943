// SPDX-License-Identifier: Apache-2.0
#include "cli/metrics_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <vector>

#include "pipeline/scalar.h"
#include "util/log.h"

namespace nek {
namespace {

constexpr std::chrono::seconds kPeriod{10};

std::string label_value(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// Metrics by name, because all samples of one stand together.
class MetricsText {
 public:
  explicit MetricsText(const std::string& pipeline) : pipeline_(label_value(pipeline)) {}

  // `labels`: what stands between the braces, or empty.
  void add(const std::string& name, const char* type, const std::string& help,
           const std::string& component, const std::string& labels, double value,
           const char* suffix = "") {
    Family& family = families_["nek_" + name];
    if (family.samples.empty()) {
      family.type = type;
      family.help = help;
    }
    std::string all = "pipeline=" + pipeline_;
    if (!component.empty()) all += ",component=" + label_value(component);
    if (!labels.empty()) all += "," + labels;
    family.samples.push_back("nek_" + name + suffix + "{" + all + "} " + format_real(value) + "\n");
  }
  std::string text() const {
    std::string out;
    for (const auto& [name, family] : families_) {
      std::string help = family.help;
      std::replace(help.begin(), help.end(), '\n', ' ');
      out.append("# HELP ").append(name).append(" ").append(help).append("\n");
      out.append("# TYPE ").append(name).append(" ").append(family.type).append("\n");
      for (const std::string& sample : family.samples) out += sample;
    }
    return out;
  }

 private:
  struct Family {
    std::string type, help;
    std::vector<std::string> samples;
  };
  const std::string pipeline_;
  std::map<std::string, Family> families_;
};

void add_streams(MetricsText& to, const Pipeline& pipeline, const Ledger& ledger) {
  for (size_t i = 0; i < ledger.streams.size(); i++) {
    for (size_t s = 0; s < ledger.streams[i].size(); s++) {
      const StreamLedger& of = ledger.streams[i][s];
      const auto add = [&](const char* kind, uint64_t records) {
        to.add("stream_records_total", "counter",
               "Records of inputs and filters, by what became of them.",
               pipeline.config().components[i].id,
               "stream=" + label_value(pipeline.graph().nodes[i].streams[s].name) + ",kind=\"" +
                   kind + "\"",
               static_cast<double>(records));
      };
      add("in", of.in);
      add("created", of.created);
      add("out", of.out);
      add("filtered", of.filtered);
      add("absorbed", of.absorbed);
      add("dead_letters", of.dead);
    }
  }
}

void add_outputs(MetricsText& to, const Pipeline& pipeline, const Ledger& ledger) {
  for (size_t i = 0; i < ledger.outputs.size(); i++) {
    if (pipeline.config().components[i].kind != Kind::kOutput) continue;
    const OutputLedger& of = ledger.outputs[i];
    const std::string& id = pipeline.config().components[i].id;
    const auto add = [&](const char* kind, uint64_t records) {
      to.add("output_records_total", "counter", "Records of outputs, by what became of them.", id,
             std::string("kind=\"") + kind + "\"", static_cast<double>(records));
    };
    add("in", of.in);
    add("delivered", of.delivered);
    add("duplicate", of.duplicate);
    add("dropped", of.dropped);
    add("dead_letters", of.dead);
    to.add("output_records_in_flight", "gauge", "Records that an output has and that wait there.",
           id, "", static_cast<double>(of.in_flight()));
  }
}

// A component may have put labels behind the name.
void add_metric(MetricsText& to, const nek_metric& metric, double value) {
  const size_t brace = metric.name.find('{');
  const std::string name = metric.name.substr(0, brace);
  const std::string labels = brace == std::string::npos
                                 ? ""
                                 : metric.name.substr(brace + 1, metric.name.size() - brace - 2);
  switch (metric.kind) {
    case NEK_COUNTER:
      to.add(name + "_total", "counter", metric.help, metric.component, labels, value);
      break;
    case NEK_GAUGE: to.add(name, "gauge", metric.help, metric.component, labels, value); break;
    default:
      to.add(name, "summary", metric.help, metric.component, labels, value, "_sum");
      to.add(name, "summary", metric.help, metric.component, labels,
             static_cast<double>(metric.count.load()), "_count");
  }
}

void add_metrics(MetricsText& to, const Pipeline& pipeline) {
  // A component's parts may count the same.
  std::map<std::pair<std::string, std::string>, std::pair<const nek_metric*, double>> sums;
  pipeline.metrics().visit([&](const nek_metric& metric) {
    auto& [first, sum] = sums[{metric.component, metric.name}];
    if (!first) first = &metric;
    sum = metric.value.load() + (metric.kind == NEK_GAUGE ? 0 : sum);
  });
  for (const auto& [name, of] : sums) add_metric(to, *of.first, of.second);
}

}  // namespace

std::string metrics_text(const Pipeline& pipeline) {
  MetricsText to(pipeline.config().name);
  const Ledger ledger = pipeline.ledger();
  const PipelineProgress progress = pipeline.progress();
  add_streams(to, pipeline, ledger);
  add_outputs(to, pipeline, ledger);
  add_metrics(to, pipeline);
  to.add("dead_letters_total", "counter", "Records and bytes that nothing could take.", "", "",
         static_cast<double>(pipeline.dead_letters()));
  to.add("read_bytes_total", "counter", "Bytes that inputs have read.", "", "",
         static_cast<double>(progress.bytes));
  to.add("memory_bytes", "gauge", "What records under way take, of settings.memory.", "", "",
         static_cast<double>(progress.memory));
  return to.text();
}

void MetricsFile::update() {
  const auto now = std::chrono::steady_clock::now();
  if (path_.empty() || now < next_) return;
  next_ = now + kPeriod;
  const Status status = write();
  if (!status.ok() && !told_) log_line(NEK_WARN, "", status.message());
  told_ = !status.ok();
}

Status MetricsFile::write() {
  if (path_.empty()) return {};
  const std::string next = path_ + ".next";
  std::ofstream file(next, std::ios::trunc);
  file << metrics_text(pipeline_);
  file.close();
  if (!file || std::rename(next.c_str(), path_.c_str()) != 0) {
    const std::string why = std::strerror(errno);
    unlink(next.c_str());
    return fail("cannot write the metrics " + path_ + ": " + why);
  }
  return {};
}

}  // namespace nek
