// SPDX-License-Identifier: Apache-2.0
// blackhole: takes records and forgets them, so that the rest of a pipeline can be measured.
#include <algorithm>

#include "nek/plugin.hpp"

namespace nek {
namespace {

struct Config {
  bool encode = true;
};

constexpr auto kOptions = options<Config>(option<&Config::encode>(
    "encode", "Whether records are encoded before they are forgotten.", {.fallback = "true"}));

class Blackhole {
 public:
  Blackhole(Host host, Config config)
      : config_(config),
        records_(host.counter("records", "Records that were taken.")),
        bytes_(host.counter("bytes", "Bytes of the records that were taken.")) {}

  Status encode(Call& call, Encoded& out) const {
    if (config_.encode) return call.encode({}, out);
    // A record without bytes would count as left out.
    char* at = out.room(call.rows());
    std::fill_n(at, call.rows(), '\n');
    for (uint32_t row = 0; row < call.rows(); row++) {
      out.wrote_to(at + row + 1);
      out.end_row(row);
    }
    return {};
  }
  Status write(std::span<const nek_encoded* const> blocks) {
    for (const nek_encoded* block : blocks) {
      records_.add(block->rows);
      bytes_.add(static_cast<double>(block->used));
    }
    return {};
  }

 private:
  Config config_;
  Metric records_, bytes_;
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::output<nek::Blackhole, nek::kOptions>({
    .name = "blackhole",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Takes records and forgets them.",
    .example = "blackhole: {encode: false}",
    .codec = "json",
}));
