// SPDX-License-Identifier: Apache-2.0
// A filter whose constructor throws, which is against the rules.
#include <stdexcept>

#include "nek/plugin.hpp"

namespace nek {
namespace {

struct Config {};
constexpr auto kOptions = options<Config>();

class Throwing {
 public:
  Throwing(Host, const Config&) { throw std::runtime_error("thrown in create"); }
  Status setup(Shape&) { return {}; }
  Status process(Call&) const { return {}; }
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::filter<nek::Throwing, nek::kOptions>({
    .name = "throwing",
    .version = "1.0.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Throws when it is made.",
}));
