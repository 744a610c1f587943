// SPDX-License-Identifier: Apache-2.0
#include "detector.h"

#include <algorithm>
#include <cstring>

#include "generation.h"
#include "tracked.h"

namespace nek::scan {
namespace {

constexpr uint32_t kHour = 3600, kSlot = 300;
constexpr uint32_t kFarAhead = 7 * 86400;
constexpr uint32_t kAgreed = 32;    // flows in a row that set the clock
constexpr double kOtherType = 1.3;  // so much more makes another type news
constexpr int kMostScore = 1000;

uint8_t slot_of(uint32_t time) { return static_cast<uint8_t>(time / kSlot); }

void add_score(int16_t& score, int by) {
  score = static_cast<int16_t>(std::clamp(score + by, -kMostScore, kMostScore));
}
void add_score(int8_t& score, int by) {
  score = static_cast<int8_t>(std::clamp(score + by, -100, 100));
}
bool is_probe(Act act) {
  return act == Act::kProbe || act == Act::kStealth || act == Act::kHalfOpen;
}

// What says of a source how it scans.
void count_probe(Tracked& source, const Touch& touch) {
  source.probes++;
  source.udp += touch.protocol == Protocol::kUdp;
  source.icmp += touch.protocol == Protocol::kIcmp;
  source.own_targets += (touch.bits & Touch::kTargetOwn) != 0;
  source.low_ports += touch.protocol != Protocol::kIcmp && touch.port < 1024;
}
// It was answered, so it says nothing. Nobody knows of an answer whether it came from own networks.
void take_back_probe(Tracked& source, const Touch& touch) {
  const auto less = [](uint32_t& counter, bool by) { counter -= by && counter; };
  less(source.probes, true);
  less(source.udp, touch.protocol == Protocol::kUdp);
  less(source.icmp, touch.protocol == Protocol::kIcmp);
  less(source.low_ports, touch.protocol != Protocol::kIcmp && touch.port < 1024);
  source.own_targets = std::min(source.own_targets, source.probes);
}

}  // namespace

// A quarter of the pairs that make a scan, so that all of them are looked at from then on.
uint32_t Settings::promotion() const {
  uint32_t least = UINT32_MAX;
  for (const Limits& l : limits) least = std::min(least, l.pairs);
  return std::clamp(least / 4, 1u, uint32_t{kShortPairs} + 1);
}

Detector::Detector(const Settings& settings)
    : settings_(settings),
      promotion_(settings.promotion()),
      table_(TableLimits::of_memory(settings.memory)) {}

// The first second that is still looked at.
uint32_t Detector::oldest() const {
  const uint32_t current = generation(clock.now);
  return current ? (current - 1) * settings_.window : 0;
}

// What is far from the clock sets it when so many flows in a row have nearly the same time: more
// than a packet of an exporter holds.
bool Detector::agreed(const Touch& touch) {
  if (touch.bits & Touch::kReversed) return false;  // its flow has another touch, or says little
  const uint32_t hour = touch.time / kHour, other = clock.far >> 8;
  const uint32_t apart = hour > other ? hour - other : other - hour;
  const uint32_t flows = apart * kHour <= near() ? (clock.far & 0xFF) + 1 : 1;
  clock.far = hour << 8 | flows;
  if (flows < kAgreed) return false;
  counts_.set++;
  clock.now = touch.time;
  clock.far = 0;
  clock.swept = std::min(clock.swept, clock.now / kHour);
  return true;
}

// Moves the clock on. False: the time is too old, or so far ahead that it can hardly be right.
bool Detector::in_time(const Touch& touch) {
  const uint32_t time = touch.time;
  if (clock.now == 0) clock.now = time;
  const bool late = generation(time) + 1 < generation(clock.now);
  if (!late && (time <= clock.now || time - clock.now <= near())) {
    clock.far = 0;
    clock.now = std::max(clock.now, time);
  } else if (!agreed(touch)) {
    const bool ahead = !late && time - clock.now > kFarAhead;
    counts_.late += late;
    counts_.ahead += ahead;
    return !late && !ahead;
  }
  if (clock.now / kHour > clock.swept) sweep();
  return true;
}

// Farther ahead than the next generation, it would take the place of what is known.
bool Detector::would_clear(const Suspect& source, uint32_t time) const {
  const uint32_t next = generation(clock.now) + 1;
  return generation(time) > next && source.last >= oldest() && generation(source.last) <= next;
}

void Detector::touch(const Touch& touch, const Rows& rows) {
  if (!in_time(touch)) return;
  Table::Place place;
  if (!table_.find(touch.source, place)) {
    if (!is_probe(touch.act) || !table_.make(touch.source, oldest(), place)) return;
  } else if (would_clear(table_.read(place), touch.time)) {
    counts_.ahead++;
    return;
  }
  if (table_.read(place).is_tracked()) {
    const uint32_t slot = table_.read(place).tracked;
    Suspect& suspect = table_.write(place);
    suspect.last = std::max(suspect.last, touch.time);
    touch_tracked(slot, touch, rows);
  } else {
    touch_suspect(place, touch, rows);
  }
}

void Detector::touch_suspect(Table::Place place, const Touch& touch, const Rows& rows) {
  Suspect& suspect = table_.write(place);
  if (suspect.last < oldest()) {
    const uint64_t key = suspect.key;
    suspect = {};
    suspect.key = key;
    suspect.first = UINT32_MAX;
  }
  const ShortPair pair = ShortPair::of(touch.target, touch.port, touch.protocol);
  ShortPair* end = suspect.pairs + suspect.fails;
  ShortPair* known = std::find(suspect.pairs, end, pair);
  if (is_probe(touch.act)) {
    suspect.first = suspect.fails ? std::min(suspect.first, touch.time) : touch.time;
    suspect.last = std::max(suspect.last, touch.time);
    if (known != end) return;
    add_score(suspect.score, 1);
    if (suspect.fails + 1u >= promotion_) {
      promote(place, touch, rows);
    } else {
      suspect.pairs[suspect.fails++] = pair;
    }
  } else if (touch.act == Act::kSuccess || (touch.act == Act::kAnswer && known != end)) {
    add_score(suspect.score, -1);
    if (suspect.successes < UINT8_MAX) suspect.successes++;
    if (touch.act == Act::kAnswer) *known = suspect.pairs[--suspect.fails];
  }
}

void Detector::promote(Table::Place place, const Touch& touch, const Rows& rows) {
  const Suspect old = table_.read(place);
  const uint32_t slot = table_.track(place);
  if (slot == kNoSlot) return;
  Tracked& source = table_.change(slot);
  const Endpoint address = rows.source(touch);
  std::memcpy(source.address, address.address, sizeof source.address);
  source.family = address.family;
  rows.country(touch, source.country);
  if (touch.bits & Touch::kSourceOwn) source.flags |= Tracked::kOwn;
  source.first = old.first;
  source.last = source.last_probe = old.last;
  source.score = static_cast<int16_t>(old.score - 1);  // with the present pair's again
  source.successes = old.successes;
  // Scans are `quiet` apart. Not finer, so that late flows leave scan.id as it is.
  source.began = old.first / std::min(settings_.window, settings_.quiet);
  Generation& own = generation_of(source, touch.time);
  if (generation(old.first) == own.id) own.hours |= hour_bit(old.first);
  for (uint8_t i = 0; i < old.fails; i++) {
    const ShortPair& pair = old.pairs[i];
    const auto flags =
        static_cast<uint8_t>(uint8_t(pair.protocol()) | Pair::kProbed | Pair::kShort);
    own.pairs[own.count++] = {uint32_t{pair.target} & ShortPair::kTargetBits, pair.port, flags,
                              slot_of(old.last)};
    count_port(source, pair.port, pair.protocol());
    source.probes++;
    source.udp += pair.protocol() == Protocol::kUdp;
    source.icmp += pair.protocol() == Protocol::kIcmp;
    source.low_ports += pair.protocol() != Protocol::kIcmp && pair.port < 1024;
    if (pair.protocol() != Protocol::kTcp) source.flags |= Tracked::kWaiting;
  }
  touch_tracked(slot, touch, rows);
}

// Of a longer window than a day it is a 24th.
uint32_t Detector::hour_bit(uint32_t time) const {
  return 1u << (time % settings_.window / std::max(kHour, settings_.window / 24));
}

Generation& Detector::generation_of(Tracked& source, uint32_t time) const {
  const uint32_t id = generation(time);
  Generation& own = source.generations[id & 1];
  if (own.id != id) {
    std::memset(static_cast<void*>(&own), 0, sizeof own);
    own.id = id;
  }
  return own;
}

void Detector::touch_tracked(uint32_t slot, const Touch& touch, const Rows& rows) {
  Tracked& source = table_.change(slot);
  if (source.state == State::kEnded && is_probe(touch.act)) {
    // A new scan of whoever scanned before.
    Table::Place place;
    table_.untrack(slot);
    if (table_.find(touch.source, place)) touch_suspect(place, touch, rows);
    return;
  }
  generation_of(source, touch.time).hours |= hour_bit(touch.time);
  source.last = std::max(source.last, touch.time);
  switch (touch.act) {
    case Act::kProbe:
    case Act::kStealth:
    case Act::kHalfOpen: probed(source, touch, rows); break;
    case Act::kAnswer: answered(source, touch, rows); break;
    case Act::kReached: source.unreachable++; break;
    case Act::kOpen:
      source.answered++;
      found_open(source, touch, rows);
      break;
    case Act::kTiny: found_open(source, touch, rows); break;
    case Act::kSuccess: succeeded(source, touch, rows); break;
  }
}

void Detector::probed(Tracked& source, const Touch& touch, const Rows& rows) {
  const auto target = static_cast<uint32_t>(touch.target);
  const Noted noted =
      note(generation_of(source, touch.time), target, touch.port,
           static_cast<uint8_t>(touch.protocol), Pair::kProbed, slot_of(touch.time));
  const bool is_new = noted.is_new || !noted.was_probed;
  if (touch.protocol != Protocol::kTcp && noted.was_answered) {
    if (is_new) decide_on(source, touch.time, false);
    return;
  }
  source.first = std::min(source.first, touch.time);
  source.last_probe = std::max(source.last_probe, touch.time);
  count_probe(source, touch);
  source.stealth += touch.act == Act::kStealth;
  source.half_open += touch.act == Act::kHalfOpen;
  source.no_egress += (touch.bits & Touch::kNoEgress) != 0;
  if (touch.protocol != Protocol::kTcp) source.flags |= Tracked::kWaiting;
  source.networks |= uint64_t{1} << (touch.target >> 58);
  count_port(source, touch.port, touch.protocol);
  if (uint8_t at = 0; sample_host(source, target, at)) source.hosts[at] = rows.target(touch);
  if (noted.is_new) add_score(source.score, 1);
  if (touch.act == Act::kHalfOpen) found_open(source, touch, rows);
  if (is_new) decide_on(source, touch.time, false);
}

void Detector::answered(Tracked& source, const Touch& touch, const Rows& rows) {
  Generation& own = generation_of(source, touch.time);
  const Noted noted =
      note(own, static_cast<uint32_t>(touch.target), touch.port,
           static_cast<uint8_t>(touch.protocol), Pair::kAnswered, slot_of(touch.time));
  if (!noted.was_answered && noted.was_probed) take_back_probe(source, touch);
  // Sketches do not tell a stream from an answer: there the answer must be a stream itself.
  const bool both =
      own.sketched ? noted.was_answered && touch.bits & Touch::kStream : noted.was_streamed;
  if (both) connected(source, touch, rows);
}

void Detector::found_open(Tracked& source, const Touch& touch, const Rows& rows) {
  Endpoint port = rows.target(touch);
  port.port = touch.port;
  port.protocol = touch.protocol;
  if (uint8_t at = 0; !add_open_port(source, port, at)) return;
  if (source.state != State::kScanning || source.flags & Tracked::kToldOpen) return;
  source.flags |= Tracked::kToldOpen;
  tell(source, Action::kOpenPort, touch.time, evidence(source, false), &port);
}

void Detector::succeeded(Tracked& source, const Touch& touch, const Rows& rows) {
  const bool udp = touch.protocol == Protocol::kUdp;  // nobody can tell before it is answered
  Generation& own = generation_of(source, touch.time);
  source.successes++;
  own.successes++;
  const Noted noted = note(own, static_cast<uint32_t>(touch.target), touch.port,
                           static_cast<uint8_t>(touch.protocol),
                           udp ? Pair::kStreamed : Pair::kGood, slot_of(touch.time));
  if (noted.is_new) add_score(source.score, -1);
  if (!udp || (noted.was_answered && !own.sketched)) connected(source, touch, rows);
}

void Detector::connected(Tracked& source, const Touch& touch, const Rows& rows) {
  const auto target = static_cast<uint32_t>(touch.target);
  const auto protocol = static_cast<uint8_t>(touch.protocol);
  // Who scans from inside also works: only what it scanned is told.
  const bool outside = direction(source) == Direction::kInbound;
  if (!outside && !is_top_port(source, touch.port, touch.protocol) &&
      !is_sample_host(source, target))
    return;
  const auto pair = static_cast<uint32_t>(pair_hash(target, touch.port, protocol));
  if (!add_connected(source, pair)) return;
  Endpoint port = rows.target(touch);
  port.port = touch.port;
  port.protocol = touch.protocol;
  if (source.state == State::kQuiet) {
    // It may be told when it is a scanner.
    uint8_t at = kOpenPorts;
    add_open_port(source, port, at);
    if (at < kOpenPorts) source.early |= static_cast<uint8_t>(1 << at);
    return;
  }
  tell(source, Action::kConnected, touch.time, evidence(source, source.state == State::kEnded),
       &port);
}

Evidence Detector::evidence(const Tracked& source, bool settled, uint32_t time) const {
  // All that is settled is over: then its last probe's window counts.
  // Its own flows may be ahead of the clock.
  const uint32_t now = settled ? source.last_probe : std::max(clock.now, time);
  return evidence_of(source, generation(now), slot_of(now), slot_of(time), settled);
}

Direction Detector::direction(const Tracked& source) const {
  if (!settings_.knows_own) return Direction::kUnknown;
  const bool to_own = source.own_targets * 2 > source.probes;
  if (source.flags & Tracked::kOwn) return to_own ? Direction::kInternal : Direction::kOutbound;
  return to_own ? Direction::kInbound : Direction::kUnknown;
}

Type Detector::decide_type(const Tracked& source, const Evidence& e) const {
  const Direction to = direction(source);
  return decide(source, e, settings_.limits[static_cast<size_t>(to)], settings_.fast,
                to == Direction::kInbound || to == Direction::kInternal);
}

void Detector::decide_on(Tracked& source, uint32_t time, bool settled) {
  const Evidence e = evidence(source, settled, time);
  if (!e.waiting) source.flags &= static_cast<uint8_t>(~Tracked::kWaiting);
  const Type type = decide_type(source, e);
  if (type == Type::kNone) return;
  const bool is_new = source.state != State::kScanning;
  const bool grown = e.pairs >= 2 * source.reported;
  const bool changed = type != source.type && e.pairs >= kOtherType * source.reported;
  if (!is_new && !grown && !changed) return;
  source.type = type;
  source.reported = e.pairs;
  if (is_new) {
    source.state = State::kScanning;
    source.alerted = time;
    if (source.open_used) source.flags |= Tracked::kToldOpen;
  }
  tell(source, is_new ? Action::kNew : Action::kGrown, time, e);
  for (uint8_t i = 0; i < source.open_used; i++)
    if (source.early >> i & 1) tell(source, Action::kConnected, time, e, &source.open[i]);
  source.early = 0;
}

void Detector::tell(Tracked& source, Action action, uint32_t time, const Evidence& evidence,
                    const Endpoint* destination) {
  source.events++;
  counts_.alerts++;
  alerts_.push_back({action, time, source.type, direction(source), evidence,
                     destination ? *destination : Endpoint{}, source});
}

void Detector::end(Tracked& source, uint32_t time) {
  if (source.state != State::kScanning || source.ended_probes == source.probes) return;
  source.ended_probes = source.probes;
  // The type that all of it has.
  const Evidence e = evidence(source, true);
  const Type type = decide_type(source, e);
  if (type != Type::kNone) source.type = type;
  tell(source, Action::kEnded, time, e);
}

// Ends what is silent, forgets what is old, decides what waited for answers.
void Detector::sweep() {
  clock.swept = clock.now / kHour;
  for (uint32_t slot = 0; slot < table_.tracked_slots(); slot++) {
    const Tracked& source = table_.tracked(slot);
    if (source.key == 0) continue;
    if (source.state == State::kScanning && clock.now - source.last_probe >= settings_.quiet &&
        clock.now > source.last_probe) {
      Tracked& changed = table_.change(slot);
      end(changed, changed.last_probe);
      changed.state = State::kEnded;
    } else if (source.flags & Tracked::kWaiting) {
      decide_on(table_.change(slot), source.last_probe, false);
    }
    if (source.last < oldest() && source.state != State::kScanning) table_.untrack(slot);
  }
}

void Detector::finish() {
  for (uint32_t slot = 0; slot < table_.tracked_slots(); slot++) {
    const Tracked& source = table_.tracked(slot);
    if (source.key == 0) continue;
    if (source.flags & Tracked::kWaiting) decide_on(table_.change(slot), source.last_probe, true);
    if (source.state == State::kScanning) end(table_.change(slot), source.last_probe);
  }
}

std::vector<Detector::Scanner> Detector::scanners(size_t most) const {
  std::vector<Scanner> all;
  for (uint32_t slot = 0; slot < table_.tracked_slots(); slot++) {
    const Tracked& source = table_.tracked(slot);
    if (source.key == 0 || source.state == State::kQuiet) continue;
    all.push_back({&source, evidence(source, true), direction(source)});
  }
  std::stable_sort(all.begin(), all.end(), [](const Scanner& a, const Scanner& b) {
    return a.evidence.pairs > b.evidence.pairs;
  });
  if (all.size() > most) all.resize(most);
  return all;
}

}  // namespace nek::scan
