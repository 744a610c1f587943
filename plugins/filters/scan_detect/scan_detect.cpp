// SPDX-License-Identifier: Apache-2.0
// scan_detect: who scans the network, over one to two days, and who of them gets a connection.
// Docs: docs/scan-detection.md.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alert_text.h"
#include "code_column.h"
#include "detector.h"
#include "flows.h"
#include "nek/plugin.hpp"
#include "state.h"
#include "state_writer.h"

namespace nek::scan {
namespace {

struct DirectionConfig {
  std::optional<uint32_t> min_pairs, block_pairs, sparse_pairs;
  std::optional<double> min_failed;
};
constexpr auto kDirectionOptions = options<DirectionConfig>(
    option<&DirectionConfig::min_pairs>("min_pairs", "As 'min_pairs', for this direction.",
                                        {.range = "2..1000000"}),
    option<&DirectionConfig::block_pairs>("block_pairs", "As 'block_pairs'.",
                                          {.range = "2..1000000"}),
    option<&DirectionConfig::sparse_pairs>("sparse_pairs", "As 'sparse_pairs'.",
                                           {.range = "2..1000000"}),
    option<&DirectionConfig::min_failed>("min_failed", "As 'min_failed'.", {.range = "0..1"}));

constexpr auto kFieldOptions = options<FlowFields>(
    option<&FlowFields::time>("time", "When the flow began.", {.type = "field", .fallback = "ts"}),
    option<&FlowFields::source>("source", "Source address.", {.type = "field", .fallback = "sa"}),
    option<&FlowFields::source_port>("source_port", "Source port.",
                                     {.type = "field", .fallback = "sp"}),
    option<&FlowFields::target>("target", "Target address.", {.type = "field", .fallback = "da"}),
    option<&FlowFields::port>("port", "Target port; of ICMP the type.",
                              {.type = "field", .fallback = "dp"}),
    option<&FlowFields::protocol>("protocol", "Protocol, by number or name.",
                                  {.type = "field", .fallback = "pr"}),
    option<&FlowFields::flags>("flags", "TCP flags, in any form that the filter flags reads.",
                               {.type = "field", .fallback = "flg"}),
    option<&FlowFields::packets>("packets", "Packets.", {.type = "field", .fallback = "pkt"}),
    option<&FlowFields::bytes>("bytes", "Bytes.", {.type = "field", .fallback = "byte"}),
    option<&FlowFields::egress>("egress", "Interface it left by; 0: it was dropped.",
                                {.type = "field", .fallback = "out"}),
    option<&FlowFields::country>("country", "Country of the source, where a filter made it.",
                                 {.type = "field", .fallback = "sc"}));

struct Config {
  std::vector<std::string> own_networks, allow;
  std::optional<uint32_t> min_pairs, block_pairs, sparse_pairs;
  std::optional<double> min_failed;
  DirectionConfig inbound, outbound, internal;
  bool fast = true;
  uint32_t sampling_rate = 1;
  std::chrono::milliseconds window{}, quiet{};
  Bytes memory;
  std::string outcome;
  FlowFields fields;
};

constexpr auto kOptions = options<Config>(
    option<&Config::own_networks>(
        "own_networks", "Your networks, for the direction of a scan: [10.0.0.0/8, 2001:db8::/32].",
        {.fallback = "[]"}),
    option<&Config::allow>("allow",
                           "Networks that may scan, each perhaps until a day: [10.1.2.3, "
                           "192.0.2.0/24 until 2026-12-31].",
                           {.fallback = "[]"}),
    option<&Config::min_pairs>("min_pairs",
                               "Failed pairs of host and port that make a scan of one port, few "
                               "ports or one host; 25, with sampling 8.",
                               {.range = "2..1000000"}),
    option<&Config::block_pairs>("block_pairs",
                                 "As many for many ports of many hosts; 64, with sampling 12.",
                                 {.range = "2..1000000"}),
    option<&Config::sparse_pairs>("sparse_pairs",
                                  "As many for pairs without a pattern; 96, with sampling 24.",
                                  {.range = "2..1000000"}),
    option<&Config::min_failed>("min_failed",
                                "Share of a source's pairs that failed; 0.5, with sampling 0.75.",
                                {.range = "0..1"}),
    option<&Config::inbound, kDirectionOptions>(
        "inbound", "Other limits for scans from outside of own_networks.", {.fallback = "{}"}),
    option<&Config::outbound, kDirectionOptions>(
        "outbound", "For scans from own_networks to outside: an infected host.",
        {.fallback = "{}"}),
    option<&Config::internal, kDirectionOptions>("internal", "For scans within own_networks.",
                                                 {.fallback = "{}"}),
    option<&Config::fast>("fast",
                          "Also 15 ports of a host, or 25 hosts on a port, within 5 minutes.",
                          {.fallback = "true"}),
    option<&Config::sampling_rate>("sampling_rate",
                                   "One packet in so many was seen by the exporter.",
                                   {.fallback = "1", .range = "1..1000000"}),
    option<&Config::window>("window", "A decision covers this time to twice as much.",
                            {.fallback = "24h", .range = "1h..30d"}),
    option<&Config::quiet>("quiet", "A scan has ended when its source was silent so long.",
                           {.fallback = "24h", .range = "1h..30d"}),
    option<&Config::memory>("memory", "Of the table; 1GiB holds 10 million sources.",
                            {.fallback = "1GiB", .range = "1MiB..64GiB"}),
    option<&Config::outcome>("outcome",
                             "Column of what became of each flow, for the stream flows; without a "
                             "name none is made.",
                             {.fallback = ""}),
    option<&Config::fields, kFieldOptions>("fields", "Names of the columns that are read.",
                                           {.fallback = "{}"}));

Limits limits_of(const Config& config) {
  Limits limits;
  if (config.sampling_rate > 1) limits = {8, 12, 24, 0.75};
  limits.pairs = config.min_pairs.value_or(limits.pairs);
  limits.block_pairs = config.block_pairs.value_or(limits.block_pairs);
  limits.sparse_pairs = config.sparse_pairs.value_or(limits.sparse_pairs);
  limits.failed = config.min_failed.value_or(limits.failed);
  return limits;
}
Limits limits_of(const DirectionConfig& config, const Limits& otherwise) {
  return {config.min_pairs.value_or(otherwise.pairs),
          config.block_pairs.value_or(otherwise.block_pairs),
          config.sparse_pairs.value_or(otherwise.sparse_pairs),
          config.min_failed.value_or(otherwise.failed)};
}

Settings settings_of(const Config& config) {
  Settings settings;
  const auto seconds = [](std::chrono::milliseconds ms) {
    return static_cast<uint32_t>(ms.count() / 1000);
  };
  settings.window = seconds(config.window);
  settings.quiet = seconds(config.quiet);
  settings.fast = config.fast && config.sampling_rate == 1;
  settings.knows_own = !config.own_networks.empty();
  settings.memory = config.memory;
  const Limits all = limits_of(config);
  settings.limits[static_cast<size_t>(Direction::kUnknown)] = all;
  settings.limits[static_cast<size_t>(Direction::kInbound)] = limits_of(config.inbound, all);
  settings.limits[static_cast<size_t>(Direction::kOutbound)] = limits_of(config.outbound, all);
  settings.limits[static_cast<size_t>(Direction::kInternal)] = limits_of(config.internal, all);
  return settings;
}

class ScanDetect {
 public:
  using Lane = FlowReader;
  static constexpr uint32_t kControls = NEK_SNAPSHOT | NEK_FINISH;

