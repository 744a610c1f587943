// SPDX-License-Identifier: Apache-2.0
#include "runtime/known_sources.h"

namespace nek {

void KnownSources::restore(const SourceState& source) {
  const std::lock_guard lock(mutex_);
  Known& known = known_[source.key];
  known.identity = source.identity;
  known.at = source.at;
  known.committed = source.at.position;
  known.once = source.once;
}

bool KnownSources::open(std::unique_ptr<Source> owned) {
  Source& source = *owned;
  const std::lock_guard lock(mutex_);
  const auto [at, is_new] = known_.try_emplace(source.key);
  Known& known = at->second;
  const bool twice = known.open && !known.open->end_reached && !known.open->closed;
  // Another source under an old key begins at its own beginning.
  if (known.identity != source.identity) {
    known = {};
  } else if (!is_new) {
    source.resume = known.at.position;
    source.ended = known.at.ended && known.committed == known.at.position;
    source.ended_records = known.at.records;
    source.ended_ms = known.at.ended_ms;
    source.next_position = known.at.position;
    source.next_lines = known.at.lines;
    source.in_long_line = known.at.in_long_line;
    source.set_mark(known.at.mark);
  }
  known.identity = source.identity;
  known.once = source.flags & NEK_ONCE;
  known.open = &source;
  open_.emplace(&source, std::move(owned));
  return !twice;
}

void KnownSources::close(const Source& source) {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(source.key);
  if (known != known_.end() && known->second.open == &source) known->second.open = nullptr;
}

void KnownSources::release(const Source& source) {
  const std::lock_guard lock(mutex_);
  open_.erase(&source);
}

std::vector<Source*> KnownSources::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Source*> sources;
  sources.reserve(open_.size());
  for (const auto& [source, owned] : open_) sources.push_back(owned.get());
  return sources;
}

std::vector<Source*> KnownSources::going_on() const {
  const std::lock_guard lock(mutex_);
  std::vector<Source*> sources;
  for (const auto& [source, owned] : open_)
    if (!source->end_reached && !source->closed) sources.push_back(owned.get());
  return sources;
}

// NULL: another was opened under its key since.
SourcePosition* KnownSources::note(const Source& source) {
  Known& known = known_[source.key];
  if (known.open != &source) return nullptr;
  SourcePosition& at = known.at;
  at.position = source.next_position;
  at.lines = source.next_lines;
  at.in_long_line = source.in_long_line;
  at.ended = false;
  at.mark = source.mark_text;
  return &at;
}

void KnownSources::note(const std::vector<Source*>& touched, const std::vector<Source*>& ended,
                        int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  for (const Source* source : touched) note(*source);
  for (const Source* source : ended) {
    SourcePosition* at = note(*source);
    if (!at || source->left) continue;
    at->ended = true;
    at->ended_ms = now_ms;
  }
}

void KnownSources::count_records(const std::string& key, uint64_t records) {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(key);
  if (known != known_.end()) known->second.at.records += records;
}

void KnownSources::committed(const std::vector<SourceState>& sources) {
  const std::lock_guard lock(mutex_);
  for (const SourceState& source : sources) {
    const auto known = known_.find(source.key);
    if (known != known_.end() && known->second.identity == source.identity)
      known->second.committed = source.at.position;
  }
}

uint64_t KnownSources::committed(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(key);
  return known != known_.end() ? known->second.committed : NEK_NO_POSITION;
}

void KnownSources::forget(const std::string& key) {
  const std::lock_guard lock(mutex_);
  known_.erase(key);
}

void KnownSources::forget_gone(const std::function<bool(const std::string& key)>& held) {
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [&](const auto& item) {
    return item.second.once && !item.second.open && !held(item.first);
  });
}

// A position of the one before is no position of it.
void KnownSources::keep_same(std::map<std::string, SourceState>& states) const {
  const std::lock_guard lock(mutex_);
  std::erase_if(states, [&](const auto& item) {
    const auto known = known_.find(item.first);
    return known == known_.end() || known->second.identity != item.second.identity;
  });
}

std::vector<std::pair<Source*, uint64_t>> KnownSources::open_of(
    const std::map<std::string, SourceState>& states) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<Source*, uint64_t>> open;
  for (const auto& [source, owned] : open_) {
    const auto at = states.find(source->key);
    if (at != states.end() && !source->closed && source->identity == at->second.identity)
      open.emplace_back(owned.get(), at->second.at.position);
  }
  return open;
}

std::vector<SourceState> KnownSources::states() const {
  const std::lock_guard lock(mutex_);
  std::vector<SourceState> states;
  states.reserve(known_.size());
  for (const auto& [key, known] : known_)
    states.push_back({input_, key, known.identity, known.at, known.once});
  return states;
}

void KnownSources::each(const std::function<void(const nek_known_source&)>& each) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, known] : known_) {
    nek_known_source source{};
    source.size = sizeof source;
    source.key = {key.data(), key.size()};
    source.identity = {known.identity.data(), known.identity.size()};
    source.mark = {known.at.mark.data(), known.at.mark.size()};
    source.position = known.at.position;
    source.ended = known.at.ended;
    // Its last bytes are still in the chunk that is being filled.
    if (known.open && known.open->end_reached && !known.open->closed)
      source.position = NEK_NO_POSITION;
    each(source);
  }
}

}  // namespace nek
