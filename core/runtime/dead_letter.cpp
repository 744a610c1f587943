// SPDX-License-Identifier: Apache-2.0
#include "runtime/dead_letter.h"

#include <algorithm>
#include <filesystem>

#include "pipeline/scalar.h"
#include "runtime/letter.h"
#include "util/log.h"

namespace nek {
namespace {

constexpr size_t kKeepInMemory = size_t{1} << 20;
// While a disk is full. Who refuses all that is read should not end for it at once.
constexpr size_t kMostInMemory = size_t{64} << 20;
// A file is put aside when it has this part of the room, so that room is made in small steps.
constexpr uint64_t kFiles = 16;

std::string folder_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}
std::string stem_of(const std::string& path) { return std::filesystem::path(path).stem().string(); }

}  // namespace

std::string numbered_letters_path(const std::string& path, uint64_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return (std::filesystem::path(path).parent_path() / (stem_of(path) + "-" + digits + ".ndjson"))
      .string();
}

uint64_t DeadLetterState::letters() const {
  uint64_t sum = 0;
  for (const DeadLetterSegment& segment : segments) sum += segment.letters;
  return sum;
}

uint64_t DeadLetterState::bytes() const {
  uint64_t sum = 0;
  for (const DeadLetterSegment& segment : segments) sum += segment.end - segment.begin;
  return sum;
}

std::string dead_letter_sources_path(const std::string& path) {
  return (std::filesystem::path(path).parent_path() / "dead-letter-sources.ndjson").string();
}

std::string DeadLetters::aside_path(uint64_t number) const {
  return numbered_letters_path(path_, number);
}

Status DeadLetters::open() {
  if (file_) return {};
  auto file = env_.open(path_);
  if (!file.ok()) return file.status();
  file_ = std::move(*file);
  return {};
}

// ---- Start --------------------------------------------------------------------------------------

Status DeadLetters::set_aside(const std::string& suffix) {
  const std::lock_guard lock(mutex_);
  const std::string folder = folder_of(path_);
  const auto names = env_.list(folder);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const bool ours = name == dead_letter_sources_path("") ||
                      (name.starts_with(stem_of(path_)) && name.ends_with(".ndjson"));
    if (!ours) continue;
    const std::string from = (std::filesystem::path(folder) / name).string();
    Status status = env_.rename(from, from + suffix);
    if (!status.ok()) return status;
  }
  return {};
}

Status DeadLetters::restore(DeadLetterState state) {
  const std::lock_guard lock(mutex_);
  epochs_.clear();
  pending_bytes_ = 0;
  for (const char* side : {".0", ".1"}) {
    Status status = env_.remove(path_ + side);
    if (!status.ok()) return status;
  }
  state_ = std::move(state);
  // A file that was put aside after the snapshot is the one that grows still.
  const std::string aside = numbered_letters_path(path_, growing().number);
  Status status = env_.exists(aside) ? env_.rename(aside, path_) : Status();
  for (uint64_t gone = state_.segments.front().number - 1;
       status.ok() && gone > 0 && env_.exists(numbered_letters_path(path_, gone)); gone--)
    status = env_.remove(numbered_letters_path(path_, gone));
  for (size_t i = 0; status.ok() && i + 1 < state_.segments.size(); i++) {
    const std::string path = numbered_letters_path(path_, state_.segments[i].number);
    if (!env_.exists(path))
      return fail(path +
                  ", which the last snapshot recorded, is missing; put it back, or start "
                  "with --from-start");
  }
  if (status.ok() && (growing().end > 0 || env_.exists(path_))) {
    status = open();
    if (status.ok() && file_->length() < growing().end)
      return fail(path_ + " is shorter than the last snapshot recorded: " +
                  std::to_string(file_->length()) + " of " + std::to_string(growing().end) +
                  " bytes; start with --from-start, or put the file back");
    if (status.ok()) status = file_->truncate(growing().end);
  }
  if (status.ok() && growing().letters == kUnknownLetters) status = count_growing();
  if (status.ok()) status = restore_sources();
  return status.ok() && is_large() ? put_aside() : status;
}

