// SPDX-License-Identifier: Apache-2.0
#include "flows.h"

#include <endian.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "address.h"
#include "v4_text.h"

namespace nek::scan {
namespace {

constexpr uint8_t kNoProtocol = 255;

uint8_t protocol_number(std::string_view text) {
  if (const auto number = parse_number<uint8_t>(text)) return *number;
  static constexpr std::pair<std::string_view, uint8_t> kNames[] = {
      {"TCP", 6}, {"UDP", 17}, {"ICMP", 1}, {"ICMP6", 58}, {"ICMPv6", 58}, {"IPv6-ICMP", 58}};
  for (const auto& [name, number] : kNames) {
    if (std::equal(name.begin(), name.end(), text.begin(), text.end(),
                   [](char a, char b) { return (a | 32) == (b | 32); })) {
      return number;
    }
  }
  return kNoProtocol;
}

// An address as the table knows it.
struct Host {
  uint64_t key = 0;     // as a source; 0: there is none
  uint64_t target = 0;  // as a target: highest six bits of its /16
  bool v6 = false;
};

constexpr uint64_t kHostBits = (uint64_t{1} << 58) - 1;
constexpr uint64_t kNetwork = 11, kV4 = 4, kV6 = 6, kText = 7;  // so that kinds differ

uint64_t target_hash(uint64_t host, uint64_t network) {
  return (host & kHostBits) | mix(network, kNetwork) << 58;
}
uint64_t key_of(uint64_t hash) { return hash ? hash : 1; }  // 0 is a free slot

Host host_of_v4(uint32_t address) {
  const uint64_t hash = mix(address, kV4);
  return {key_of(hash), target_hash(hash, address >> 16), false};
}

uint64_t word(const char* bytes, size_t size) {
  uint64_t value = 0;
  std::memcpy(&value, bytes, std::min<size_t>(size, 8));
  return value;
}

Host host_of_text(std::string_view text) {
  if (const auto address = parse_address(text)) {
    if (address->family == nek::Family::kV4) return host_of_v4(address->v4());
    const auto* bytes = reinterpret_cast<const char*>(address->bytes.data());
    const uint64_t network = word(bytes, 8), host = word(bytes + 8, 8);
    return {key_of(mix(network, kV6)), target_hash(mix(network, host), word(bytes, 4)), true};
  }
  if (text.empty()) return {};
  // What nfdump shortened: 2804:37..62:9e59.
  uint64_t hash = kText;
  for (size_t at = 0; at < text.size(); at += 8)
    hash = mix(word(text.data() + at, text.size() - at), hash);
  return {key_of(hash), target_hash(hash, word(text.data(), std::min<size_t>(text.size(), 7))),
          true};
}

// All rows of a column of addresses.
class Hosts {
 public:
  Hosts(const Call& call, const nek_column& column)
      : texts_(column),
        v4_(call.memory<uint32_t>(call.rows())),
        is_v4_(call.memory<uint8_t>(call.rows())) {
    if (column.type == NEK_TEXT) {
      parse_v4_rows(column, v4_, is_v4_);
    } else {
      for (uint32_t row = 0; row < call.rows(); row++)
        is_v4_[row] = parse_v4(texts_[row], v4_[row]);
    }
  }
  Host operator[](uint32_t row) const {
    return is_v4_[row] ? host_of_v4(v4_[row]) : host_of_text(texts_[row]);
  }
  std::optional<Address> address(uint32_t row) const {
    if (!is_v4_[row]) return parse_address(texts_[row]);
    Address address;
    const uint32_t bits = htobe32(v4_[row]);
    std::memcpy(address.bytes.data(), &bits, sizeof bits);
    return address;
  }

 private:
  TextView texts_;
  std::span<uint32_t> v4_;
  std::span<uint8_t> is_v4_;
};

// A column of numbers that may be absent.
class Numbers {
 public:
  explicit Numbers(const nek_column& column) : values_(column) {}
  uint64_t at(uint32_t row, uint64_t otherwise = 0) const {
    return values_.has(row) ? values_[row] : otherwise;
  }

