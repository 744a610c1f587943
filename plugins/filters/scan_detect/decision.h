// SPDX-License-Identifier: Apache-2.0
// The decision: what a source's pairs say of it, and whether that is a scan and of which type.
// Docs: docs/scan-detection.md, section 4. Thread-safe: functions without state.
#pragma once
#include <cstdint>

#include "records.h"

namespace nek::scan {

struct Limits {
  uint32_t pairs = 25, block_pairs = 64, sparse_pairs = 96;
  double failed = 0.5;
};

struct Evidence {
  uint32_t hosts = 0, ports = 0, pairs = 0;  // that failed
  uint32_t good_pairs = 0;
  double udp_pairs = 0;  // of those that failed
  double failed_ratio = 0;
  bool exact = true;
  bool waiting = false;     // some pairs may still be answered
  bool fast_ports = false;  // many ports of one host within 5 minutes
  bool fast_hosts = false;  // many hosts on one port
  bool mostly_web = false;  // at least four of five have port 80 or 443
  bool high_ports = false;  // most are from 1024 on
  uint32_t hours = 0;       // in which it was seen
};

// Over the generations `current` and the one before. `slot`: the present 5 minutes, `own_slot`:
// those of the source's present probe, as exporters' clocks differ; `settled`: pairs are not waited
// for any more.
Evidence evidence_of(const Tracked& source, uint32_t current, uint8_t slot, uint8_t own_slot,
                     bool settled);

// `to_own`: most of its targets are in own networks, where no client of the Internet is to be told
// from a scanner.
Type decide(const Tracked& source, const Evidence& evidence, const Limits& limits, bool fast,
            bool to_own);

}  // namespace nek::scan
