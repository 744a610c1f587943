// SPDX-License-Identifier: Apache-2.0
#include "follow.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "paths.h"

namespace nek {

namespace {

constexpr int64_t kPollMs = 250;        // where the kernel does not tell
constexpr int64_t kSlowScanMs = 10000;  // where it does
constexpr int64_t kScanShare = 20;      // of the time, one part at most goes to scans
constexpr int64_t kLongestScanPauseMs = 5000;
constexpr int64_t kPackedQuietMs = 2000;
constexpr int64_t kRetryMs = 5000;
constexpr size_t kMaxOpen = 512;
constexpr uint64_t kTurnBytes = uint64_t{64} << 20;

int64_t mtime_ns(const struct stat& info) {
  return info.st_mtim.tv_sec * int64_t{1000000000} + info.st_mtim.tv_nsec;
}

}  // namespace

Status Follower::read(Chunk& chunk, std::chrono::milliseconds wait) {
  if (chunk.memory_full()) return {};
  for (int round = 0; round < 2; round++) {
    look_around();
    const size_t before = chunk.room().size();
    while (!ready_.empty() && !chunk.room().empty()) advance(chunk);
    if (chunk.room().size() < before || round > 0) break;
    watch_.wait(static_cast<int>(std::min<int64_t>(wait.count(), kPollMs)));
  }
  return {};
}

// ---- Which files there are --------------------------------------------------------------------

void Follower::look_around() {
  take_changes();
  const int64_t time = now();
  if (time - last_tick_ms_ >= kPollMs || time < last_tick_ms_) tick();
  const int64_t rest = std::min(kScanShare * scan_cost_ms_, kLongestScanPauseMs);
  const bool looks = polls_ || links_ || watch_.is_missing_one();
  const int64_t pause = scan_wanted_ ? rest : std::max(looks ? kPollMs : kSlowScanMs, rest);
  if (time - last_scan_ms_ >= pause || time < last_scan_ms_) scan();
}

void Follower::take_changes() {
  const auto changes = watch_.take();
  scan_wanted_ = scan_wanted_ || changes.names;
  for (const std::string& path : changes.files) {
    const auto known = by_path_.find(path);
    if (known == by_path_.end()) continue;
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0 && FileId::of(info) == known->second->id)
      note(*known->second, info);
    else
      scan_wanted_ = true;
  }
}

void Follower::scan() {
  const int64_t began = now();
  scan_wanted_ = false;
  if (!settings_.poll) watch_folders();  // first, so that nothing comes in between
  links_ = false;
  for (const auto& [id, tail] : tails_) tail->seen = false;
  for (const std::string& pattern : settings_.patterns) {
    if (!is_pattern(pattern))
      found(pattern);
    else
      for (const std::string& path : expand(pattern)) found(path);
  }
  if (!std::exchange(scanned_, true) && fresh_.empty()) {
    host_.log(NEK_INFO, "no file is there yet that 'path' names; nek waits for one");
  }
  for (const auto& [id, tail] : tails_) {
    if (tail->seen || tail->gone_ms) continue;
    tail->gone_ms = began;
    if (tail->is_open() && tail->state == Tail::State::kReading) queue(*tail);  // the last of it
  }
  // What is older comes first.
  std::vector<Tail*> fresh = std::exchange(fresh_, {});
  std::sort(fresh.begin(), fresh.end(), [](const Tail* a, const Tail* b) {
    return std::tie(a->mtime_ns, a->path) < std::tie(b->mtime_ns, b->path);
  });
  if (!fresh.empty()) learn_known();
  for (Tail* tail : fresh) tell(*tail);
  open_told();
  files_.set(static_cast<double>(tails_.size()));
  last_scan_ms_ = now();
  scan_cost_ms_ = std::max<int64_t>(last_scan_ms_ - began, 0);
}

void Follower::watch_folders() {
  std::vector<std::string> folders;
  for (const std::string& pattern : settings_.patterns)
    for (std::string& folder : folders_of(pattern)) folders.push_back(std::move(folder));
  std::string problem = watch_.watch(folders);
  polls_ = !problem.empty();
  if (polls_ && problem != watch_problem_)
    host_.log(NEK_WARN,
              problem + "; files are looked at every " + std::to_string(kPollMs) + " ms instead");
  watch_problem_ = std::move(problem);
}

