// SPDX-License-Identifier: Apache-2.0
// MetricsFile: the figures of a running pipeline as a file that is written again and again, in the
// text format of Prometheus (0.0.4), as the textfile collector of its node exporter reads it. It
// is there whole or not at all; its age tells whether nek goes on.
// Not thread-safe.
#pragma once
#include <chrono>
#include <string>

#include "runtime/pipeline.h"

namespace nek {

// All figures of a pipeline. Counters have those of earlier runs too, as the ledger has.
std::string metrics_text(const Pipeline& pipeline);

class MetricsFile {
 public:
  // `path`: empty: none is written.
  MetricsFile(std::string path, const Pipeline& pipeline)
      : path_(std::move(path)), pipeline_(pipeline) {}

  void update();  // when the last one is old enough
  Status write();

 private:
  const std::string path_;
  const Pipeline& pipeline_;
  std::chrono::steady_clock::time_point next_{};
  bool told_ = false;  // that it cannot be written
};

}  // namespace nek
