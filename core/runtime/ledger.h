// SPDX-License-Identifier: Apache-2.0
// Ledger: where every record went. Printed at the end, part of each snapshot; a pipeline whose
// ledger does not balance has lost something and says so. Plain data: whoever holds one guards it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/graph.h"
#include "util/bytes.h"

namespace nek {

// Of one stream: in + created = out + filtered + absorbed + dead.
struct StreamLedger {
  uint64_t in = 0;        // records that reached the component
  uint64_t created = 0;   // records that it made: decoded, or derived
  uint64_t out = 0;       // records that it sent on
  uint64_t filtered = 0;  // not selected by a subset
  uint64_t absorbed = 0;  // kept by the filter and not sent on
  uint64_t dead = 0;      // refused: in the dead letters
  void add(const StreamLedger& other);
};

// Of one output: in = delivered + duplicate + dropped + dead + in flight.
struct OutputLedger {
  uint64_t in = 0;
  uint64_t delivered = 0;
  uint64_t duplicate = 0;
  uint64_t dropped = 0;
  uint64_t dead = 0;
  uint64_t in_flight() const { return in - delivered - duplicate - dropped - dead; }
  void add(const OutputLedger& other);
};

struct Ledger {
  std::vector<std::vector<StreamLedger>> streams;  // [component][stream]; empty for outputs
  std::vector<OutputLedger> outputs;               // [component]; only outputs' are used

  explicit Ledger(const Graph& graph);
  Ledger() = default;
  void add(const Ledger& other);
  // One sentence for each thing that does not add up: within a component, on an edge, or in flight.
  // Of a replay, records enter the pipeline wherever they were refused (`enters_anywhere`).
  std::vector<std::string> faults(const Graph& graph, const PipelineConfig& config,
                                  bool enters_anywhere = false) const;
  uint64_t dead() const;
  void write(ByteWriter& to) const;
  // False where the bytes are not a ledger of this graph's form.
  bool read(ByteReader& from);
};

}  // namespace nek