void Follower::found(const std::string& path) {
  if (is_excluded(path, settings_.exclude)) return;
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return;
  if (S_ISLNK(info.st_mode)) {  // nobody tells what happens to the file that it leads to
    links_ = true;
    if (::stat(path.c_str(), &info) != 0) return;
  }
  if (!S_ISREG(info.st_mode)) return;
  const bool old =
      settings_.ignore_older_ms > 0 && now() - mtime_ns(info) / 1000000 > settings_.ignore_older_ms;
  const FileId id = FileId::of(info);
  const auto known = tails_.find(id);
  if (known == tails_.end()) {
    Tail& tail = *tails_.emplace(id, std::make_unique<Tail>(path, id)).first->second;
    tail.seen = true;
    tail.is_old = old;
    by_path_[path] = &tail;
    tail.size = static_cast<uint64_t>(info.st_size);
    tail.mtime_ns = mtime_ns(info);
    tail.changed_ms = now();
    fresh_.push_back(&tail);
    return;
  }
  Tail& tail = *known->second;
  if (tail.seen) return;
  tail.seen = true;
  tail.gone_ms.reset();
  if (tail.path != path) {
    const auto at = by_path_.find(tail.path);
    if (at != by_path_.end() && at->second == &tail) by_path_.erase(at);
    tail.path = path;
    if (tail.is_short && tail.state == Tail::State::kReading)
      tell_again(tail);  // by its path
    else
      queue(tail);
  }
  by_path_[path] = &tail;
  note(tail, info);
}

// What is known of a file now.
void Follower::note(Tail& tail, const struct stat& info) {
  const auto size = static_cast<uint64_t>(info.st_size);
  const bool changed = size != tail.size || mtime_ns(info) != tail.mtime_ns;
  if (changed) {
    tail.changed_ms = now();
    tail.size = size;
    tail.mtime_ns = mtime_ns(info);
  }
  switch (tail.state) {
    case Tail::State::kNew:
      if (changed) queue(tail);
      break;
    case Tail::State::kReading:
      if (tail.is_packed) break;  // when it is quiet again
      if (changed || (size != tail.position && !tail.is_short)) queue(tail);
      break;
    case Tail::State::kHeld:
      if (changed) compare(tail);
      break;
    case Tail::State::kDone:
    case Tail::State::kOld:
      if (!changed) break;
      tail.is_old = false;
      tail.state = Tail::State::kNew;
      queue(tail);
      break;
    case Tail::State::kTold: break;
  }
}

void Follower::tick() {
  last_tick_ms_ = now();
  for (auto at = tails_.begin(); at != tails_.end();) {
    Tail& tail = *(at++)->second;  // it may go
    tick_tail(tail);
  }
  look_for_gone();
  forget_due();
}

void Follower::tick_tail(Tail& tail) {
  using State = Tail::State;
  const int64_t time = last_tick_ms_;
  if (tail.queued) return;
  if (tail.retry_ms != 0 && time >= tail.retry_ms) {
    tail.retry_ms = 0;
    return queue(tail);
  }
  if (tail.is_open() && tail.gone_ms) {  // nobody tells
    if (const auto info = tail.look()) note(tail, *info);
    if (tail.queued) return;
  }
  const int64_t quiet_ms = quiet_at(tail);
  if (time < quiet_ms) return;
  const bool waits = tail.state == State::kNew || (tail.state == State::kReading && tail.is_packed);
  if (waits && tail.told_ms < quiet_ms) return queue(tail);
  if (!tail.gone_ms) return tell_wait(tail);        // it stays open: it may grow and go at once
  if (tail.is_short && tail.limit != UINT64_MAX) {  // no more lines will come
    tail.limit = UINT64_MAX;
    return queue(tail);
  }
  if (!leave(tail)) tell_unread(tail);
  drop(tail);
}

// When it is taken for whole, if nothing happens until then.
int64_t Follower::quiet_at(const Tail& tail) const {
  const bool packed = tail.is_packed && !tail.gone_ms;
  return std::max(tail.changed_ms, tail.gone_ms.value_or(0)) +
         (packed ? std::min(kPackedQuietMs, settings_.close_after_ms) : settings_.close_after_ms);
}

void Follower::drop(Tail& tail) {
  close_file(tail);
  if (tail.state == Tail::State::kHeld) held_--;
  if (tail.queued) std::erase(ready_, &tail);
  const auto at = by_path_.find(tail.path);
  if (at != by_path_.end() && at->second == &tail) by_path_.erase(at);
  if (tail.state == Tail::State::kDone) forget_later(tail.identity);
  tails_.erase(FileId(tail.id));
}

// ---- Reading ----------------------------------------------------------------------------------

void Follower::queue(Tail& tail) {
  if (!std::exchange(tail.queued, true)) ready_.push_back(&tail);
}

void Follower::advance(Chunk& chunk) {
  Tail& tail = *ready_.front();
  ready_.pop_front();
  tail.queued = false;
  bool more = false;
  if (tail.state == Tail::State::kNew) {
    tell(tail);
    open_told();
  } else if (tail.state == Tail::State::kReading) {
    more = tail.is_packed ? read_packed(tail, chunk) : read_plain(tail, chunk);
  }
  if (!more || in_a_row_ >= kTurnBytes) in_a_row_ = 0;
  if (!more || std::exchange(tail.queued, true)) return;
  if (in_a_row_ > 0)
    ready_.push_front(&tail);
  else
    ready_.push_back(&tail);  // others have their turn
}

