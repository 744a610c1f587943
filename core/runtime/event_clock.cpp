// SPDX-License-Identifier: Apache-2.0
#include "runtime/event_clock.h"

#include <algorithm>

#include "util/bytes.h"

namespace nek {

// The event time up to which all inputs have come: of those that have ended, or have been silent
// for long, nothing is waited for.
void EventClock::pass(Task& task) {
  if (!task.is_control()) {
    InputClock& of = clocks_[task.input];
    of.newest = std::max(of.newest, task.event_time);
    of.ended = task.last;
  }
  int64_t least = INT64_MAX, most = INT64_MIN;
  for (size_t i = 0; i < clocks_.size(); i++) {
    const InputClock& of = clocks_[i];
    if (components_[i].kind != Kind::kInput) continue;
    most = std::max(most, of.newest);
    if (!of.ended && of.silence.load() < most_silence_.count()) least = std::min(least, of.newest);
  }
  if (least == INT64_MAX) least = most;
  watermark_ = std::max(watermark_, least);
  task.watermark = watermark_;
  if (task.control.kind == NEK_SNAPSHOT) task.clock = saved();
}

std::string EventClock::saved() const {
  ByteWriter to;
  to.number(watermark_);
  for (size_t i = 0; i < clocks_.size(); i++) {
    if (components_[i].kind != Kind::kInput) continue;
    to.text(components_[i].plugin->id);
    to.number(clocks_[i].newest);
  }
  return to.bytes();
}

bool EventClock::restore(std::string_view saved) {
  if (saved.empty()) return true;
  ByteReader from(saved);
  watermark_ = from.number<int64_t>();
  while (from.ok() && !from.at_end()) {
    const std::string_view id = from.text();
    const auto newest = from.number<int64_t>();
    for (size_t i = 0; i < clocks_.size(); i++)
      if (components_[i].kind == Kind::kInput && components_[i].plugin->id == id)
        clocks_[i].newest = newest;
  }
  return from.ok();
}

}  // namespace nek
