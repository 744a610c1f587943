// SPDX-License-Identifier: Apache-2.0
// A filter whose stop() never returns.
#include <unistd.h>

#include "nek/plugin.hpp"

namespace nek {
namespace {

struct Config {};
constexpr auto kOptions = options<Config>();

class Hanging {
 public:
  Hanging(Host host, const Config&) : host_(host) {}
  Status setup(Shape& shape) {
    shape.pass("out");
    return {};
  }
  Status start(const Start&) { return {}; }
  Status process(Call& call) const {
    call.emit(0);
    return {};
  }
  void stop() {
    host_.log(NEK_INFO, "hangs");
    for (;;) pause();
  }

 private:
  Host host_;
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::filter<nek::Hanging, nek::kOptions>({
    .name = "broken",
    .version = "1.0.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Does not stop.",
}));
