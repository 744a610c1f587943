// SPDX-License-Identifier: Apache-2.0
// For tests: flows as touches of a detector, with addresses that are made from numbers.
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "../alert_text.h"
#include "../detector.h"

namespace nek::scan {

constexpr uint32_t kDay = 86400, kStart = 20000 * kDay;  // midnight

class TestRows : public Rows {
 public:
  // 10.x.y.z of the number.
  static Endpoint host(uint64_t number) {
    Endpoint e{};
    e.family = Family::kV4;
    e.address[0] = 10;
    for (int i = 0; i < 3; i++) e.address[1 + i] = static_cast<uint8_t>(number >> (16 - 8 * i));
    return e;
  }
  Endpoint source(const Touch& touch) const override { return host(touch.row); }
  Endpoint target(const Touch& touch) const override { return host(touch.target & 0xFFFFFF); }
  void country(const Touch&, char (&to)[2]) const override { std::memcpy(to, "ZZ", 2); }
};

struct Flow {
  uint32_t source, target;
  uint16_t port;
  uint32_t time = kStart;
  Act act = Act::kProbe;
  Protocol protocol = Protocol::kTcp;
  uint8_t bits = 0;
  uint32_t network = 0;  // of the target
};

class TestDetector : public Detector {
 public:
  explicit TestDetector(const Settings& settings = small()) : Detector(settings) {}
  static Settings small() {
    Settings settings;
    settings.memory = 4 << 20;
    return settings;
  }
  static uint64_t key(uint32_t source) { return mix(source, 77); }

  void flow(const Flow& f) {
    Touch t{};
    t.source = key(f.source);
    t.target = (mix(f.target, 78) & 0xFFFFFFFFFF000000 & ((uint64_t{1} << 58) - 1)) | f.target |
               uint64_t{f.network} << 58;
    t.row = f.source;
    t.time = f.time;
    t.port = f.port;
    t.act = f.act;
    t.protocol = f.protocol;
    t.bits = f.bits;
    touch(t, rows_);
  }
  // As many flows as set the clock, of sources that are nothing else.
  void clock_to(uint32_t time) {
    for (uint32_t i = 0; i < 32; i++) flow({0xC10C00 + i, 1, 1, time});
  }
  // One line an alert: "new 10.0.0.1 vertical 1 25"; they are cleared.
  std::vector<std::string> told() {
    std::vector<std::string> lines;
    for (const Alert& a : alerts()) {
      lines.push_back(std::string(name_of(a.action)).substr(5) + " " + source_text(a.source) + " " +
                      std::string(name_of(a.type)) + " " + std::to_string(a.evidence.hosts) + " " +
                      std::to_string(a.evidence.ports));
      if (a.destination.family != Family::kNone) lines.back() += " " + endpoint_text(a.destination);
    }
    alerts().clear();
    return lines;
  }

 private:
  TestRows rows_;
};

}  // namespace nek::scan
