// SPDX-License-Identifier: Apache-2.0
// What the table keeps of a source: a Suspect of 40 bytes, and of few a Tracked of 1,624 bytes.
// They lie on disk as they lie in memory: docs/scan-detection.md has every offset.
// Thread-safe: plain data.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace nek::scan {

// Values that reach the disk; they never change.
enum class Protocol : uint8_t { kTcp, kUdp, kIcmp };
enum class Family : uint8_t { kNone, kV4, kV6, kText };  // kText: what nfdump shortened
enum class Type : uint8_t { kNone, kVertical, kHorizontal, kStrobe, kBlock, kSparse };
enum class State : uint8_t { kQuiet, kScanning, kEnded };

struct Endpoint {
  uint8_t address[16];
  uint16_t port;
  Family family;
  Protocol protocol;
};
static_assert(sizeof(Endpoint) == 20);

struct ShortPair {  // of a suspect
  uint16_t target;  // 14 bits of the hash, then the protocol
  uint16_t port;
  static constexpr uint16_t kTargetBits = 0x3FFF;
  static constexpr ShortPair of(uint64_t target, uint16_t port, Protocol protocol) {
    return {static_cast<uint16_t>((target & kTargetBits) | uint32_t(protocol) << 14), port};
  }
  Protocol protocol() const { return static_cast<Protocol>(target >> 14); }
  bool operator==(const ShortPair&) const = default;
};
constexpr uint8_t kShortPairs = 5;

struct Suspect {
  uint64_t key;          // 0: a free slot
  uint32_t first, last;  // s since 1970
  uint8_t fails;         // used of `pairs`
  uint8_t successes;
  uint8_t flags;
  int8_t score;
  union {
    ShortPair pairs[kShortPairs];
    uint32_t tracked;  // slot
  };
  static constexpr uint8_t kTracked = 1;
  bool is_tracked() const { return flags & kTracked; }
};
static_assert(sizeof(Suspect) == 40 && offsetof(Suspect, pairs) == 20);

struct Pair {
  uint32_t target;  // hash
  uint16_t port;
  uint8_t flags;
  uint8_t slot;  // of 5 minutes, when it was last probed
  static constexpr uint8_t kProtocol = 3, kProbed = 4, kGood = 8;
  static constexpr uint8_t kShort = 16;     // came from a suspect: 14 bits of the hash
  static constexpr uint8_t kAnswered = 32;  // its target sent something back, perhaps unasked
  static constexpr uint8_t kStreamed = 64;  // UDP, more than a probe
  bool is(uint8_t flag) const { return flags & flag; }
  uint8_t protocol() const { return flags & kProtocol; }
  bool is_good() const { return is(kGood | kStreamed) || (is(kAnswered) && is(kProbed)); }
};
static_assert(sizeof(Pair) == 8);
constexpr uint8_t kPairs = 64;

// kGoodPairs: connections, and all that was answered, perhaps unasked.
enum Sketch : uint8_t { kHosts, kPorts, kProbedPairs, kGoodPairs, kSketches };
constexpr uint32_t kRegisters = 128;

struct Generation {
  uint32_t id, hours;
  uint8_t count, sketched;
  uint8_t unused[2];
  uint32_t successes;  // flows; from version 2 on
  union {
    Pair pairs[kPairs];
    uint8_t registers[kSketches][kRegisters];
  };
};
static_assert(sizeof(Generation) == 528 && offsetof(Generation, pairs) == 16);

struct PortCount {
  uint32_t count;
  uint16_t port;
  Protocol protocol;
  uint8_t unused;
};
static_assert(sizeof(PortCount) == 8);

constexpr uint8_t kTopPorts = 8, kSampleHosts = 8, kOpenPorts = 8, kConnections = 8;

struct Tracked {
  uint64_t key;       // 0: a free slot
  uint64_t networks;  // a bit for each hashed /16 of its targets
  uint8_t address[16];
  uint32_t first, last_probe, last, alerted;
  uint32_t probes, udp, icmp, half_open, stealth, successes, unreachable, no_egress;
  uint32_t own_targets, low_ports;
  uint32_t reported, ended_probes;
  uint32_t began;  // the first failed pair: s / the shorter of window and quiet
  int16_t score;
  uint16_t events;
  Family family;
  State state;
  Type type;
  uint8_t flags;
  char country[2];
  uint8_t ports_used, hosts_used, open_used, connected_used;
  uint8_t early;  // a bit for each of `open` with a connection that is told with scan_new
  uint8_t unused;
  uint32_t answered;  // probes that an open port answered; from version 2 on
  uint32_t connected[kConnections];
  PortCount ports[kTopPorts];
  uint32_t host_hashes[kSampleHosts];
  Endpoint hosts[kSampleHosts];
  Endpoint open[kOpenPorts];
  Generation generations[2];

  static constexpr uint8_t kOwn = 1;       // the source is in own_networks
  static constexpr uint8_t kToldOpen = 2;  // scan_open_port was told
  static constexpr uint8_t kWaiting = 4;   // has pairs that may still be answered
};
static_assert(sizeof(Tracked) == 1624 && offsetof(Tracked, first) == 32);
static_assert(offsetof(Tracked, reported) == 88 && offsetof(Tracked, score) == 100);
static_assert(offsetof(Tracked, answered) == 116 && offsetof(Tracked, connected) == 120);
static_assert(offsetof(Tracked, hosts) == 248);
static_assert(offsetof(Tracked, open) == 408 && offsetof(Tracked, generations) == 568);
static_assert(std::is_trivially_copyable_v<Tracked> && std::is_trivially_copyable_v<Suspect>);

// What a flow does to one source, from the parallel step.
enum class Act : uint8_t { kProbe, kStealth, kHalfOpen, kTiny, kSuccess, kAnswer, kOpen, kReached };
struct Touch {
  uint64_t source;  // key
  uint64_t target;  // hash
  uint32_t time;    // s
  uint32_t row;
  uint16_t port;
  Act act;
  Protocol protocol;
  uint8_t bits;
  static constexpr uint8_t kSourceOwn = 1, kTargetOwn = 2, kNoEgress = 4;
  static constexpr uint8_t kStream = 16;   // UDP, more than a probe
  static constexpr uint8_t kReversed = 8;  // the source is the row's target
};

// From splitmix64: all bits depend on all.
constexpr uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}
constexpr uint64_t mix(uint64_t a, uint64_t b) { return mix(mix(a + 0x9E3779B97F4A7C15) ^ b); }

}  // namespace nek::scan
