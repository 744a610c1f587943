// SPDX-License-Identifier: Apache-2.0
// What the snapshots know of files that are followed: marks, and how long they are kept.
#include <algorithm>
#include <utility>

#include "follow.h"

namespace nek {

namespace {

constexpr int64_t kForgetMs = 3600000;
constexpr int64_t kLookForGoneMs = 600000;  // after the first scan

}  // namespace

// What the snapshot knows.
void Follower::learn_known() {
  known_.clear();
  host_.known_sources([&](const nek_known_source& source) {
    const std::string_view identity = to_view(source.identity);
    if (identity != to_view(source.key)) return;  // that was read without following
    known_[std::string(identity)] = KeptMark::parse(to_view(source.mark)).value_or(KeptMark{});
  });
}

// before: the bytes before its position.
void Follower::begin_mark(Tail& tail, std::string before) {
  tail.line_begin = tail.position;
  if (const size_t newline = before.rfind('\n'); newline != std::string::npos)
    tail.line_begin -= before.size() - newline - 1;
  tail.mark = Mark(tail.position, std::move(before), std::exchange(tail.kept, {}));
}

// It goes into the snapshots with the position. gone_ms: since when the file is gone.
void Follower::keep_mark(const Tail& tail, int64_t gone_ms) const {
  KeptMark kept = tail.mark.keep();
  kept.size = tail.is_packed || tail.size == UINT64_MAX ? 0 : tail.size;
  kept.gone_ms = gone_ms;
  kept.path = tail.path;
  host_.mark_source(tail.source, kept.text());
}

// ---- Files that are gone -----------------------------------------------------------------------

// It is gone, and so is what it had.
void Follower::tell_unread(const Tail& tail) const {
  using State = Tail::State;
  const bool unread = tail.state == State::kNew || tail.state == State::kReading ||
                      (tail.state == State::kHeld && tail.differs);
  if (!unread || tail.is_old || tail.size == UINT64_MAX) return;
  if (tail.is_packed || tail.size <= tail.position) {
    if (tail.is_packed)
      host_.log(NEK_WARN, "'" + tail.path + "' is gone and was not unpacked to its end");
    return;
  }
  host_.log(NEK_WARN, "'" + tail.path + "' is gone and was not read to its end: " +
                          std::to_string(tail.size - tail.position) + " bytes are lost");
}

// Its position leaves the snapshots.
void Follower::forget(const std::string& identity) {
  forgotten_.erase(identity);
  nek_source* source = open_at_host(identity, nullptr);
  host_.revoke_sources({&source, 1}, 0);
}

void Follower::forget_soon(const std::string& identity) {
  forgotten_[identity] = now() + kForgetMs;
}

// Not at once: it may come back under another name, or packed. The next run is to know since when
// it is gone.
void Follower::forget_later(const std::string& identity) {
  if (identity.empty()) return;
  nek_source* source = open_at_host(identity, nullptr);
  KeptMark kept = KeptMark::parse(Host::mark_of(*source)).value_or(KeptMark{});
  kept.gone_ms = now();
  host_.mark_source(source, kept.text());
  if (source->ended)
    host_.end_source(source);
  else
    host_.leave_source(source);
  forget_soon(identity);
}

bool Follower::is_there(const std::string& identity) const {
  return std::any_of(tails_.begin(), tails_.end(),
                     [&](const auto& item) { return item.second->identity == identity; });
}

// Files that went while nek was not there.
void Follower::look_for_gone() {
  if (gone_due_ms_ == 0) gone_due_ms_ = last_tick_ms_ + kLookForGoneMs;
  if (gone_looked_for_ || last_tick_ms_ < gone_due_ms_) return;
  gone_looked_for_ = true;
  learn_known();
  for (const auto& [identity, kept] : known_) {
    if (is_there(identity) || forgotten_.contains(identity)) continue;
    if (kept.gone_ms > 0) {
      forgotten_[identity] = kept.gone_ms + kForgetMs;
      continue;
    }
    if (kept.size > kept.position())
      host_.log(NEK_WARN, "'" + kept.path + "' is gone and was not read to its end: " +
                              std::to_string(kept.size - kept.position()) + " bytes are lost");
    forget_later(identity);
  }
}

void Follower::forget_due() {
  for (auto at = forgotten_.begin(); at != forgotten_.end();) {
    const auto [identity, due_ms] = *at++;
    if (due_ms > last_tick_ms_) continue;
    forgotten_.erase(identity);
    if (!is_there(identity)) forget(identity);
  }
}

}  // namespace nek
