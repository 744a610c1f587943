// SPDX-License-Identifier: Apache-2.0
#include "cli/example_filter.h"

#include "pipeline/common_options.h"
#include "pipeline/document.h"
#include "pipeline/options.h"

namespace nek {

ExampleFilter::ExampleFilter(const nek_plugin& plugin) {
  if (!plugin.filter || !plugin.example) return;
  const auto example = parse_value(plugin.example);
  if (!example || example->entries.size() != 1) return;
  Diagnostics diagnostics("", "");
  const OptionTarget targets[] = {{common_options(Kind::kFilter), &common_},
                                  {plugin.options, &config_}};
  read_options(example->entries[0].value, {}, plugin.name, targets, diagnostics);
  if (diagnostics.has_errors()) return;
  auto instance = std::make_unique<Instance>(plugin, 0, plugin.name, system_env(), metrics_);
  if (instance->create(config_.root()).ok()) instance_ = std::move(instance);
}

}  // namespace nek
