// SPDX-License-Identifier: Apache-2.0
// Detector: the table, the clock and the life of alerts; all that happens in the ordered step.
// What comes out depends on the touches and their order alone. It knows nothing of batches.
// Not thread-safe.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "decision.h"
#include "records.h"
#include "table.h"

namespace nek::scan {

enum class Direction : uint8_t { kUnknown, kInbound, kOutbound, kInternal };

struct Settings {
  uint32_t window = 86400;  // s: of a generation
  uint32_t quiet = 86400;   // s: then a scan has ended
  Limits limits[4];         // by Direction
  bool fast = true;
  bool knows_own = false;  // own_networks are given
  uint64_t memory = uint64_t{1} << 30;
  // A suspect is tracked with that many failed pairs.
  uint32_t promotion() const;
};

// The texts of a flow that are looked at when a source becomes tracked, or a host a sample.
class Rows {
 public:
  virtual ~Rows() = default;
  virtual Endpoint source(const Touch& touch) const = 0;  // address and family
  virtual Endpoint target(const Touch& touch) const = 0;
  virtual void country(const Touch& touch, char (&to)[2]) const = 0;  // of the source
};

enum class Action : uint8_t { kNew, kGrown, kOpenPort, kConnected, kEnded };

struct Alert {
  Action action;
  uint32_t time;  // s
  Type type;
  Direction direction;
  Evidence evidence;
  Endpoint destination;  // of kOpenPort and kConnected; else of no family
  Tracked source;
};

class Detector {
 public:
  struct Counts {
    uint64_t late = 0, ahead = 0, alerts = 0;
    uint64_t set = 0;  // times that the clock was set to what flows agree on
  };
  explicit Detector(const Settings& settings);

  void prefetch(const Touch& touch) const { table_.prefetch(touch.source); }
  void touch(const Touch& touch, const Rows& rows);
  // The input has ended: what was still waited for is decided, and scans have ended.
  void finish();

  // Since they were last cleared.
  std::vector<Alert>& alerts() { return alerts_; }

  struct Scanner {
    const Tracked* source;
    Evidence evidence;
    Direction direction;
  };
  // The greatest ones, most pairs first.
  std::vector<Scanner> scanners(size_t most) const;

  const Settings& settings() const { return settings_; }
  const Counts& counts() const { return counts_; }
  const Table& table() const { return table_; }
  Table& table() { return table_; }

  // State, besides the table.
  struct Clock {
    uint32_t now = 0;    // latest event time, s; 0: none yet
    uint32_t swept = 0;  // hour
    uint32_t far = 0;    // the hour that touches in a row agree on: hour << 8 | touches
  };
  Clock clock;

 private:
  uint32_t generation(uint32_t time) const { return time / settings_.window; }
  uint32_t hour_bit(uint32_t time) const;
  uint32_t oldest() const;
  bool in_time(const Touch& touch);
  bool agreed(const Touch& touch);
  bool would_clear(const Suspect& source, uint32_t time) const;
  // A step that one flow alone may move the clock.
  uint32_t near() const { return std::max(settings_.window / 4, 3600u); }
  void touch_suspect(Table::Place place, const Touch& touch, const Rows& rows);
  void touch_tracked(uint32_t slot, const Touch& touch, const Rows& rows);
  void promote(Table::Place place, const Touch& touch, const Rows& rows);
  void probed(Tracked& source, const Touch& touch, const Rows& rows);
  void answered(Tracked& source, const Touch& touch, const Rows& rows);
  void succeeded(Tracked& source, const Touch& touch, const Rows& rows);
  void connected(Tracked& source, const Touch& touch, const Rows& rows);
  void found_open(Tracked& source, const Touch& touch, const Rows& rows);
  Type decide_type(const Tracked& source, const Evidence& evidence) const;
  void decide_on(Tracked& source, uint32_t time, bool settled);
  void tell(Tracked& source, Action action, uint32_t time, const Evidence& evidence,
            const Endpoint* destination = nullptr);
  void end(Tracked& source, uint32_t time);
  void sweep();
  Generation& generation_of(Tracked& source, uint32_t time) const;
  Evidence evidence(const Tracked& source, bool settled) const {
    return evidence(source, settled, source.last_probe);
  }
  Evidence evidence(const Tracked& source, bool settled, uint32_t time) const;
  Direction direction(const Tracked& source) const;

  const Settings settings_;
  const uint32_t promotion_;
  Table table_;
  std::vector<Alert> alerts_;
  Counts counts_;
};

}  // namespace nek::scan