Status DeadLetters::count_growing() {
  const auto lines = growing().end ? env_.read(path_) : Result<std::string>(std::string());
  if (lines.ok())
    growing().letters = static_cast<uint64_t>(std::count(lines->begin(), lines->end(), '\n'));
  return lines.status();
}

Status DeadLetters::restore_sources() {
  sources_.clear();
  new_sources_.clear();
  const std::string path = sources_path();
  if (!env_.exists(path)) return {};
  auto text = env_.read(path);
  if (!text.ok()) return text.status();
  auto file = env_.open(path);
  if (!file.ok()) return file.status();
  const size_t whole = state_.letters() ? text->rfind('\n') + 1 : 0;
  if (whole < text->size()) {
    Status status = (*file)->truncate(whole);
    if (!status.ok()) return status;
  }
  for (size_t begin = 0; begin < whole;) {
    const size_t end = text->find('\n', begin);
    if (const auto source = parse_letter_source(std::string_view(*text).substr(begin, end - begin)))
      sources_.insert(source->name());
    begin = end + 1;
  }
  return {};
}

std::string DeadLetters::sources_path() const { return dead_letter_sources_path(path_); }

// ---- Letters that come --------------------------------------------------------------------------

Status DeadLetters::add(uint64_t epoch, std::string_view line) {
  const std::lock_guard lock(mutex_);
  const uint64_t bytes = line.size() + 1;
  if (!room_.drop_oldest && !replaying_ &&
      state_.bytes() + pending_bytes_ + bytes > room_.max_bytes)
    return fail(
        "there is no more room for dead letters: they take " +
        format_bytes(static_cast<int64_t>(room_.max_bytes)) +
        ", as much as settings: dead_letters: max_bytes allows. Nothing is lost: see why "
        "with 'nek dead-letters ls', mend it and 'nek replay' them, or give them more room");
  count_++;
  Epoch& of = epochs_[epoch];
  of.lines.append(line).push_back('\n');
  of.bytes += bytes;
  of.letters++;
  pending_bytes_ += bytes;
  return spill_when_due(of);
}

Status DeadLetters::spill_when_due(Epoch& of) {
  if (of.lines.size() < std::max<uint64_t>(kKeepInMemory, of.spill_at)) return {};
  Status status = spill(of);
  of.spill_at = status.ok() ? 0 : of.lines.size() + kKeepInMemory;
  const bool torn = of.file && of.file->length() != of.in_file;
  if (status.ok() || torn || of.lines.size() >= kMostInMemory) return status;
  log_line(NEK_WARN, "", "dead letters are kept in memory for now: " + status.message());
  return {};
}

void DeadLetters::add_source(const LetterSource& source) {
  const std::lock_guard lock(mutex_);
  if (sources_.insert(source.name()).second) new_sources_ += line_of_source(source) + "\n";
}

Status DeadLetters::spill(Epoch& of) {
  if (!of.file) {
    // At most two epochs are open, the one of the snapshot under way and the one after it.
    of.path = path_ + ".0";
    for (const auto& [number, other] : epochs_)
      if (other.file && other.path == of.path) of.path = path_ + ".1";
    auto file = env_.open(of.path);
    if (!file.ok()) return file.status();
    Status status = (*file)->truncate(0);
    if (!status.ok()) return status;
    of.file = std::move(*file);
  }
  Status status = of.file->append(of.lines);
  if (status.ok()) {
    of.lines.clear();
    of.in_file = of.file->length();
  } else {
    (void)of.file->truncate(of.in_file);
  }
  return status;
}

void DeadLetters::postpone(uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  const auto at = epochs_.find(epoch);
  if (at == epochs_.end()) return;
  Epoch& next = epochs_[epoch + 1];
  if (at->second.file && !next.file) {
    next.file = std::move(at->second.file);
    next.path = at->second.path;
    next.in_file = at->second.in_file;
  } else if (at->second.file) {
    // A file that cannot be read now stays where it is, and the lines with it.
    auto aside = env_.read(at->second.path);
    if (!aside.ok()) return;
    next.lines += *aside;
    (void)env_.remove(at->second.path);
  }
  next.lines += at->second.lines;
  next.bytes += at->second.bytes;
  next.letters += at->second.letters;
  epochs_.erase(at);
}

// ---- Snapshots ----------------------------------------------------------------------------------

