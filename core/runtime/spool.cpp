// SPDX-License-Identifier: Apache-2.0
#include "runtime/spool.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "nek/plugin.h"

namespace nek {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr uint64_t kLargestSegment = uint64_t{64} << 20;
constexpr uint64_t kSmallBody = 4096;  // is written together with what stands before it
constexpr uint64_t kReserveBytes = uint64_t{256} << 10;

}  // namespace

Spool::Spool(Env& env, std::string folder, InputSpool settings, const std::string& id,
             Metrics& metrics, SpoolSay say)
    : env_(env),
      folder_{env, std::move(folder)},
      settings_(settings),
      say_(std::move(say)),
      segment_bytes_(std::min(settings.max_bytes / 8, kLargestSegment)),
      size_metric_(metrics.make(NEK_GAUGE, id, "spool_bytes", "Size of the spool on disk.")),
      dropped_records_(
          metrics.make(NEK_COUNTER, id, "spool_dropped_records",
                       "Records dropped because the spool was full, or cut by damage.")),
      dropped_bytes_(metrics.make(NEK_COUNTER, id, "spool_dropped_bytes",
                                  "Bytes dropped because the spool was full.")),
      damaged_bytes_(metrics.make(NEK_COUNTER, id, "spool_damaged_bytes",
                                  "Bytes of the spool that could not be read again.")) {}

void Spool::recover() {
  RecoveredSpool found = recover_spool(folder_, say_);
  has_reserve_ = found.has_reserve;
  next_source_ = found.next_source;
  next_segment_ = found.next_segment;
  bytes_ = found.bytes;
  sources_ = std::move(found.sources);
  segments_ = std::move(found.segments);
  Metrics::add(*damaged_bytes_, static_cast<double>(found.damaged_bytes));
  if (segments_.empty()) return;
  at_segment_ = segments_.front().number;
  for (const auto& [number, source] : sources_)
    if (source.cut) ends_after_[segments_.back().number].push_back(number);
  say_(NEK_INFO, bytes_text(bytes_) + " that earlier runs read are looked through first");
}

// ---- Appending ----------------------------------------------------------------------------------

uint64_t Spool::add(SpoolSource source) {
  const uint64_t number = source.number = next_source_++;
  sources_.emplace(number, std::move(source));
  return number;
}

bool Spool::has_room(uint64_t bytes) {
  const uint64_t needed = bytes + kSmallBody;  // frames come on top
  while (bytes_ > 0 && bytes_ + needed > settings_.max_bytes)
    if (!settings_.drop_oldest || !drop_segment("it is full")) return false;
  return true;
}

bool Spool::may_hand_on() const {
  if (!settings_.drop_oldest) return true;
  uint64_t handed_on = 0;
  for (const SpoolSegment& segment : segments_)
    handed_on += segment.number < at_segment_    ? segment.size
                 : segment.number == at_segment_ ? at_
                                                 : 0;
  return handed_on < settings_.max_bytes / 2;
}

Status Spool::begin_segment() {
  if (!folder_made_) {
    if (Status status = env_.make_dirs(folder_.path); !status.ok()) return status;
    folder_made_ = true;
  }
  while (env_.exists(folder_.segment(next_segment_))) next_segment_++;  // whoever put it there
  auto file = env_.open(folder_.segment(next_segment_));
  if (!file.ok()) {
    folder_made_ = false;  // it may have been removed
    return file.status();
  }
  if (Status status = (*file)->append(spool_file_head()); !status.ok()) {
    file->reset();
    give_reserve();
    cramped_ = true;
    (void)env_.remove(folder_.segment(next_segment_));
    return status;
  }
  file_ = std::move(*file);
  folder_synced_ = false;
  declared_.clear();
  SpoolSegment& segment = segments_.emplace_back();
  segment.number = next_segment_++;
  segment.size = kSpoolFileHead;
  bytes_ += segment.size;
  if (at_segment_ == 0) at_segment_ = segment.number;
  return {};
}

void Spool::end_segment() {
  if (!file_) return;
  sync();
  file_.reset();
}

// On a full disk the snapshot must still be written that makes room here.
void Spool::make_reserve() {
  if (std::exchange(has_reserve_, true)) return;
  auto file = env_.open(folder_.reserve());
  if (file.ok()) (void)(*file)->append(std::string(kReserveBytes - (*file)->length(), '\0'));
}