  ScanDetect(Host host, Config config)
      : host_(host),
        config_(std::move(config)),
        writer_(host),
        suspects_(host.gauge("suspects",
                             "Sources in the table with too few failed pairs to be "
                             "looked at closely, and those that are.")),
        tracked_(host.gauge("tracked", "Sources that are looked at closely.")),
        evicted_(host.loss("evicted", "Suspects whose place a newer one took.")),
        evicted_tracked_(
            host.loss("evicted_tracked", "Tracked sources whose place a newer one took.")),
        refused_(host.loss("refused", "Sources for which the table had no place.")),
        late_(host.loss("late", "Flows older than two windows, which were not counted.")),
        ahead_(host.loss("ahead", "Flows with a time far ahead, which were not counted.")),
        skipped_(host.loss("skipped", "Flows without a time or an address.")),
        no_flags_(
            host.counter("no_flags", "TCP flows without flags, among which no scan can be seen.")),
        alerts_(host.counter("alerts", "Alerts made.")) {}

  Status setup(Shape& shape) {
    for (const auto& text : config_.own_networks)
      if (const auto wrong = policy_.own.add(text); !wrong.empty())
        return fail_at(host_.at("own_networks"), wrong);
    for (const auto& text : config_.allow)
      if (const auto wrong = policy_.allowed.add(text); !wrong.empty())
        return fail_at(host_.at("allow"), wrong);
    policy_.sampling_rate = config_.sampling_rate;
    columns_ = FlowColumns::need(shape, config_.fields);
    std::vector<Field> adds;
    if (!config_.outcome.empty()) adds.push_back({config_.outcome, NEK_DICT_TEXT});
    flows_ = shape.pass("flows", adds);
    alerts_stream_ = shape.derived("alerts", alert_fields());
    return {};
  }