Status DeadLetters::append(uint64_t epoch) {
  for (auto& [number, of] : epochs_) {
    if (number > epoch) break;
    if (of.file) {
      auto aside = env_.read(of.path);
      if (!aside.ok()) return aside.status();
      Status status = file_->append(*aside);
      if (!status.ok()) return status;
    }
    Status status = file_->append(of.lines);
    if (!status.ok()) return status;
  }
  return file_->sync();
}

Status DeadLetters::append_sources() {
  if (new_sources_.empty()) return {};
  auto file = env_.open(sources_path());
  if (!file.ok()) return file.status();
  const uint64_t before = (*file)->length();
  Status status = (*file)->append(new_sources_);
  if (status.ok()) status = (*file)->sync();
  if (!status.ok()) {
    (void)(*file)->truncate(before);  // restore() cuts what is left of a line
    return status;
  }
  new_sources_.clear();
  return {};
}

Result<DeadLetterState> DeadLetters::commit(uint64_t epoch, const DeadLetterSegment* head) {
  const std::lock_guard lock(mutex_);
  next_ = state_;
  if (head) {
    std::erase_if(next_.segments, [&](const auto& s) { return s.number < head->number; });
    DeadLetterSegment& first = next_.segments.front();
    if (first.number == head->number && next_.segments.size() > 1) {
      first.begin = head->begin;
      first.letters = head->letters;
    }
  }
  if (epochs_.empty() || epochs_.begin()->first > epoch) return next_;
  Status status = append_sources();
  if (status.ok()) status = open();
  // What an attempt that failed left behind goes first.
  if (status.ok()) status = file_->truncate(growing().end);
  if (status.ok()) status = append(epoch);
  if (!status.ok()) return status;
  DeadLetterSegment& last = next_.segments.back();
  last.end = file_->length();
  for (const auto& [number, of] : epochs_)
    if (number <= epoch) last.letters += of.letters;
  if (room_.drop_oldest && !replaying_) make_room(next_);
  return next_;
}

void DeadLetters::make_room(DeadLetterState& next) const {
  while (next.segments.size() > 1 && next.bytes() > room_.max_bytes) {
    next.dropped += next.segments.front().letters;
    next.segments.erase(next.segments.begin());
  }
}

void DeadLetters::forget(uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  // From the oldest on: restore() finds what a crash leaves by its number.
  for (const DeadLetterSegment& old : state_.segments)
    if (old.number < next_.segments.front().number)
      (void)env_.remove(numbered_letters_path(path_, old.number));
  if (next_.dropped > state_.dropped) {
    dropped_ += next_.dropped - state_.dropped;
    log_line(NEK_WARN, "",
             "the oldest " + std::to_string(next_.dropped - state_.dropped) +
                 " dead letters were taken away to make room; " + std::to_string(next_.dropped) +
                 " in all");
  }
  state_ = next_;
  while (!epochs_.empty() && epochs_.begin()->first <= epoch) {
    const Epoch& of = epochs_.begin()->second;
    if (of.file) (void)env_.remove(of.path);  // restore() removes it too
    pending_bytes_ -= of.bytes;
    epochs_.erase(epochs_.begin());
  }
  if (is_large()) (void)put_aside();
}

bool DeadLetters::is_large() { return growing().end >= room_.max_bytes / kFiles; }

// The state file still calls it the one that grows, which restore() knows how to take.
Status DeadLetters::put_aside() {
  Status status = env_.rename(path_, numbered_letters_path(path_, growing().number));
  if (status.ok()) status = env_.sync_dir(folder_of(path_));
  if (!status.ok()) return status;
  file_.reset();
  state_.segments.push_back({growing().number + 1, 0, 0, 0});
  return {};
}

Result<std::vector<DeadLetterSegment>> DeadLetters::begin_replay() {
  const std::lock_guard lock(mutex_);
  replaying_ = true;
  if (growing().end > 0) {
    Status status = put_aside();
    if (!status.ok()) return status;
  }
  return std::vector(state_.segments.begin(), state_.segments.end() - 1);
}

// ---- What others may know -----------------------------------------------------------------------

uint64_t DeadLetters::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

uint64_t DeadLetters::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

DeadLetterState DeadLetters::committed() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace nek
