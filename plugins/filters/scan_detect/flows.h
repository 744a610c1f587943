// SPDX-License-Identifier: Apache-2.0
// Flows: the parallel step. Each row's outcome, and what it does to whom in the table.
// The ordered step then only walks through a list of 32 bytes a row.
// Thread-safe: read-only after setup; a FlowReader is a lane's.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "detector.h"
#include "nek/plugin.hpp"
#include "networks.h"
#include "outcome.h"
#include "per_code.h"
#include "tcp_flags.h"

namespace nek::scan {

// The columns' names.
struct FlowFields {
  std::string time, source, source_port, target, port, protocol, flags, packets, bytes, egress,
      country;
};

// The columns' indexes in the shape.
struct FlowColumns {
  uint32_t time, source, source_port, target, port, protocol, flags, packets, bytes, egress,
      country;
  static FlowColumns need(Shape& shape, const FlowFields& fields);
};

struct FlowPolicy {
  Networks own, allowed;
  uint32_t sampling_rate = 1;
};

// Left by process for commit.
struct Prepared {
  std::span<Touch> touches;
  uint64_t skipped;   // rows without time or addresses
  uint64_t no_flags;  // of TCP
};

class FlowReader {
 public:
  // outcomes: of each row.
  void read(const Call& call, const FlowColumns& columns, const FlowPolicy& policy,
            std::span<Outcome> outcomes, Prepared& prepared);

 private:
  TcpFlagsReader flags_;
  PerCode<uint8_t> protocols_;
};

// Looks at the batch when a source becomes tracked.
class CallRows final : public Rows {
 public:
  CallRows(const Call& call, const FlowColumns& columns)
      : source_(call.read(columns.source)),
        target_(call.read(columns.target)),
        country_(call.read(columns.country)) {}
  Endpoint source(const Touch& touch) const override;
  Endpoint target(const Touch& touch) const override;
  void country(const Touch& touch, char (&to)[2]) const override;

 private:
  TextView source_, target_, country_;
};

}  // namespace nek::scan
