// SPDX-License-Identifier: Apache-2.0
#include "outcome.h"

namespace nek::scan {
namespace {

constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmp6 = 58;
constexpr int kFin = 1, kSyn = 2, kReset = 4, kPush = 8, kAck = 16, kUrgent = 32;
constexpr int kSix = 63;  // without ECE and CWR, which say nothing of the outcome

constexpr uint64_t kMostAsks = 7;       // with all retries of a patient client
constexpr uint64_t kSynBytes = 64;      // a SYN with all its options
constexpr uint64_t kAskBytes = 512;     // of UDP; QUIC begins with more
constexpr uint64_t kEmptyBytes = 60;    // a packet without data
constexpr uint64_t kStealthBytes = 44;  // a packet that a tool made, without options
constexpr uint64_t kV6Bytes = 20;       // the header of IPv6 is that much longer
constexpr uint16_t kTracerouteFirst = 33434, kTracerouteLast = 33534;

bool at_most(const FlowFacts& flow, uint64_t packets, uint64_t bytes_each) {
  const uint64_t each = bytes_each + (flow.v6 ? kV6Bytes : 0);
  return flow.packets <= packets && flow.bytes <= flow.packets * each;
}

Outcome of_tcp(const FlowFacts& flow) {
  if (flow.flags < 0) return Outcome::kNone;
  const int flags = flow.flags & kSix;
  switch (flags & (kSyn | kAck | kReset)) {
    case kSyn:
      if (flags & (kFin | kUrgent)) return Outcome::kStealth;
      return at_most(flow, flow.packets, kSynBytes) ? Outcome::kProbe : Outcome::kSuccess;
    case kSyn | kReset: return flow.packets <= 3 ? Outcome::kHalfOpen : Outcome::kNone;
    case kReset:
    case kReset | kAck: return flags & (kPush | kFin) ? Outcome::kNone : Outcome::kBackscatter;
    case kAck: return Outcome::kNone;
    case 0:
      if (flags != 0 && flags != kFin && flags != (kFin | kPush | kUrgent)) return Outcome::kNone;
      return at_most(flow, 2, kStealthBytes) ? Outcome::kStealth : Outcome::kNone;
    default: break;  // SYN and ACK
  }
  if (flags == (kSyn | kAck) && at_most(flow, kMostAsks, kSynBytes) &&
      flow.source_port < flow.port) {
    return Outcome::kBackscatter;
  }
  if (from_server(flow)) return Outcome::kNone;
  if (flags & (kFin | kReset) && !(flags & kPush) && at_most(flow, 4, kEmptyBytes))
    return Outcome::kTiny;
  return Outcome::kSuccess;
}

Outcome of_udp(const FlowFacts& flow) {
  if (from_server(flow)) return Outcome::kResponse;
  if (flow.port >= kTracerouteFirst && flow.port <= kTracerouteLast) return Outcome::kNone;
  return is_stream(flow) ? Outcome::kSuccess : Outcome::kProbe;
}

Outcome of_icmp(uint16_t type, uint16_t request, uint16_t reply, uint16_t unreachable) {
  if (type == request) return Outcome::kProbe;
  if (type == reply) return Outcome::kResponse;
  return type == unreachable ? Outcome::kUnreachable : Outcome::kNone;
}

}  // namespace

bool is_stream(const FlowFacts& flow) {
  return flow.packets > 2 && !at_most(flow, kMostAsks, kAskBytes);
}

Outcome outcome_of(const FlowFacts& flow) {
  switch (flow.protocol) {
    case kTcp: return of_tcp(flow);
    case kUdp: return of_udp(flow);
    case kIcmp: return of_icmp(flow.port, 8, 0, 3);
    case kIcmp6: return of_icmp(flow.port, 128, 129, 1);
    default: return Outcome::kNone;
  }
}

}  // namespace nek::scan