void Spool::give_reserve() {
  if (std::exchange(has_reserve_, false)) (void)env_.remove(folder_.reserve());
}

// What was written of it stays; what follows goes into a new one.
void Spool::give_up_segment() {
  file_.reset();
  unsynced_since_ = Clock::time_point::max();
}

Status Spool::append(const SpoolChunk& chunk, std::string_view body, bool handed_on) {
  Status status = try_append(chunk, body, handed_on);
  if (status.ok() && handed_on) told_full_disk_ = false;  // nothing waits: that time is over
  while (status.code() == NEK_RETRY && settings_.drop_oldest) {
    if (!drop_segment(std::exchange(told_full_disk_, true) ? nullptr : "the disk is full")) break;
    status = try_append(chunk, body, handed_on);
  }
  return status;
}

Status Spool::try_append(const SpoolChunk& chunk, std::string_view body, bool handed_on) {
  if (file_ && file_->length() >= segment_bytes_) end_segment();
  if (!file_)
    if (Status status = begin_segment(); !status.ok()) return status;
  std::string bytes;
  std::vector<uint64_t> declares;
  const auto declare = [&](uint64_t number) {
    if (!declared_.insert(number).second) return;
    declares.push_back(number);
    bytes += spool_frame(sources_.at(number));
  };
  for (const SpoolPiece& piece : chunk.pieces) declare(piece.source);
  for (const uint64_t source : chunk.ended) declare(source);
  bytes += spool_frame_before(chunk, body);
  const bool together = body.size() <= kSmallBody;
  if (together) bytes += body;
  SpoolSegment& segment = segments_.back();
  Status status = file_->append(bytes);
  if (status.ok() && !together) status = file_->append(body);
  if (!status.ok()) {
    for (const uint64_t number : declares) declared_.erase(number);
    if (!file_->truncate(segment.size).ok()) give_up_segment();
    give_reserve();
    cramped_ = true;
    return status;
  }
  cramped_ = false;
  make_reserve();
  bytes_ += file_->length() - segment.size;
  segment.size = file_->length();
  segment.note(chunk, sources_);
  if (handed_on) {
    at_segment_ = segment.number;
    at_ = segment.size;
  }
  Metrics::add(*size_metric_, static_cast<double>(bytes_));
  if (unsynced_since_ == Clock::time_point::max()) unsynced_since_ = Clock::now();
  sync_when_due();
  return {};
}

milliseconds Spool::until_sync() const {
  if (unsynced_since_ == Clock::time_point::max()) return milliseconds::max();
  const auto due = unsynced_since_ + milliseconds(settings_.fsync_interval_ms);
  return std::max(std::chrono::ceil<milliseconds>(due - Clock::now()), milliseconds(0));
}

void Spool::sync_when_due() {
  if (until_sync() == milliseconds(0)) sync();
}

// After a sync that failed the system may forget what it could not write: nothing more is trusted
// to that file.
void Spool::sync() {
  if (!file_ || unsynced_since_ == Clock::time_point::max()) return;
  Status status = file_->sync();
  if (status.ok() && !folder_synced_) {
    status = env_.sync_dir(folder_.path);
    const auto parent = std::filesystem::path(folder_.path).parent_path();
    if (status.ok()) status = env_.sync_dir(parent.string());
    if (status.ok()) status = env_.sync_dir(parent.parent_path().string());
    folder_synced_ = status.ok();
  }
  if (status.ok()) {
    if (sync_failed_) say_(NEK_INFO, "it is synced again");
    sync_failed_ = false;
    unsynced_since_ = Clock::time_point::max();
    return;
  }
  if (!sync_failed_)
    say_(NEK_ERROR,
         status.message() +
             "; what is not delivered before the machine crashes may be lost. Still trying");
  sync_failed_ = true;
  give_up_segment();
}

// ---- Reading ------------------------------------------------------------------------------------

size_t Spool::reading() const {
  const auto at = std::find_if(segments_.begin(), segments_.end(),
                               [&](const SpoolSegment& s) { return s.number >= at_segment_; });
  return static_cast<size_t>(at - segments_.begin());
}

bool Spool::behind() { return peek() != nullptr; }

