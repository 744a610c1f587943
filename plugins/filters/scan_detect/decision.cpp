// SPDX-License-Identifier: Apache-2.0
#include "decision.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <span>

#include "generation.h"

namespace nek::scan {
namespace {

constexpr uint32_t kFastPorts = 15, kFastHosts = 25;  // Zeek's
constexpr uint32_t kScatteredBits = 12;
constexpr uint32_t kScatteredFactor = 4, kOpenFactor = 4;
constexpr double kReflectedProbes = 1.5;  // for each pair
constexpr double kScatteredFailed = 0.9, kSparseFailed = 0.9, kUdpSketchFailed = 0.8;
constexpr uint32_t kHorizontalPorts = 3, kStrobePorts = 24;

bool in_window(const Generation& generation, uint32_t current) {
  return generation.id == current || generation.id + 1 == current;
}

// Pairs of both generations, each once.
class ExactPairs {
 public:
  void add(const Generation& generation) {
    for (uint8_t i = 0; i < generation.count; i++) pairs_[count_++] = generation.pairs[i];
  }
  std::span<const Pair> merged() {
    std::sort(pairs_, pairs_ + count_,
              [](const Pair& a, const Pair& b) { return key(a) < key(b); });
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count_; i++) {
      if (kept && key(pairs_[kept - 1]) == key(pairs_[i])) {
        pairs_[kept - 1].flags |= pairs_[i].flags;
        pairs_[kept - 1].slot = pairs_[i].slot;
      } else {
        pairs_[kept++] = pairs_[i];
      }
    }
    count_ = kept;
    return {pairs_, count_};
  }

 private:
  static uint64_t key(const Pair& pair) {
    return uint64_t{pair.target} << 32 | uint64_t{pair.port} << 8 | pair.protocol();
  }
  Pair pairs_[2 * kPairs];
  uint32_t count_ = 0;
};

// How many different ones there are, and how many times the most frequent one.
struct Counts {
  uint32_t distinct = 0, most = 0;
};
Counts count(std::span<uint32_t> values) {
  std::sort(values.begin(), values.end());
  Counts counts;
  uint32_t run = 0;
  for (size_t i = 0; i < values.size(); i++) {
    run = i && values[i] == values[i - 1] ? run + 1 : 1;
    counts.distinct += run == 1;
    counts.most = std::max(counts.most, run);
  }
  return counts;
}

// An answer may come within this and the next 5 minutes.
bool may_be_answered(const Pair& pair, uint8_t slot) {
  return pair.protocol() != static_cast<uint8_t>(Protocol::kTcp) &&
         static_cast<uint8_t>(slot - pair.slot) <= 1;
}

bool is_web(uint16_t port) { return port == 80 || port == 443; }
bool mostly(uint64_t part, uint64_t all) { return part * 5 >= all * 4; }

void count_exact(std::span<const Pair> pairs, uint8_t slot, uint8_t own_slot, bool settled,
                 Evidence& to) {
  uint32_t hosts[2 * kPairs], ports[2 * kPairs], now_hosts[2 * kPairs], now_ports[2 * kPairs];
  size_t failed = 0, now = 0;
  uint32_t web = 0, udp = 0, icmp = 0, low = 0;
  for (const Pair& pair : pairs) {
    if (pair.is_good()) to.good_pairs++;
    if (pair.is_good() || !pair.is(Pair::kProbed)) continue;
    if (!settled && may_be_answered(pair, slot)) {
      to.waiting = true;
      continue;
    }
    const uint32_t port = uint32_t{pair.protocol()} << 16 | pair.port;
    const auto protocol = static_cast<Protocol>(pair.protocol());
    web += is_web(pair.port);
    udp += protocol == Protocol::kUdp;
    icmp += protocol == Protocol::kIcmp;
    low += protocol != Protocol::kIcmp && pair.port < 1024;
    if (pair.slot == own_slot) {
      now_hosts[now] = pair.target;
      now_ports[now++] = port;
    }
    hosts[failed] = pair.target;
    ports[failed++] = port;
  }
  to.pairs = static_cast<uint32_t>(failed);
  to.mostly_web = mostly(web, to.pairs);
  to.high_ports = low * 2 < to.pairs - icmp;
  to.udp_pairs = udp;
  to.hosts = count({hosts, failed}).distinct;
  to.ports = count({ports, failed}).distinct;
  to.fast_ports = count({now_hosts, now}).most >= kFastPorts;
  to.fast_hosts = count({now_ports, now}).most >= kFastHosts;
}

void count_sketched(const Tracked& source, uint32_t current, Evidence& to) {
  uint8_t all[kSketches][kRegisters] = {};
  uint64_t successes = 0;
  for (const Generation& generation : source.generations) {
    if (!in_window(generation, current)) continue;
    successes += generation.successes;
    if (!generation.sketched) {
      for (uint8_t i = 0; i < generation.count; i++) add_to_sketches(generation.pairs[i], all);
      continue;
    }
    for (uint32_t s = 0; s < kSketches; s++)
      for (uint32_t i = 0; i < kRegisters; i++)
        all[s][i] = std::max(all[s][i], generation.registers[s][i]);
  }
  const auto counted = [&](Sketch sketch) {
    return static_cast<uint32_t>(std::lround(estimate(all[sketch])));
  };
  // What was answered unasked is neither good nor failed.
  uint8_t either[kRegisters];
  for (uint32_t i = 0; i < kRegisters; i++)
    either[i] = std::max(all[kProbedPairs][i], all[kGoodPairs][i]);
  const uint32_t pairs = counted(kProbedPairs), good = counted(kGoodPairs);
  const auto both = std::max(static_cast<uint32_t>(std::lround(estimate(either))), good);
  to.pairs = std::min(both - good, pairs);
  to.good_pairs = static_cast<uint32_t>(std::min<uint64_t>(good, pairs - to.pairs + successes));
  to.hosts = std::min(std::max(counted(kHosts), 1u), std::max(pairs, 1u));
  to.ports = std::min(std::max(counted(kPorts), 1u), std::max(pairs, 1u));
}

// Three of four probes found an open port. Those of a suspect were not looked at so closely.
bool finds_only_open(const Tracked& source, const Evidence& e) {
  if (e.ports > kStrobePorts || e.ports >= e.hosts) return false;
  const uint64_t open = std::max(source.answered, source.half_open);
  return source.probes > kShortPairs + 1 && open * 4 >= (source.probes - kShortPairs - 1) * 3;
}

bool has_mostly_web_ports(const Tracked& source) {
  uint64_t web = 0, all = 0;
  for (uint8_t i = 0; i < source.ports_used; i++) {
    all += source.ports[i].count;
    if (is_web(source.ports[i].port)) web += source.ports[i].count;
  }
  return mostly(web, all);
}

Type shape_of(double pairs, const Evidence& e, const Limits& limits) {
  const double a = pairs / std::max(e.hosts, 1u), b = pairs / std::max(e.ports, 1u);
  // More pairs are asked for, not another shape.
  const double m = std::min(limits.pairs, Limits{}.pairs);
  const double side = std::max(2.0, 0.6 * m), low = std::max(3.0, 0.32 * m);
  if (a >= side && b < low) return Type::kVertical;
  if (b >= side && e.ports <= kHorizontalPorts) return Type::kHorizontal;
  if (b >= low && b >= 1.5 * a && e.ports <= kStrobePorts) return Type::kStrobe;
  if (a >= low && b >= low) return Type::kBlock;
  if (a >= 2 && b >= 2 && pairs >= 0.75 * limits.block_pairs) return Type::kBlock;
  return Type::kSparse;
}

}  // namespace

