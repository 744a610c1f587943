// SPDX-License-Identifier: Apache-2.0
#include "../outcome.h"

#include <catch2/catch.hpp>

using nek::scan::FlowFacts;
using nek::scan::kOutcomeNames;
using nek::scan::outcome_of;

namespace {

constexpr int16_t F = 1, S = 2, R = 4, P = 8, A = 16, U = 32, E = 64, C = 128;

std::string_view tcp(int flags, uint64_t packets, uint64_t bytes, uint16_t from = 40000,
                     uint16_t to = 22) {
  return kOutcomeNames[static_cast<size_t>(
      outcome_of({6, static_cast<int16_t>(flags), false, from, to, packets, bytes}))];
}
std::string_view udp(uint16_t from, uint16_t to, uint64_t packets, uint64_t each = 60) {
  return kOutcomeNames[static_cast<size_t>(
      outcome_of({17, 0, false, from, to, packets, packets * each}))];
}
std::string_view icmp(uint8_t protocol, uint16_t type) {
  return kOutcomeNames[static_cast<size_t>(outcome_of({protocol, -1, false, 0, type, 1, 84}))];
}

}  // namespace

TEST_CASE("a SYN that nobody answered is a probe, with its retries too") {
  CHECK(tcp(S, 1, 40) == "probe");
  CHECK(tcp(S, 1, 60) == "probe");
  CHECK(tcp(S, 1, 64) == "probe");  // of macOS
  CHECK(tcp(S, 7, 7 * 60) == "probe");
  CHECK(tcp(S | E | C, 1, 60) == "probe");
}

TEST_CASE(
    "a SYN flow with data or many packets is a connection whose exporter kept the first flags") {
  CHECK(tcp(S, 6, 531) == "success");
  CHECK(tcp(S, 27, 5767) == "success");
  CHECK(tcp(S, 8, 512) == "probe");
  CHECK(tcp(S, 8, 513) == "success");
}

TEST_CASE("a SYN of IPv6 may be 20 bytes longer") {
  FlowFacts flow{6, S, true, 40000, 443, 1, 80};
  CHECK(kOutcomeNames[static_cast<size_t>(outcome_of(flow))] == "probe");
  flow.v6 = false;
  CHECK(kOutcomeNames[static_cast<size_t>(outcome_of(flow))] == "success");
}

TEST_CASE("a SYN that is reset by its own side has found an open port") {
  CHECK(tcp(S | R, 2, 80) == "half_open");
  CHECK(tcp(S | R, 4, 160) == "none");
}

TEST_CASE("packets that no TCP sends are stealth probes") {
  CHECK(tcp(F, 1, 40) == "stealth");
  CHECK(tcp(F | P | U, 1, 40) == "stealth");
  CHECK(tcp(0, 1, 40) == "stealth");
  CHECK(tcp(S | F, 1, 40) == "stealth");
  CHECK(tcp(0, 100, 90000) == "none");  // an exporter without flags
}

TEST_CASE("ACK alone is no probe, as parts of long flows look like it") {
  CHECK(tcp(A, 1, 40) == "none");
  CHECK(tcp(A | P, 30, 9000) == "none");
  CHECK(tcp(A | F, 2, 104) == "none");
}

TEST_CASE("a connection without data is tiny, one with data is a success") {
  CHECK(tcp(S | A | R, 3, 3 * 52) == "tiny");
  CHECK(tcp(S | A | F, 4, 4 * 52) == "tiny");
  CHECK(tcp(S | A | P | F, 6, 900) == "success");
  CHECK(tcp(S | A, 12, 4000) == "success");
}

TEST_CASE("what a server sends is none of its own doing") {
  CHECK(tcp(S | A, 1, 44, 22, 40000) == "backscatter");
  CHECK(tcp(S | A, 6, 6 * 60, 22, 40000) == "backscatter");  // to who does not answer
  CHECK(tcp(S | A, 6, 6 * 44, 8080, 40000) == "backscatter");
  CHECK(tcp(R | A, 1, 40, 22, 40000) == "backscatter");
  CHECK(tcp(R, 1, 40, 22, 40000) == "backscatter");
  CHECK(tcp(S | A | P | F, 10, 9000, 443, 40000) == "none");
}

TEST_CASE("up to seven UDP packets are a probe until they are answered") {
  CHECK(udp(40000, 161, 1) == "probe");
  CHECK(udp(40000, 161, 7) == "probe");
  CHECK(udp(40000, 443, 2, 1278) == "probe");
  CHECK(udp(40000, 443, 6, 1278) == "success");  // QUIC
  CHECK(udp(40000, 161, 8) == "success");
  CHECK(udp(123, 123, 1) == "probe");
  CHECK(udp(53, 40000, 1) == "response");
  CHECK(udp(67, 68, 1) == "response");  // DHCP
  CHECK(udp(547, 546, 1) == "response");
  CHECK(udp(40000, 33434, 1) == "none");  // traceroute
  CHECK(udp(40000, 33534, 1) == "none");
  CHECK(udp(40000, 33535, 1) == "probe");
}

TEST_CASE("echo requests are probes, replies and unreachables are answers, in both families") {
  CHECK(icmp(1, 8) == "probe");
  CHECK(icmp(1, 0) == "response");
  CHECK(icmp(1, 3) == "unreachable");
  CHECK(icmp(1, 11) == "none");
  CHECK(icmp(58, 128) == "probe");
  CHECK(icmp(58, 129) == "response");
  CHECK(icmp(58, 1) == "unreachable");
  CHECK(icmp(58, 135) == "none");  // neighbour solicitation
}

TEST_CASE("other protocols and unknown flags have no outcome") {
  CHECK(kOutcomeNames[static_cast<size_t>(outcome_of({47, -1, false, 0, 0, 1, 40}))] == "none");
  CHECK(tcp(-1, 1, 40) == "none");
}