 private:
  Uint64View values_;
};

uint16_t port(uint64_t number) { return static_cast<uint16_t>(number); }

Protocol protocol_of(uint8_t number) {
  return number == 6 ? Protocol::kTcp : number == 17 ? Protocol::kUdp : Protocol::kIcmp;
}

// Writes the touches of one row.
class Toucher {
 public:
  Toucher(Touch* to, const FlowPolicy& policy) : to_(to), policy_(policy) {}
  Touch* end() const { return to_; }

  struct Row {
    uint32_t row, time;
    Host source, target;
    FlowFacts flow;
    bool no_egress;
  };
  void write(const Row& r, const Hosts& sources, const Hosts& targets, Outcome outcome) {
    const Protocol protocol = protocol_of(r.flow.protocol);
    switch (outcome) {
      case Outcome::kNone: return;
      case Outcome::kProbe: by_source(r, sources, targets, Act::kProbe); break;
      case Outcome::kHalfOpen: by_source(r, sources, targets, Act::kHalfOpen); break;
      case Outcome::kStealth: by_source(r, sources, targets, Act::kStealth); break;
      case Outcome::kTiny: by_source(r, sources, targets, Act::kTiny); break;
      case Outcome::kSuccess: by_source(r, sources, targets, Act::kSuccess); break;
      case Outcome::kBackscatter:
        if (r.flow.flags & 2) to_target(r, Act::kOpen, r.flow.source_port, protocol);
        return;
      case Outcome::kResponse: break;
      case Outcome::kUnreachable: to_target(r, Act::kReached, 0, protocol); return;
    }
    // Any UDP flow may be the answer to one the other way round, but for what a server is asked.
    if (protocol == Protocol::kUdp) {
      if (to_server(r.flow)) return;
      to_target(r, Act::kAnswer, r.flow.source_port, protocol);
      if (is_stream(r.flow)) to_[-1].bits |= Touch::kStream;
    } else if (outcome == Outcome::kResponse) {
      to_target(r, Act::kAnswer, 0, protocol);
    }
  }

 private:
  void by_source(const Row& r, const Hosts& sources, const Hosts& targets, Act act) {
    uint8_t bits = r.no_egress ? Touch::kNoEgress : 0;
    if (!policy_.allowed.empty()) {
      const auto address = sources.address(r.row);
      if (address && policy_.allowed.contains(*address, r.time)) return;
    }
    if (!policy_.own.empty()) {
      const auto source = sources.address(r.row), target = targets.address(r.row);
      if (source && policy_.own.contains(*source, r.time)) bits |= Touch::kSourceOwn;
      if (target && policy_.own.contains(*target, r.time)) bits |= Touch::kTargetOwn;
    }
    const Protocol protocol = protocol_of(r.flow.protocol);
    const uint16_t to = protocol == Protocol::kIcmp ? 0 : r.flow.port;
    *to_++ = {r.source.key, r.target.target, r.time, r.row, to, act, protocol, bits};
  }
  void to_target(const Row& r, Act act, uint16_t from, Protocol protocol) {
    *to_++ = {r.target.key, r.source.target, r.time, r.row, from, act, protocol, Touch::kReversed};
  }

