// SPDX-License-Identifier: Apache-2.0
#include "runtime/dead_letter.h"

namespace nek {
namespace {

constexpr size_t kKeepInMemory = size_t{1} << 20;

}  // namespace

Status DeadLetters::open() {
  if (file_) return {};
  auto file = env_.open(path_);
  if (!file.ok()) return file.status();
  file_ = std::move(*file);
  return {};
}

Status DeadLetters::restore(uint64_t length) {
  const std::lock_guard lock(mutex_);
  epochs_.clear();
  for (const char* side : {".0", ".1"}) {
    Status status = env_.remove(path_ + side);
    if (!status.ok()) return status;
  }
  if (length == 0 && !env_.exists(path_)) return {};
  Status status = open();
  if (!status.ok()) return status;
  if (file_->length() < length)
    return fail(
        path_ + " is shorter than the last snapshot recorded: " + std::to_string(file_->length()) +
        " of " + std::to_string(length) + " bytes; start with --from-start, or put the file back");
  committed_ = length;
  return file_->truncate(length);
}

Status DeadLetters::add(uint64_t epoch, std::string_view line) {
  const std::lock_guard lock(mutex_);
  count_++;
  Epoch& of = epochs_[epoch];
  of.lines.append(line).push_back('\n');
  return of.lines.size() < kKeepInMemory ? Status() : spill(of);
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
  if (status.ok()) of.lines.clear();
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
  } else if (at->second.file) {
    // A file that cannot be read now stays where it is, and the lines with it.
    auto aside = env_.read(at->second.path);
    if (!aside.ok()) return;
    next.lines += *aside;
    (void)env_.remove(at->second.path);
  }
  next.lines += at->second.lines;
  epochs_.erase(at);
}

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

Result<uint64_t> DeadLetters::commit(uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  if (epochs_.empty() || epochs_.begin()->first > epoch) return committed_;
  Status status = open();
  // What an attempt that failed left behind goes first.
  if (status.ok()) status = file_->truncate(committed_);
  if (status.ok()) status = append(epoch);
  if (!status.ok()) return status;
  return file_->length();
}

void DeadLetters::forget(uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  if (epochs_.empty() || epochs_.begin()->first > epoch) return;
  committed_ = file_->length();
  while (!epochs_.empty() && epochs_.begin()->first <= epoch) {
    const Epoch& of = epochs_.begin()->second;
    if (of.file) (void)env_.remove(of.path);  // restore() removes it too
    epochs_.erase(epochs_.begin());
  }
}

uint64_t DeadLetters::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

}  // namespace nek