const SpoolChunk* Spool::peek() {
  while (!peeked_) {
    const size_t index = reading();
    if (index == segments_.size()) {
      if (ends_after_.empty()) return nullptr;
    } else {
      SpoolSegment& segment = segments_[index];
      if (segment.number != at_segment_) at_ = 0;
      at_segment_ = segment.number;
      at_ = std::max<uint64_t>(at_, kSpoolFileHead);
      for (const SpoolHole& hole : segment.holes)
        if (hole.begin <= at_ && at_ < hole.end) at_ = hole.end;
      if (at_ < segment.size) {
        if (!peek_frame(segment)) continue;
        peeked_ = true;
        break;
      }
      if (is_open(segment)) return nullptr;
    }
    // All of the segment is handed on: so are its sources that ended.
    next_ = {};
    for (auto ends = ends_after_.begin();
         ends != ends_after_.end() && (index == segments_.size() || ends->first <= at_segment_);
         ends = ends_after_.erase(ends))
      next_.ended.insert(next_.ended.end(), ends->second.begin(), ends->second.end());
    if (index < segments_.size()) {
      at_segment_++;
      at_ = 0;
    }
    next_size_ = 0;
    next_end_ = 0;
    peeked_ = !next_.ended.empty();
  }
  return &next_;
}

// False: there is no chunk here, and reading is past it.
bool Spool::peek_frame(const SpoolSegment& segment) {
  if (!read_ || read_segment_ != segment.number) {
    read_.reset();
    if (!env_.exists(folder_.segment(segment.number))) {
      skip_damage(segments_[reading()], "it was removed");
      return false;
    }
    auto file = env_.open(folder_.segment(segment.number));
    if (!file.ok()) {
      skip_damage(segments_[reading()], file.status().message());
      return false;
    }
    read_ = std::move(*file);
    read_segment_ = segment.number;
  }
  char before[kSpoolFrameHead];
  uint32_t head = 0, body = 0;
  if (segment.size - at_ < sizeof before || !read_->read(at_, before).ok() ||
      !spool_frame_sizes({before, sizeof before}, head, body) ||
      segment.size - at_ - sizeof before < uint64_t{head} + body) {
    skip_damage(segments_[reading()], "its frames cannot be read");
    return false;
  }
  next_end_ = at_ + sizeof before + head + body;
  frame_head_.assign(before, sizeof before);
  frame_head_.resize(sizeof before + head);
  const Status status =
      read_->read(at_ + sizeof before, std::span(frame_head_).subspan(sizeof before));
  const std::string_view bytes(frame_head_);
  uint32_t kind = 0;
  std::copy_n(bytes.data() + 4, sizeof kind, reinterpret_cast<char*>(&kind));
  if (status.ok() && kind == kSpoolSource) {
    at_ = next_end_;
    return false;
  }
  next_size_ = body;
  if (status.ok() && kind == kSpoolChunk &&
      read_spool_chunk(bytes.substr(sizeof before), body, next_))
    return true;
  skip_damage(segments_[reading()], "its frames cannot be read");
  return false;
}

bool Spool::take(std::span<char> to) {
  peeked_ = false;
  if (next_end_ == 0) return true;
  SpoolSegment& segment = segments_[reading()];
  const Status status = read_->read(next_end_ - next_size_, to.first(next_size_));
  if (status.ok() && spool_chunk_is_good(frame_head_, {to.data(), next_size_})) {
    at_ = next_end_;
    return true;
  }
  skip_damage(segment, status.ok() ? "a checksum does not match" : status.message());
  return false;
}

// Reading goes on at the next good frame.
void Spool::skip_damage(SpoolSegment& segment, const std::string& why) {
  const std::string path = folder_.segment(segment.number);
  uint64_t next = segment.size;
  SpoolFrame frame;
  if (const auto bytes = env_.read(path);
      bytes.ok() &&
      next_spool_frame(std::string_view(*bytes).substr(0, segment.size), at_ + 1, frame))
    next = frame.begin;
  say_(NEK_ERROR, path + ": " + why + ": " + bytes_text(next - at_) + " from byte " +
                      std::to_string(at_) + " on are lost");
  Metrics::add(*damaged_bytes_, static_cast<double>(next - at_));
  segment.damaged = true;
  at_ = next;
}

uint64_t Spool::take_dropped_lines(uint64_t source) {
  const auto at = dropped_lines_.find(source);
  if (at == dropped_lines_.end()) return 0;
  const uint64_t lines = at->second;
  dropped_lines_.erase(at);
  return lines;
}

// ---- Making room --------------------------------------------------------------------------------

