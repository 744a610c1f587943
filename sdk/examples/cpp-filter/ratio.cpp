// SPDX-License-Identifier: Apache-2.0
// ratio: adds a column with one number divided by another, as bytes by packets.
// The smallest useful filter; ../c-filter is the same in plain C.
#include <nek/plugin.hpp>

namespace {

struct Config {
  std::string of, by, target;
};
constexpr auto kOptions = nek::options<Config>(
    nek::option<&Config::of>("of", "Column that is divided.", {.type = "field"}),
    nek::option<&Config::by>("by", "Column that it is divided by.", {.type = "field"}),
    nek::option<&Config::target>("target", "Column to add.", {.fallback = "ratio"}));

class Ratio {
 public:
  Ratio(nek::Host host, Config config) : host_(host), config_(std::move(config)) {}

  nek::Status setup(nek::Shape& shape) {
    if (config_.target.empty()) return nek::fail_at(host_.at("target"), "needs a name");
    of_ = shape.read(config_.of, {NEK_UINT64});
    by_ = shape.read(config_.by, {NEK_UINT64});
    out_ = shape.pass("out", {{config_.target, NEK_DOUBLE}});
    return {};
  }

  nek::Status process(nek::Call& call) const {
    const nek::Uint64View of(call.read(of_)), by(call.read(by_));
    nek::DoubleWriter ratio(call.column(NEK_DOUBLE, {.nulls = true}));
    for (uint32_t row = 0; row < call.rows(); row++) {
      if (of.has(row) && by[row] != 0) {  // 0 where null
        ratio.set(row, static_cast<double>(of[row]) / static_cast<double>(by[row]));
      } else {
        ratio.null(row);
      }
    }
    call.emit(out_, {ratio.column()});
    return {};
  }

 private:
  nek::Host host_;
  Config config_;
  uint32_t of_ = 0, by_ = 0, out_ = 0;
};

}  // namespace

NEK_EXPORT_PLUGINS(nek::filter<Ratio, kOptions>({
    .name = "ratio",
    .version = "1.0.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Adds a column with one number divided by another.",
    .example = "ratio: { of: ibyt, by: ipkt, target: bytes_per_packet }",
}));