Evidence evidence_of(const Tracked& source, uint32_t current, uint8_t slot, uint8_t own_slot,
                     bool settled) {
  Evidence e;
  ExactPairs pairs;
  for (const Generation& generation : source.generations) {
    if (!in_window(generation, current)) continue;
    e.hours += static_cast<uint32_t>(std::popcount(generation.hours));
    e.exact &= !generation.sketched;
    if (!generation.sketched) pairs.add(generation);
  }
  if (e.exact) {
    count_exact(pairs.merged(), slot, own_slot, settled, e);
  } else {
    count_sketched(source, current, e);
    e.mostly_web = has_mostly_web_ports(source);
    const uint32_t probes = std::max(source.probes, 1u);
    e.high_ports = uint64_t{source.low_ports} * 2 < probes - std::min(source.icmp, probes);
    e.udp_pairs = double(e.pairs) * std::min(source.udp, probes) / probes;
  }
  const uint32_t all = e.pairs + e.good_pairs;
  e.failed_ratio = all ? static_cast<double>(e.pairs) / all : 0;
  return e;
}

Type decide(const Tracked& source, const Evidence& e, const Limits& limits, bool fast,
            bool to_own) {
  double failed = limits.failed, pairs = e.pairs;
  const bool udp = e.udp_pairs * 2 > e.pairs;
  if (source.unreachable * 4.0 < e.udp_pairs) {
    pairs -= e.udp_pairs / 2;
    if (udp && !e.exact) failed = std::max(failed, kUdpSketchFailed);
  }
  if (e.failed_ratio < failed) return Type::kNone;
  const bool scattered = !to_own &&
                         static_cast<uint32_t>(std::popcount(source.networks)) > kScatteredBits &&
                         (e.mostly_web || e.high_ports);
  // A web client whose web is half broken, and peers that have gone.
  if ((scattered || (e.mostly_web && !to_own)) && e.failed_ratio < kScatteredFailed)
    return Type::kNone;
  // Servers that answer whom somebody else asks for: the same ones again and again.
  const bool only_open = finds_only_open(source, e);
  if (only_open && source.probes >= kReflectedProbes * e.pairs) return Type::kNone;
  const double factor = scattered ? kScatteredFactor : only_open ? kOpenFactor : 1;
  const Type type = shape_of(pairs, e, limits);
  const double least = type == Type::kBlock    ? limits.block_pairs
                       : type == Type::kSparse ? limits.sparse_pairs
                                               : limits.pairs;
  if (type == Type::kSparse && (scattered || e.failed_ratio < kSparseFailed)) return Type::kNone;
  if (pairs >= least * factor) return type;
  if (!fast || udp || factor > 1) return Type::kNone;
  if (limits.pairs > Limits{}.pairs && e.pairs < limits.pairs) return Type::kNone;
  return e.fast_ports ? Type::kVertical : e.fast_hosts ? Type::kHorizontal : Type::kNone;
}

}  // namespace nek::scan
