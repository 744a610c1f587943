// SPDX-License-Identifier: Apache-2.0
#include "runtime/instance.h"

namespace nek {
namespace {

template <class T>
const T* extension_of(const Instance& instance, const char* id) {
  if (!NEK_HAS(&instance.plugin, extension) || !instance.plugin.extension) return nullptr;
  return static_cast<const T*>(instance.plugin.extension(instance.self, id));
}

}  // namespace

Instance::Instance(const nek_plugin& plugin, uint32_t component, std::string id, Env& env,
                   Metrics& metrics)
    : nek_host(host_services()),
      plugin(plugin),
      component(component),
      id(std::move(id)),
      env(env),
      metrics(metrics) {}

Instance::~Instance() {
  if (self) plugin.destroy(self);
}

Status Instance::create(const nek_value& config) {
  take_failure();
  if (plugin.create(this, &config, &self) != NEK_OK) {
    Failure failure = take_failure();
    self = nullptr;
    if (failure.text.empty()) failure.text = "refused its configuration without saying why";
    return fail_at(failure.at, std::move(failure.text));
  }
  if (!self) return nek::fail(std::string("plugin '") + plugin.name + "' made no instance");
  shape = plugin.shape(self);
  if (!shape) return nek::fail(std::string("plugin '") + plugin.name + "' has no shape");
  control = extension_of<nek_control_extension>(*this, NEK_CONTROL);
  progress = extension_of<nek_progress_extension>(*this, NEK_PROGRESS);
  return {};
}

Status Instance::start(const nek_start& start) {
  take_failure();
  if (plugin.start && plugin.start(self, &start) != NEK_OK) {
    Failure failure = take_failure();
    if (failure.text.empty()) failure.text = "could not start and did not say why";
    return fail_at(failure.at, std::move(failure.text));
  }
  started = true;
  return {};
}

void Instance::stop() {
  if (started && NEK_HAS(&plugin, stop) && plugin.stop) plugin.stop(self);
  started = false;
}

}  // namespace nek
