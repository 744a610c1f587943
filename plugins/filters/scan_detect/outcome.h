// SPDX-License-Identifier: Apache-2.0
// Outcome: what became of a flow, seen from its source, by this one record alone.
// Everything else counts outcomes. The table of rules: docs/scan-detection.md, section 1.
// Thread-safe: functions without state.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace nek::scan {

enum class Outcome : uint8_t {
  kNone,
  kProbe,
  kHalfOpen,
  kStealth,
  kTiny,
  kSuccess,
  kBackscatter,
  kResponse,
  kUnreachable
};
inline constexpr std::array<std::string_view, 9> kOutcomeNames = {
    "none",    "probe",       "half_open", "stealth",    "tiny",
    "success", "backscatter", "response",  "unreachable"};

struct FlowFacts {
  uint8_t protocol = 0;  // number
  int16_t flags = -1;    // of TCP; negative: not known
  bool v6 = false;
  uint16_t source_port = 0, port = 0;  // port of ICMP: the type
  uint64_t packets = 1, bytes = 0;
};

Outcome outcome_of(const FlowFacts& flow);

// Of UDP: more than a probe has.
bool is_stream(const FlowFacts& flow);

// A flow from a port that servers have to one that clients have; of DHCP too, by its numbers.
constexpr bool from_server(uint16_t source_port, uint16_t port) {
  return (source_port < 1024 && port >= 1024) || (source_port == 67 && port == 68) ||
         (source_port == 547 && port == 546);
}
inline bool from_server(const FlowFacts& flow) { return from_server(flow.source_port, flow.port); }
inline bool to_server(const FlowFacts& flow) { return from_server(flow.port, flow.source_port); }

}  // namespace nek::scan
