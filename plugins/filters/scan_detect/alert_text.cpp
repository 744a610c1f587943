// SPDX-License-Identifier: Apache-2.0
#include "alert_text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace nek::scan {
namespace {

constexpr std::string_view kTypes[] = {"none",   "vertical", "horizontal",
                                       "strobe", "block",    "sparse"};
constexpr std::string_view kDirections[] = {"unknown", "inbound", "outbound", "internal"};
constexpr std::string_view kActions[] = {"scan_new", "scan_grown", "scan_open_port",
                                         "scan_connected", "scan_ended"};
constexpr std::string_view kProtocols[] = {"tcp", "udp", "icmp"};

int64_t severity(const Alert& alert) {
  if (alert.action == Action::kConnected) return 73;
  if (alert.action == Action::kOpenPort) return 60;
  return alert.type == Type::kSparse ? 21 : 47;
}

std::string_view transport(const Tracked& source) {
  if (source.udp * 2 > source.probes) return kProtocols[1];
  return kProtocols[source.icmp * 2 > source.probes ? 2 : 0];
}

// Of MITRE ATT&CK.
std::string_view technique(const Alert& alert) {
  if (alert.direction == Direction::kInbound) return "T1595.001";  // Scanning IP Blocks
  if (transport(alert.source) == "icmp") return "T1018";           // Remote System Discovery
  return "T1046";                                                  // Network Service Discovery
}

std::string_view rule_name(const Alert& alert) {
  switch (alert.action) {
    case Action::kConnected: return "A scanner has a connection";
    case Action::kOpenPort: return "A scanner found an open port";
    default: return "Scan of hosts or ports";
  }
}

std::string message(const Alert& alert) {
  const Evidence& e = alert.evidence;
  std::string text = source_text(alert.source) + ": " + std::string(name_of(alert.type)) +
                     " scan of " + std::to_string(e.hosts) +
                     (e.hosts == 1 ? " host, " : " hosts, ") + std::to_string(e.ports) +
                     (e.ports == 1 ? " port" : " ports");
  if (alert.destination.family != Family::kNone) {
    text += alert.action == Action::kConnected ? "; connected to " : "; found open: ";
    text += endpoint_text(alert.destination);
  }
  if (alert.action == Action::kEnded) text += "; ended";
  return text;
}

std::vector<std::string> top_ports(const Tracked& source) {
  std::vector<PortCount> ports(source.ports, source.ports + source.ports_used);
  std::sort(ports.begin(), ports.end(), [](const PortCount& a, const PortCount& b) {
    return a.count != b.count ? a.count > b.count
                              : std::pair(a.port, a.protocol) < std::pair(b.port, b.protocol);
  });
  std::vector<std::string> texts;
  for (const PortCount& p : ports) {
    const std::string protocol(kProtocols[static_cast<size_t>(p.protocol)]);
    texts.push_back(p.protocol == Protocol::kIcmp ? protocol
                                                  : std::to_string(p.port) + "/" + protocol);
  }
  return texts;
}

std::vector<std::string> sample_hosts(const Tracked& source) {
  std::vector<std::string> texts;
  texts.reserve(source.hosts_used);
  for (uint8_t i = 0; i < source.hosts_used; i++) texts.push_back(address_text(source.hosts[i]));
  std::sort(texts.begin(), texts.end());
  return texts;
}

std::vector<std::string> open_ports(const Tracked& source) {
  std::vector<std::string> texts;
  texts.reserve(source.open_used);
  for (uint8_t i = 0; i < source.open_used; i++) texts.push_back(endpoint_text(source.open[i]));
  return texts;
}

// One column for all alerts, by what `value` says of each.
class Columns {
 public:
  Columns(const Call& call, const std::vector<Alert>& alerts) : call_(call), alerts_(alerts) {}
  const std::vector<const nek_column*>& all() const { return all_; }