void Spool::committed(uint64_t source, uint64_t position, bool ended) {
  if (sources_.contains(source)) committed_[source] = {position, ended};
}

bool Spool::is_committed(const SpoolSegment& segment) const {
  return std::all_of(segment.extents.begin(), segment.extents.end(), [&](const auto& item) {
    const auto& [source, extent] = item;
    const auto at = committed_.find(source);
    return at != committed_.end() && at->second.position >= extent.end &&
           (!extent.ended || at->second.ended);
  });
}

bool Spool::remove_segment(const SpoolSegment& segment) {
  const std::string path = folder_.segment(segment.number);
  const Status status = segment.damaged
                            ? env_.rename(path, folder_.segment(segment.number, ".damaged"))
                            : env_.remove(path);
  if (!status.ok()) {
    say_(NEK_WARN, status.message());
    return false;
  }
  bytes_ -= segment.size;
  if (read_segment_ == segment.number) read_.reset();
  return true;
}

std::vector<SpoolSource> Spool::release(bool last) {
  if (last && !behind()) end_segment();
  bool removed = false;
  while (!segments_.empty() && is_committed(segments_.front())) {
    SpoolSegment& oldest = segments_.front();
    if (is_open(oldest)) {
      if ((!cramped_ && oldest.size < segment_bytes_ / 2) || behind()) break;
      end_segment();
    }
    // What is committed was handed on; else it is of a source that is read no more.
    if (at_segment_ <= oldest.number) {
      at_segment_ = oldest.number + 1;
      at_ = 0;
      peeked_ = false;
    }
    if (!remove_segment(oldest)) break;
    segments_.pop_front();
    removed = true;
  }
  std::vector<SpoolSource> gone;
  if (last && segments_.empty()) give_reserve();
  if (removed) {
    Metrics::add(*size_metric_, static_cast<double>(bytes_));
    // A segment that came back after a crash would be delivered again, were its sources forgotten.
    if (const Status status = env_.sync_dir(folder_.path); !status.ok()) {
      say_(NEK_WARN, status.message());
      return gone;
    }
  }
  for (auto at = committed_.begin(); at != committed_.end();) {
    const uint64_t number = at->first;
    const bool held = !at->second.ended || std::any_of(segments_.begin(), segments_.end(),
                                                       [&](const SpoolSegment& segment) {
                                                         return segment.extents.contains(number);
                                                       });
    if (held) {
      ++at;
      continue;
    }
    gone.push_back(std::move(sources_.at(number)));
    sources_.erase(number);
    at = committed_.erase(at);
  }
  return gone;
}

void Spool::count_dropped(uint64_t records, uint64_t bytes) {
  Metrics::add(*dropped_records_, static_cast<double>(records));
  Metrics::add(*dropped_bytes_, static_cast<double>(bytes));
}

// The oldest of which nothing was handed on; not the one that is written.
bool Spool::drop_segment(const char* why) {
  const size_t index = reading() + 1;
  if (index + 1 >= segments_.size()) return false;
  const SpoolSegment& segment = segments_[index];
  uint64_t records = 0;
  const auto bytes = env_.read(folder_.segment(segment.number));
  if (!remove_segment(segment)) return false;
  if (bytes.ok()) {
    for (const SpoolFrame& frame : scan_spool(*bytes).frames) {
      SpoolChunk chunk;
      if (frame.kind != kSpoolChunk || !read_spool_chunk(frame.head, frame.body.size(), chunk))
        continue;
      size_t at = 0;
      for (const SpoolPiece& piece : chunk.pieces) {
        const std::string_view text = frame.body.substr(at, piece.size);
        at += piece.size;
        const auto source = sources_.find(piece.source);
        const bool message = source != sources_.end() && source->second.flags & NEK_MESSAGES;
        const uint64_t lines =
            message ? 1 : static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n'));
        records += lines;
        if (!message) dropped_lines_[piece.source] += lines;
      }
    }
  }
  for (const auto& [source, extent] : segment.extents)
    if (extent.ended) ends_after_[segment.number].push_back(source);
  if (why)
    say_(NEK_WARN, std::string(why) + ": the oldest " + std::to_string(records) + " records, " +
                       bytes_text(segment.size) + ", are dropped");
  count_dropped(records, segment.size);
  segments_.erase(segments_.begin() + static_cast<ptrdiff_t>(index));
  Metrics::add(*size_metric_, static_cast<double>(bytes_));
  return true;
}

}  // namespace nek
