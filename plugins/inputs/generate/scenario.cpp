// SPDX-License-Identifier: Apache-2.0
#include "scenario.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <tuple>

#include "random.h"

namespace nek {
namespace {

constexpr int64_t kFirstMs = 1'767'225'600'000;  // 2026-01-01 00:00:00 UTC
constexpr uint64_t kDaysMs = 2 * 86'400'000ULL;

constexpr uint32_t kOwn = 10u << 24 | 20u << 16;  // 10.20.0.0/16
constexpr uint32_t kServers = 1500;
constexpr uint32_t kScanPorts[] = {22, 23, 445, 3389, 8080, 5900, 1433, 80};
constexpr const char* kSyn = "......S.";
constexpr const char* kWhole = "...AP.SF";

struct Speeds {
  uint64_t least, more;  // ms between two flows: least, and below `more` on top
  uint32_t flows;
};
constexpr Speeds kSpeeds[] = {{10, 190, 400}, {10'000, 250'000, 300}, {300'000, 900'000, 140}};
constexpr const char* kKindNames[] = {
    "vertical", "horizontal",  "strobe",       "block",     "sparse",      "client",
    "insider",  "crawler",     "health_check", "peer",      "backscatter", "outage",
    "resolver", "brute_force", "spoofed",      "reflected", "time_server"};
constexpr const char* kSpeedNames[] = {"fast", "medium", "slow", "-"};

uint32_t server(uint64_t number) {  // spread over the network
  return kOwn | static_cast<uint32_t>(Random::mix(number % kServers) & 0xFFFF);
}
uint32_t outside(uint64_t bits) {
  const auto address = static_cast<uint32_t>(bits);
  const uint32_t first = 11 + (address >> 24) % 180;
  return first << 24 | (address & 0xFFFFFF);
}
bool is_alive(uint32_t address) { return Random::mix(address) % 100 < 5; }
bool is_open(uint32_t address, uint32_t port) {
  return is_alive(address) && Random::mix(uint64_t{address} << 16 | port) % 20 == 0;
}

void text_of(uint32_t address, char (&to)[20]) {
  std::snprintf(to, sizeof to, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
                address >> 8 & 255, address & 255);
}

}  // namespace

bool Scenario::Event::operator<(const Event& other) const {
  return std::tie(seconds, ms, actor, flow, answer) <
         std::tie(other.seconds, other.ms, other.actor, other.flow, other.answer);
}

Scenario::Scenario(const Options& options) : options_(options) {
  for (uint32_t kind = kVertical; kind <= kSparse; kind++)
    for (uint32_t speed = kFast; speed <= kSlow; speed++)
      for (uint32_t i = 0; i < options.scanners; i++)
        add(static_cast<Kind>(kind), static_cast<Speed>(speed), i);
  const uint32_t clients = options.clients;
  const std::pair<Kind, uint32_t> others[] = {{kClient, clients},
                                              {kInsider, clients / 100},
                                              {kCrawler, clients / 1000},
                                              {kHealthCheck, clients / 2000},
                                              {kPeer, clients / 500},
                                              {kBackscatter, clients / 1000},
                                              {kOutage, clients / 100},
                                              {kResolver, clients ? 2 : 0},
                                              {kBruteForce, clients / 2000},
                                              {kSpoofed, clients / 4},
                                              {kReflected, clients / 2000},
                                              {kTimeServer, clients ? 2 : 0}};
  for (const auto& [kind, count] : others)
    for (uint32_t i = 0; i < count; i++) add(kind, kNoSpeed, i);
  for (uint32_t actor = 0; actor < actors_.size(); actor++) add_events(actor);
  std::sort(events_.begin(), events_.end());
}

void Scenario::add(Kind kind, Speed speed, uint32_t number) {
  const uint64_t which = uint64_t{kind} << 40 | uint64_t{speed} << 36 | number;
  Random random(options_.seed, which);
  Actor actor{};
  actor.kind = kind;
  actor.speed = speed;
  actor.number = number;
  const bool inside = kind == kInsider || kind == kHealthCheck || kind == kPeer ||
                      kind == kResolver || kind == kTimeServer;
  // Insiders have addresses of their own, so that the truth is one line a source.
  do {
    actor.address =
        inside ? (10u << 24 | (21u + kind) << 16 | (number + 1)) : outside(random.next());
  } while (!addresses_.insert(actor.address).second);
  if (speed != kNoSpeed) {
    const Speeds& s = kSpeeds[speed];
    actor.flows = s.flows;
    actor.gap = s.least + random.below(s.more);
    const uint64_t needed = actor.gap * (actor.flows + 1);
    const uint64_t free = needed < kDaysMs ? kDaysMs - needed : 0;
    actor.begin = random.below(std::min<uint64_t>(free, 7'200'000) + 1);
  } else {
    static constexpr uint32_t kFlows[] = {0,   0,   0,  0,    0,   8, 120,  400, 600,
                                          500, 300, 60, 3000, 300, 1, 3000, 3000};
    actor.flows = kFlows[kind];
    actor.begin = random.below(kDaysMs / 2);
    actor.gap = std::max<uint64_t>(1, random.below(kDaysMs / 2) / std::max(actor.flows, 1u));
    if (kind == kReflected) actor.gap = 100;
    if (kind == kSpoofed) actor.begin = 40'000'000 + random.below(60'000);
  }
  actors_.push_back(actor);
}

void Scenario::add_events(uint32_t index) {
  const Actor& actor = actors_[index];
  for (uint32_t i = 0; i < actor.flows; i++) {
    Random random(options_.seed + 1, uint64_t{index} << 32 | i);
    const uint64_t at = actor.begin + i * actor.gap + random.below(actor.gap / 2 + 1);
    const auto add_one = [&](uint64_t ms, bool answer) {
      events_.push_back(
          {static_cast<uint32_t>(ms / 1000), index, i, static_cast<uint16_t>(ms % 1000), answer});
    };
    // Exporters write records in no order: every other resolver's questions come last.
    const bool last = actor.kind == kTimeServer || (actor.kind == kResolver && actor.number % 2);
    const bool answered = flow_of(actor, i).answered;
    add_one(at + (last && answered ? 20 : 0), false);
    if (answered) add_one(at + (last ? 0 : 20), true);
  }
}

Scenario::Flow Scenario::flow_of(const Actor& actor, uint32_t number) const {
  return actor.kind <= kSparse ? scan_flow(actor, number) : other_flow(actor, number);
}

Scenario::Flow Scenario::scan_flow(const Actor& actor, uint32_t i) const {
  const uint64_t own = Random::mix(options_.seed ^ actor.address);
  Random random(own, i);
  const auto spread = [&](uint64_t n) {  // each n another host of the network
    return kOwn | static_cast<uint32_t>((n * 40'503 + own) & 0xFFFF);
  };
  uint32_t target = 0, port = 0;
  switch (actor.kind) {
    case kVertical:
      target = spread(0);
      port = 1 + (i * 7919 + static_cast<uint32_t>(own % 1000)) % 1000;
      break;
    case kHorizontal:
      target = spread(i);
      port = kScanPorts[own % 8];
      break;
    case kStrobe:
      target = spread(i / 5);
      port = kScanPorts[(own + i % 5) % 8];
      break;
    case kBlock: {  // of a square of hosts and ports, in no order
      uint32_t side = 1;
      while (side * side < actor.flows) side++;
      const uint64_t cell = (i * 7919ULL + own % 1000) % (side * side);
      target = spread(cell % side);
      port = 20 + static_cast<uint32_t>(cell / side);
      break;
    }
    default:
      target = spread(random.below(65'536));
      port = 1 + static_cast<uint32_t>(random.below(65'000));
      break;
  }
  const auto from = static_cast<uint32_t>(32'768 + random.below(28'000));
  Flow flow{actor.address, target, from, port, 6, 1, 40, kSyn, false};
  if (is_open(target, port)) {
    flow.flags = ".....RS.";
    flow.packets = 2;
    flow.bytes = 80;
    flow.answered = true;
  } else {
    flow.answered = is_alive(target);
  }
  return flow;
}

Scenario::Flow Scenario::other_flow(const Actor& actor, uint32_t i) const {
  Random random(Random::mix(options_.seed ^ actor.address) + 1, i);
  const uint32_t chance = static_cast<uint32_t>(random.below(100));
  const uint64_t draw = random.next();
  const auto from = static_cast<uint32_t>(32'768 + random.below(28'000));
  const uint32_t web = draw % 4 ? 443 : 80;
  Flow flow{actor.address, 0, from, web, 6, 12, 6000, kWhole, true};
  const auto fails = [&](bool yes) {
    if (!yes) return;
    flow.flags = kSyn;
    flow.packets = 3;
    flow.bytes = 180;
    flow.answered = false;
  };
  switch (actor.kind) {
    case kClient:
      flow.target = server(actor.number + draw % 6);
      fails(chance < 4);
      break;
    case kInsider:
      flow.target = outside(Random::mix(draw % 400));
      fails(chance < 5);
      break;
    case kCrawler:
      flow.target = server(draw);
      fails(Random::mix(flow.target) % 100 < 8);
      break;
    case kHealthCheck:  // a tenth of what it watches is down
      flow.target = server(actor.number * 100 + i % 100);
      flow.port = 8080;
      fails(Random::mix(flow.target) % 10 == 0);
      break;
    case kPeer:  // 70 to 95 % of its peers have gone
      flow.target = outside(draw);
      flow.port = 1024 + static_cast<uint32_t>(draw >> 32) % 64'000;
      fails(chance < 70 + actor.number % 26);
      break;
    case kBackscatter:
      flow = {actor.address,
              kOwn | static_cast<uint32_t>(draw & 0xFFFF),
              80,
              from,
              6,
              1,
              40,
              chance < 50 ? "...A..S." : "...A.R..",
              false};
      break;
    case kOutage:  // every fortieth stands for a NAT with ten dead servers behind one name
      flow.target = server(7 + (actor.number % 40 ? 0 : draw % 10));
      fails(true);
      break;
    case kResolver:
      flow.target = outside(Random::mix(draw % 1500));
      flow.port = 53;
      flow.protocol = 17;
      flow.packets = 1;
      flow.bytes = 70;
      flow.flags = "........";
      flow.answered = chance >= 3;
      break;
    case kTimeServer:  // what it answers; its client asked before
      flow.target = kOwn | static_cast<uint32_t>(Random::mix(draw % 400) & 0xFFFF);
      flow.source_port = flow.port = 123;
      flow.protocol = 17;
      flow.packets = 1;
      flow.bytes = 76;
      flow.flags = "........";
      break;
    case kBruteForce:
      flow.target = server(actor.number);
      flow.port = 22;
      break;
    case kReflected:  // its address is forged: servers answer it, and half of the victims reset
      flow.target = server(actor.number * 97 + draw % 60);
      flow.flags = actor.number % 2 ? ".....RS." : kSyn;
      flow.packets = actor.number % 2 ? 2 : 1;
      flow.bytes = 40 * flow.packets;
      break;
    default:  // spoofed
      flow.target = server(3);
      fails(true);
      flow.packets = 1;
      flow.bytes = 40;
      break;
  }
  return flow;
}

Scenario::Flow Scenario::answer_to(const Actor& actor, const Flow& flow) {
  Flow answer = flow;
  std::swap(answer.source, answer.target);
  std::swap(answer.source_port, answer.port);
  const bool silent = std::strcmp(flow.flags, kSyn) == 0;
  if (actor.kind == kReflected || std::strcmp(flow.flags, ".....RS.") == 0) {
    answer.flags = "...A..S.";
    answer.packets = silent ? 6 : 1;  // with all retries
    answer.bytes = 44 * answer.packets;
  } else if (silent) {
    answer.flags = "...A.R..";
  }
  return answer;
}

void Scenario::write(uint64_t row, char* to) const {
  const Event& event = events_[row];
  const Actor& actor = actors_[event.actor];
  Flow flow = flow_of(actor, event.flow);
  if (event.answer) flow = answer_to(actor, flow);
  using namespace std::chrono;
  const sys_seconds time{floor<seconds>(milliseconds(kFirstMs)) + seconds(event.seconds)};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  char source[20], target[20], line[kRowBytes + 64];
  text_of(flow.source, source);
  text_of(flow.target, target);
  std::snprintf(line, sizeof line,
                "%04d-%02u-%02u %02d:%02d:%02d.%03u,%17s,%7u,%17s,%7u,%9u,%9u,%7u, %-5u,%9s\n",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<unsigned>(event.ms), source,
                flow.source_port, target, flow.port, flow.bytes, flow.packets, 1u, flow.protocol,
                flow.flags);
  std::memcpy(to, line, kRowBytes);
}

void Scenario::write_truth(uint64_t number, char* to) const {
  const Actor& actor = actors_[number];
  char source[20], line[kTruthBytes + 64];
  text_of(actor.address, source);
  std::snprintf(line, sizeof line, "%s,%s,%s", source, kKindNames[actor.kind],
                kSpeedNames[actor.speed]);
  const size_t size = std::strlen(line);
  std::memset(to, ' ', kTruthBytes);
  std::memcpy(to, line, std::min<size_t>(size, kTruthBytes - 1));
  to[kTruthBytes - 1] = '\n';
}

}  // namespace nek