bool Follower::read_plain(Tail& tail, Chunk& chunk) {
  if (!ensure_open(tail)) return false;
  bool same = true;
  if (tail.is_short) {
    same = tail.begins_as_before();
    if (same && !tail.gone_ms && outgrew(tail)) return false;
  }
  const uint64_t position = tail.position;
  const Status status = take(tail, chunk, same);
  if (tail.position > position) keep_mark(tail);
  if (!status.ok()) {
    trouble(tail, status.message());
    return false;
  }
  if (same && chunk.room().empty()) return true;
  tail.at_end = true;
  const auto info = tail.look();
  if (!same || (info && static_cast<uint64_t>(info->st_size) < tail.position))
    replaced(tail);
  else
    compare_held(tail);
  return false;
}

// As much as fits, or all there is. same: it begins as before. That is looked at behind each read:
// where it was truncated meanwhile, those are not its bytes.
Status Follower::take(Tail& tail, Chunk& chunk, bool& same) {
  for (bool more = true; more && same && !chunk.room().empty() && tail.position < tail.limit;) {
    const auto room = chunk.room();
    const size_t most = std::min<uint64_t>(room.size(), tail.limit - tail.position);
    const auto got = tail.read(room.first(most), tail.position);
    if (!got.ok()) return got.status();
    same = tail.begins_as_before();
    if (same && *got > 0) took(tail, chunk, *got);
    more = *got == most;
  }
  return {};
}

bool Follower::read_packed(Tail& tail, Chunk& chunk) {
  if (!ensure_open(tail) || !open_packed(tail)) return false;
  const uint64_t position = tail.position;
  Status status;
  while (status.ok() && !chunk.room().empty() && !tail.packed->at_end()) {
    const auto got = tail.packed->read(chunk.room(), 0);
    status = got.status();
    if (got.ok() && *got > 0) took(tail, chunk, *got);
  }
  if (tail.position > position) keep_mark(tail);
  if (!status.ok()) {
    tail.packed.reset();
    trouble(tail, status.message());
    return false;
  }
  if (!tail.packed->at_end()) return true;
  be_done(tail);
  return false;
}

void Follower::took(Tail& tail, Chunk& chunk, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(chunk.room().data()), size);
  if (const size_t newline = bytes.rfind('\n'); newline != std::string_view::npos)
    tail.line_begin = tail.position + newline + 1;
  tail.mark.read(bytes);
  chunk.took(tail.source, tail.position, static_cast<uint32_t>(size));
  tail.position += size;
  tail.changed_ms = now();
  tail.at_end = false;
  tail.wait_told = false;
  tail.trouble.clear();
  bytes_ += size;
  in_a_row_ += size;
}

// Until so many are open, those first that were read to their end. What has no name any more stays.
void Follower::close_some(size_t most) {
  for (const bool any : {false, true}) {
    for (auto at = open_.begin(); at != open_.end() && open_.size() > most;) {
      Tail& tail = **at++;
      if (!tail.gone_ms && (any || tail.at_end)) close_file(tail);
    }
  }
}

bool Follower::ensure_open(Tail& tail) {
  if (tail.is_open()) return true;
  close_some(kMaxOpen - 1);
  auto opened = tail.open();
  if (opened.status().code() == NEK_RETRY) {
    close_some(open_.size() / 2);
    opened = tail.open();
  }
  if (!opened.ok()) {
    trouble(tail, opened.status().message());
    return false;
  }
  if (*opened)
    tail.open_at = open_.insert(open_.end(), &tail);
  else if (!tail.gone_ms)
    scan_wanted_ = true;  // it has another name by now
  return *opened;
}

void Follower::close_file(Tail& tail) {
  tail.packed.reset();
  if (!tail.is_open()) return;
  tail.fd = Fd();
  open_.erase(tail.open_at);
}

void Follower::tell_wait(Tail& tail) {
  const bool waits =
      tail.state == Tail::State::kReading && tail.at_end && tail.line_begin < tail.position;
  if (waits && !std::exchange(tail.wait_told, true))
    host_.log(NEK_INFO, "'" + tail.path + "': its last line has no end yet, and waits for it");
}

void Follower::trouble(Tail& tail, const std::string& what) {
  if (what != tail.trouble) host_.log(NEK_WARN, what + "; will try again");
  tail.trouble = what;
  tail.told_ms = now();
  if (!tail.is_packed) tail.retry_ms = now() + kRetryMs;  // a packed one when it has changed
}

}  // namespace nek