  template <class F>
  void text(F&& value) {
    add(texts_of(value));
  }
  template <class F>
  void text_or_null(F&& value) {  // "" is null
    const std::vector<std::string> texts = texts_of(value);
    nek_column& column =
        call_.column(NEK_TEXT, {.rows = rows(), .nulls = true, .text_bytes = bytes(texts)});
    TextWriter writer(column);
    for (uint32_t row = 0; row < rows(); row++) {
      if (texts[row].empty()) {
        writer.null(row);
      } else {
        writer.set(row, texts[row]);
      }
    }
    all_.push_back(&column);
  }
  template <class F>
  void list(F&& value) {
    std::vector<std::vector<std::string>> lists;
    std::vector<std::string> items;
    for (const Alert& alert : alerts_) {
      lists.push_back(value(alert));
      items.insert(items.end(), lists.back().begin(), lists.back().end());
    }
    nek_column& texts = call_.column(
        NEK_TEXT, {.rows = static_cast<uint32_t>(items.size()), .text_bytes = bytes(items)});
    nek_column& column = call_.column(NEK_LIST, {.rows = rows(), .items = &texts});
    ListWriter writer(column, texts);
    for (const auto& one : lists) {
      for (const auto& item : one) writer.add(item);
      writer.end_row();
    }
    all_.push_back(&column);
  }
  template <class T, class F>
  void fixed(nek_type type, F&& value) {
    nek_column& column = call_.column(type, {.rows = rows()});
    FixedWriter<T> writer(column);
    for (uint32_t row = 0; row < rows(); row++)
      writer.set(row, static_cast<T>(value(alerts_[row])));
    all_.push_back(&column);
  }
  template <class F>
  void number(F&& value) {
    fixed<uint64_t>(NEK_UINT64, value);
  }
  template <class F>
  void number_or_null(F&& value) {  // 0 is null
    nek_column& column = call_.column(NEK_UINT64, {.rows = rows(), .nulls = true});
    Uint64Writer writer(column);
    for (uint32_t row = 0; row < rows(); row++) {
      if (const uint64_t number = value(alerts_[row])) {
        writer.set(row, number);
      } else {
        writer.null(row);
      }
    }
    all_.push_back(&column);
  }
  template <class F>
  void time(F&& value) {
    fixed<int64_t>(NEK_TIME, [&](const Alert& a) { return int64_t{value(a)} * 1000; });
  }
  template <class F>
  void flag(F&& value) {
    nek_column& column = call_.column(NEK_BOOL, {.rows = rows()});
    BoolWriter writer(column);
    for (uint32_t row = 0; row < rows(); row++) writer.set(row, value(alerts_[row]));
    all_.push_back(&column);
  }

 private:
  uint32_t rows() const { return static_cast<uint32_t>(alerts_.size()); }
  static size_t bytes(const std::vector<std::string>& texts) {
    size_t sum = 0;
    for (const auto& text : texts) sum += text.size();
    return sum;
  }
  template <class F>
  std::vector<std::string> texts_of(F&& value) const {
    std::vector<std::string> texts;
    texts.reserve(alerts_.size());
    for (const Alert& alert : alerts_) texts.emplace_back(value(alert));
    return texts;
  }
  void add(const std::vector<std::string>& texts) {
    nek_column& column = call_.column(NEK_TEXT, {.rows = rows(), .text_bytes = bytes(texts)});
    TextWriter writer(column);
    for (uint32_t row = 0; row < rows(); row++) writer.set(row, texts[row]);
    all_.push_back(&column);
  }
  const Call& call_;
  const std::vector<Alert>& alerts_;
  std::vector<const nek_column*> all_;
};

double rounded(double value, double steps) { return std::round(value * steps) / steps; }

nek_id id_of(uint64_t a, uint64_t b) {
  nek_id id;
  const uint64_t halves[] = {mix(a, b), mix(b, a ^ 0x5CA7)};
  std::memcpy(id.bytes, halves, sizeof id.bytes);
  return id;
}

}  // namespace

std::string_view name_of(Type type) { return kTypes[static_cast<size_t>(type)]; }
std::string_view name_of(Direction direction) {
  return kDirections[static_cast<size_t>(direction)];
}
std::string_view name_of(Action action) { return kActions[static_cast<size_t>(action)]; }

std::string address_text(const Endpoint& e) {
  char text[INET6_ADDRSTRLEN] = "";
  switch (e.family) {
    case Family::kV4: inet_ntop(AF_INET, e.address, text, sizeof text); break;
    case Family::kV6: inet_ntop(AF_INET6, e.address, text, sizeof text); break;
    case Family::kText: std::memcpy(text, e.address, sizeof e.address); break;
    case Family::kNone: break;
  }
  return text;
}
std::string source_text(const Tracked& source) {
  Endpoint e{};
  std::memcpy(e.address, source.address, sizeof e.address);
  e.family = source.family;
  return address_text(e);
}
std::string endpoint_text(const Endpoint& e) {
  std::string text = address_text(e);
  const std::string protocol(kProtocols[static_cast<size_t>(e.protocol)]);
  if (e.protocol == Protocol::kIcmp) return text + "/" + protocol;
  if (e.family != Family::kV4) text = "[" + text + "]";
  return text + ":" + std::to_string(e.port) + "/" + protocol;
}
std::string country_text(const Tracked& source) {
  return source.country[0] ? std::string(source.country, 2) : std::string();
}

