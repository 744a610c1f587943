// SPDX-License-Identifier: Apache-2.0
#include "runtime/instance.h"

#include <utility>

#include "nek/text.hpp"
#include "util/log.h"

namespace nek {
namespace {

template <class T>
const T* extension_of(const Instance& instance, const char* id) {
  if (!NEK_HAS(&instance.plugin, extension) || !instance.plugin.extension) return nullptr;
  const T* extension = nullptr;
  instance.tell("extension", [&] {
    extension = static_cast<const T*>(instance.plugin.extension(instance.self, id));
  });
  return extension;
}

bool has_name(const char* name) { return name && *name; }
bool is_type(nek_type type) { return type >= NEK_BOOL && type <= NEK_DICT_LIST; }

const char* stream_defect(const nek_stream& stream) {
  if (!has_name(stream.name)) return "a stream has no name";
  if (stream.kind > NEK_DERIVED) return "a stream is of no kind that there is";
  if (stream.add_count > 0 && !stream.adds) return "a stream adds columns, but does not say which";
  for (uint32_t i = 0; i < stream.add_count; i++)
    if (!has_name(stream.adds[i].name) || !is_type(stream.adds[i].type))
      return "a stream adds a column without a name, or of no type that there is";
  return nullptr;
}

// NULL: there is none.
const char* shape_defect(const nek_plugin& plugin, const nek_shape& shape) {
  constexpr uint32_t kAllTypes = NEK_TYPE_BIT(NEK_DICT_LIST + 1) - NEK_TYPE_BIT(NEK_BOOL);
  if (!NEK_HAS(&shape, max_request_bytes)) return "its size is too small";  // ABI 1 began with it
  if (plugin.filter && shape.stream_count == 0) return "a filter without a stream";
  if (plugin.decoder && shape.stream_count != 1) return "a decoder has one stream";
  if (shape.need_count > 0 && !shape.reads) return "it reads columns, but does not say which";
  for (uint32_t i = 0; i < shape.need_count; i++)
    if (!has_name(shape.reads[i].name) || !(shape.reads[i].types & kAllTypes) ||
        (shape.reads[i].types & ~kAllTypes))
      return "it reads a column without a name, or of no type that there is";
  if (shape.stream_count > 0 && !shape.streams) return "it has streams, but does not say which";
  for (uint32_t i = 0; i < shape.stream_count; i++)
    if (const char* defect = stream_defect(shape.streams[i])) return defect;
  return nullptr;
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
  if (self) tell("destroy", [this] { plugin.destroy(self); });
}

Status Instance::create(const nek_value& config) {
  take_failure();
  if (run([&] { return plugin.create(this, &config, &self); }) != NEK_OK) {
    Failure failure = take_failure();
    self = nullptr;
    if (failure.text.empty()) failure.text = "refused its configuration without saying why";
    return fail_at(failure.at, std::move(failure.text));
  }
  if (!self) return nek::fail(std::string("plugin '") + plugin.name + "' made no instance");
  const nek_status status = run([&] {
    shape = plugin.shape(self);
    return NEK_OK;
  });
  if (status != NEK_OK)
    return nek::fail(std::string("plugin '") + plugin.name +
                     "' has no shape: " + take_failure().text);
  if (!shape) return nek::fail(std::string("plugin '") + plugin.name + "' has no shape");
  if (const char* defect = shape_defect(plugin, *shape))
    return nek::fail(std::string("plugin '") + plugin.name + "' has a wrong shape: " + defect);
  control = extension_of<nek_control_extension>(*this, NEK_CONTROL);
  progress = extension_of<nek_progress_extension>(*this, NEK_PROGRESS);
  summary = extension_of<nek_summary_extension>(*this, NEK_SUMMARY);
  connect = extension_of<nek_connect_extension>(*this, NEK_CONNECT);
  return {};
}

Status Instance::start(const nek_start& start) {
  take_failure();
  if (plugin.start && run([&] { return plugin.start(self, &start); }) != NEK_OK) {
    Failure failure = take_failure();
    if (failure.text.empty()) failure.text = "could not start and did not say why";
    return fail_at(failure.at, std::move(failure.text));
  }
  started = true;
  return {};
}

void Instance::stop() {
  if (!std::exchange(started, false) || !NEK_HAS(&plugin, stop) || !plugin.stop) return;
  tell("stop", [this] { plugin.stop(self); });
}

nek_status Instance::open_source(nek_source& source, nek_text head) const {
  const auto open = plugin.decoder->source_open;
  return open ? run([&] { return open(self, &source, head); }) : NEK_OK;
}

void Instance::close_source(nek_source& source) const {
  if (const auto close = plugin.decoder->source_close)
    tell("source_close", [&] { close(self, &source); });
}

void Instance::begin_telling() { take_failure(); }

void Instance::end_telling(const char* what) const {
  if (const std::string why = take_failure().text; !why.empty())
    log_line(NEK_ERROR, id, std::string(what) + ": " + why);
}

nek_status Instance::threw(const std::string& why) const {
  return fail(this, NEK_FAIL, to_text(why), nullptr);
}

}  // namespace nek
