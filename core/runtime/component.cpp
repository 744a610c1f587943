// SPDX-License-Identifier: Apache-2.0
#include "runtime/component.h"

namespace nek {
namespace {

// In `lane` when it is made. A plugin without lanes has none.
Status make_lane(const Instance& of, void*& lane) {
  if (!of.self || !of.plugin.lane_new) return {};
  take_failure();
  const nek_status status = of.run([&] {
    lane = of.plugin.lane_new(of.self);
    return NEK_OK;
  });
  const std::string why = take_failure().text;
  if (status == NEK_OK && (lane || why.empty())) return {};
  return fail(of.id + ": cannot make what a worker needs: " + why);
}

void free_lane(const Instance& of, void* lane) {
  if (lane && of.plugin.lane_free)
    of.tell("lane_free", [&] { of.plugin.lane_free(of.self, lane); });
}

}  // namespace

Status Lane::make(const Component& of, const Graph::Node& node) {
  Status status = make_lane(*of.plugin, plugin);
  binder = std::make_unique<Binder>(*of.plugin->shape, &node);
  if (status.ok() && of.codec) {
    status = make_lane(*of.codec, codec);
    codec_binder = std::make_unique<Binder>(*of.codec->shape, nullptr);
  }
  return status;
}

void Lane::free(const Component& of) {
  free_lane(*of.plugin, plugin);
  if (of.codec) free_lane(*of.codec, codec);
}

}  // namespace nek