nek_id scan_id(const Tracked& source) { return id_of(source.key, source.began); }
nek_id event_id(const Alert& alert) {
  return id_of(mix(alert.source.key, alert.source.began),
               uint64_t{alert.source.events} << 8 | static_cast<uint64_t>(alert.action));
}
std::string hex(const nek_id& id) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : id.bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::vector<Field> alert_fields() {
  return {{"@timestamp", NEK_TIME},
          {"event.kind", NEK_TEXT},
          {"event.category", NEK_LIST},
          {"event.action", NEK_TEXT},
          {"event.severity", NEK_INT64},
          {"event.id", NEK_TEXT},
          {"event.start", NEK_TIME},
          {"event.end", NEK_TIME},
          {"message", NEK_TEXT},
          {"rule.name", NEK_TEXT},
          {"rule.category", NEK_TEXT},
          {"source.ip", NEK_TEXT},
          {"source.geo.country_iso_code", NEK_TEXT},
          {"destination.ip", NEK_TEXT},
          {"destination.port", NEK_UINT64},
          {"network.direction", NEK_TEXT},
          {"network.transport", NEK_TEXT},
          {"threat.framework", NEK_TEXT},
          {"threat.technique.id", NEK_LIST},
          {"scan.id", NEK_TEXT},
          {"scan.type", NEK_TEXT},
          {"scan.hosts", NEK_UINT64},
          {"scan.ports", NEK_UINT64},
          {"scan.pairs", NEK_UINT64},
          {"scan.exact", NEK_BOOL},
          {"scan.probes", NEK_UINT64},
          {"scan.failed_ratio", NEK_DOUBLE},
          {"scan.score", NEK_DOUBLE},
          {"scan.hours", NEK_UINT64},
          {"scan.top_ports", NEK_LIST},
          {"scan.sample_hosts", NEK_LIST},
          {"scan.open_ports", NEK_LIST},
          {"scan.unreachable", NEK_UINT64},
          {"scan.no_egress", NEK_UINT64},
          {"scan.sampling_rate", NEK_UINT64}};
}

void derive_alerts(const Call& call, uint32_t stream, const std::vector<Alert>& alerts,
                   uint32_t sampling_rate) {
  if (alerts.empty()) return;
  constexpr double kScoreStep = 1.3862943611198906;  // ln 4
  using A = const Alert&;
  using Texts = std::vector<std::string>;
  Columns c(call, alerts);
  c.time([](A a) { return a.time; });
  c.text([](A) { return "alert"; });
  c.list([](A) { return Texts{"network", "intrusion_detection"}; });
  c.text([](A a) { return name_of(a.action); });
  c.fixed<int64_t>(NEK_INT64, severity);
  c.text([](A a) { return hex(event_id(a)); });
  c.time([](A a) { return a.source.first; });
  c.time([](A a) { return a.source.last_probe; });
  c.text(message);
  c.text(rule_name);
  c.text([](A) { return "Reconnaissance"; });
  c.text([](A a) { return source_text(a.source); });
  c.text_or_null([](A a) { return country_text(a.source); });
  c.text_or_null([](A a) { return address_text(a.destination); });
  c.number_or_null([](A a) { return a.destination.port; });
  c.text([](A a) { return name_of(a.direction); });
  c.text([](A a) { return transport(a.source); });
  c.text([](A) { return "MITRE ATT&CK"; });
  c.list([](A a) { return Texts{std::string(technique(a))}; });
  c.text([](A a) { return hex(scan_id(a.source)); });
  c.text([](A a) { return name_of(a.type); });
  c.number([](A a) { return a.evidence.hosts; });
  c.number([](A a) { return a.evidence.ports; });
  c.number([](A a) { return a.evidence.pairs; });
  c.flag([](A a) { return a.evidence.exact; });
  c.number([](A a) { return a.source.probes; });
  c.fixed<double>(NEK_DOUBLE, [](A a) { return rounded(a.evidence.failed_ratio, 1000); });
  c.fixed<double>(NEK_DOUBLE, [](A a) { return rounded(a.source.score * kScoreStep, 10); });
  c.number([](A a) { return a.evidence.hours; });
  c.list([](A a) { return top_ports(a.source); });
  c.list([](A a) { return sample_hosts(a.source); });
  c.list([](A a) { return open_ports(a.source); });
  c.number([](A a) { return a.source.unreachable; });
  c.number([](A a) { return a.source.no_egress; });
  c.number([&](A) { return sampling_rate; });
  std::vector<nek_id> ids;
  ids.reserve(alerts.size());
  for (const Alert& alert : alerts) ids.push_back(event_id(alert));
  call.derive(stream, static_cast<uint32_t>(alerts.size()), c.all(), ids.data());
}

}  // namespace nek::scan
