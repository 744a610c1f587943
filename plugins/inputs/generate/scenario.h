// SPDX-License-Identifier: Apache-2.0
// Scenario: two days of a network that is scanned, as nfdump would print its flows, and the truth
// beside: who scans, in which way and how slowly, and who only looks like it.
// The seed alone decides what every row says. Thread-safe: read-only after construction.
#pragma once
#include <cstdint>
#include <unordered_set>
#include <vector>

namespace nek {

class Scenario {
 public:
  struct Options {
    uint64_t seed = 1;
    uint32_t scanners = 10;  // of each type and speed
    uint32_t clients = 20000;
  };
  explicit Scenario(const Options& options);

  static constexpr uint32_t kRowBytes = 121, kTruthBytes = 48;
  uint64_t rows() const { return events_.size(); }
  // Writes kRowBytes bytes, in the order of time; the last is the line end.
  void write(uint64_t row, char* to) const;
  // A line a source: address, what it is, its speed; kTruthBytes.
  uint64_t sources() const { return actors_.size(); }
  void write_truth(uint64_t number, char* to) const;

 private:
  enum Kind : uint8_t {
    kVertical,
    kHorizontal,
    kStrobe,
    kBlock,
    kSparse,  // scans
    kClient,
    kInsider,
    kCrawler,
    kHealthCheck,
    kPeer,
    kBackscatter,
    kOutage,
    kResolver,
    kBruteForce,
    kSpoofed,
    kReflected,
    kTimeServer,
    kKinds
  };
  enum Speed : uint8_t { kFast, kMedium, kSlow, kNoSpeed };
  struct Actor {
    uint32_t address;
    Kind kind;
    Speed speed;
    uint32_t number;  // among those of its kind
    uint32_t flows;
    uint64_t begin, gap;  // ms
  };
  struct Event {
    uint32_t seconds, actor, flow;
    uint16_t ms;
    bool answer;
    bool operator<(const Event& other) const;
  };
  struct Flow {
    uint32_t source, target;
    uint32_t source_port, port;
    uint32_t protocol, packets, bytes;
    const char* flags;
    bool answered;  // there is a flow the other way round
  };

  void add(Kind kind, Speed speed, uint32_t number);
  void add_events(uint32_t index);
  Flow flow_of(const Actor& actor, uint32_t number) const;
  Flow scan_flow(const Actor& actor, uint32_t i) const;
  Flow other_flow(const Actor& actor, uint32_t i) const;
  static Flow answer_to(const Actor& actor, const Flow& flow);

  const Options options_;
  std::unordered_set<uint32_t> addresses_;
  std::vector<Actor> actors_;
  std::vector<Event> events_;
};

}  // namespace nek