  Status start(Start start) {
    detector_ = std::make_unique<Detector>(settings_of(config_));
    if (!start.restored().empty()) {
      const std::string wrong = decode(start.restored(), *detector_);
      if (!wrong.empty()) return fail("the state of scan_detect cannot be used: " + wrong);
    }
    outcome_wanted_ = !config_.outcome.empty() && start.wants(config_.outcome);
    const std::vector<std::string> names(kOutcomeNames.begin(), kOutcomeNames.end());
    outcomes_ = host_.dictionary(names);
    writer_.start();
    return {};
  }
  void stop() { writer_.stop(); }

  Status process(Call& call, Lane& lane) const {
    const auto outcomes = call.memory<Outcome>(call.rows());
    Prepared& prepared = call.memory<Prepared>(1)[0];
    lane.read(call, columns_, policy_, outcomes, prepared);
    call.prepare(&prepared);
    const nek_column* outcome = nullptr;
    if (outcome_wanted_) {
      const auto codes = call.memory<int32_t>(call.rows());
      for (uint32_t row = 0; row < call.rows(); row++)
        codes[row] = static_cast<int32_t>(outcomes[row]);
      outcome = &code_column(call, NEK_DICT_TEXT, codes, outcomes_.get());
    }
    if (config_.outcome.empty()) {
      call.emit(flows_);
    } else {
      call.emit(flows_, {outcome});
    }
    return {};
  }

  Status commit(Call& call) {
    const Prepared& prepared = *call.prepared<Prepared>();
    const auto touches = prepared.touches;
    const CallRows rows(call, columns_);
    for (size_t i = 0; i < touches.size(); i++) {
      if (i + kAhead < touches.size()) detector_->prefetch(touches[i + kAhead]);
      detector_->touch(touches[i], rows);
    }
    skipped_.add(static_cast<double>(prepared.skipped));
    if (prepared.no_flags) no_flags_.add(static_cast<double>(prepared.no_flags));
    told_.no_flags += prepared.no_flags;
    give_alerts(call);
    return {};
  }

  void summary(Summary& to) const { write_summary(*detector_, told_.no_flags, to); }

  Status control(Call& call, const nek_control& control) {
    if (control.kind == NEK_SNAPSHOT) {
      writer_.begin(*detector_, control.snapshot);
      return {};
    }
    writer_.hurry();
    if (!control.drain) detector_->finish();
    give_alerts(call);
    return {};
  }

 private:
  static constexpr size_t kAhead = 8;  // touches whose memory is fetched beforehand

  void give_alerts(const Call& call) {
    derive_alerts(call, alerts_stream_, detector_->alerts(), policy_.sampling_rate);
    detector_->alerts().clear();
    const Table::Counts& table = detector_->table().counts();
    const Detector::Counts& counts = detector_->counts();
    suspects_.set(static_cast<double>(table.suspects));
    tracked_.set(static_cast<double>(table.tracked));
    count(evicted_, table.evicted, told_.evicted);
    count(evicted_tracked_, table.evicted_tracked, told_.evicted_tracked);
    count(refused_, table.refused + table.refused_tracked, told_.refused);
    count(late_, counts.late, told_.late);
    count(ahead_, counts.ahead, told_.ahead);
    if (counts.set != told_.set)
      host_.log(NEK_WARN,
                "many flows in a row are much later or older than those before; flows are "
                "now compared with " +
                    std::to_string(detector_->clock.now) +
                    " s since 1970; is an exporter's clock wrong?");
    told_.set = counts.set;
    count(alerts_, counts.alerts, told_.alerts);
  }
  static void count(const Metric& metric, uint64_t now, uint64_t& told) {
    if (now == told) return;
    metric.add(static_cast<double>(now - told));
    told = now;
  }

  Host host_;
  Config config_;
  FlowPolicy policy_;
  FlowColumns columns_{};
  uint32_t flows_ = 0, alerts_stream_ = 0;
  bool outcome_wanted_ = false;
  Dictionary outcomes_;
  std::unique_ptr<Detector> detector_;
  StateWriter writer_;
  struct {
    uint64_t evicted = 0, evicted_tracked = 0, refused = 0, late = 0, ahead = 0, alerts = 0,
             set = 0, no_flags = 0;
  } told_;
  Metric suspects_, tracked_, evicted_, evicted_tracked_, refused_, late_, ahead_, skipped_,
      no_flags_, alerts_;
};

}  // namespace
}  // namespace nek::scan

NEK_EXPORT_PLUGINS(nek::filter<nek::scan::ScanDetect, nek::scan::kOptions>({
    .name = "scan_detect",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary =
        "Finds who scans the network, over one to two days, and who of them gets a connection.",
    .example = "scan_detect: {id: scans, own_networks: [10.0.0.0/8]}",
}));