  Touch* to_;
  const FlowPolicy& policy_;
};

Endpoint endpoint(std::string_view text) {
  Endpoint e{};
  if (const auto address = parse_address(text)) {
    e.family = address->family == nek::Family::kV4 ? Family::kV4 : Family::kV6;
    std::memcpy(e.address, address->bytes.data(), sizeof e.address);
  } else {
    e.family = Family::kText;
    size_t size = std::min(text.size(), sizeof e.address);
    // Not in the middle of a character.
    while (size > 0 && size < text.size() && (uint8_t(text[size]) & 0xC0) == 0x80) size--;
    std::memcpy(e.address, text.data(), size);
  }
  return e;
}

}  // namespace

FlowColumns FlowColumns::need(Shape& shape, const FlowFields& fields) {
  const std::initializer_list<nek_type> numbers = {NEK_UINT64};
  const std::initializer_list<nek_type> texts = {NEK_TEXT, NEK_DICT_TEXT};
  FlowColumns c{};
  c.time = shape.read(fields.time, {NEK_TIME});
  c.source = shape.read(fields.source, texts);
  c.source_port = shape.read_optional(fields.source_port, numbers);
  c.target = shape.read(fields.target, texts);
  c.port = shape.read(fields.port, numbers);
  c.protocol = shape.read(fields.protocol, {NEK_UINT64, NEK_TEXT, NEK_DICT_TEXT});
  c.flags = shape.read(fields.flags, kTcpFlagsTypes);
  c.packets = shape.read(fields.packets, numbers);
  c.bytes = shape.read(fields.bytes, numbers);
  c.egress = shape.read_optional(fields.egress, numbers);
  c.country = shape.read_optional(fields.country, texts);
  return c;
}

void FlowReader::read(const Call& call, const FlowColumns& columns, const FlowPolicy& policy,
                      std::span<Outcome> outcomes, Prepared& prepared) {
  const uint32_t rows = call.rows();
  const Hosts sources(call, call.read(columns.source)), targets(call, call.read(columns.target));
  const TimeView times(call.read(columns.time));
  const Numbers source_ports(call.read(columns.source_port)), ports(call.read(columns.port)),
      packets(call.read(columns.packets)), bytes(call.read(columns.bytes)),
      egress(call.read(columns.egress));
  const auto flags = call.memory<int16_t>(rows);
  flags_.read(call.read(columns.flags), flags);

  const nek_column& protocol = call.read(columns.protocol);
  const TextView protocol_texts(protocol);
  std::span<const uint8_t> by_code;
  if (protocol.type == NEK_DICT_TEXT) {
    const TextView values(*protocol.dictionary->values);
    by_code = protocols_.of(*protocol.dictionary,
                            [&](uint32_t code) { return protocol_number(values[code]); });
  }
  const auto protocol_at = [&](uint32_t row) -> uint8_t {
    if (!nek_has(&protocol, row)) return kNoProtocol;
    if (protocol.type == NEK_UINT64)
      return static_cast<uint8_t>(std::min<uint64_t>(Uint64View(protocol)[row], kNoProtocol));
    if (protocol.type == NEK_TEXT) return protocol_number(protocol_texts[row]);
    return by_code[static_cast<uint32_t>(CodeView(protocol)[row])];
  };

  const auto touches = call.memory<Touch>(size_t{rows} * 2);
  Toucher toucher(touches.data(), policy);
  const uint64_t rate = policy.sampling_rate;
  prepared.skipped = prepared.no_flags = 0;
  for (uint32_t row = 0; row < rows; row++) {
    outcomes[row] = Outcome::kNone;
    Toucher::Row r{row, 0, sources[row], targets[row], {}, false};
    const int64_t ms = times.has(row) ? times[row] : -1;
    if (!r.source.key || !r.target.key || ms < 1000 || ms / 1000 >= UINT32_MAX) {
      prepared.skipped++;
      continue;
    }
    r.time = static_cast<uint32_t>(ms / 1000);
    r.flow.protocol = protocol_at(row);
    r.flow.flags = flags[row];
    prepared.no_flags += r.flow.protocol == 6 && flags[row] < 0;
    r.flow.v6 = r.target.v6;
    r.flow.source_port = port(source_ports.at(row));
    r.flow.port = port(ports.at(row));
    // What was sampled is scaled by most exporters.
    r.flow.packets = packets.at(row, 1);
    r.flow.bytes = bytes.at(row);
    if (rate > 1 && r.flow.packets >= rate) {
      r.flow.bytes /= rate;
      r.flow.packets /= rate;
    }
    r.no_egress = egress.at(row, 1) == 0;
    outcomes[row] = outcome_of(r.flow);
    // An answer is hardly ever among what was sampled: nobody can say that there was none.
    if (rate > 1 && r.flow.protocol != 6 && outcomes[row] == Outcome::kProbe)
      outcomes[row] = Outcome::kNone;
    toucher.write(r, sources, targets, outcomes[row]);
  }
  prepared.touches = touches.first(static_cast<size_t>(toucher.end() - touches.data()));
}

Endpoint CallRows::source(const Touch& touch) const {
  return endpoint(touch.bits & Touch::kReversed ? target_[touch.row] : source_[touch.row]);
}
Endpoint CallRows::target(const Touch& touch) const {
  return endpoint(touch.bits & Touch::kReversed ? source_[touch.row] : target_[touch.row]);
}
void CallRows::country(const Touch& touch, char (&to)[2]) const {
  if (touch.bits & Touch::kReversed) return;
  const std::string_view text = country_[touch.row];
  if (text.size() == 2) std::memcpy(to, text.data(), 2);
}

}  // namespace nek::scan
