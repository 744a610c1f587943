// SPDX-License-Identifier: Apache-2.0
#include "watch.h"

#include <sys/stat.h>

#include <utility>

namespace nek {

FileState FileState::of(const std::string& path) {
  struct stat now{};
  if (stat(path.c_str(), &now) != 0) return {};
  return {now.st_dev, now.st_ino, static_cast<uint64_t>(now.st_size),
          now.st_mtim.tv_sec * int64_t{1'000'000'000} + now.st_mtim.tv_nsec};
}

void Watch::start(std::string path, FileState last, std::chrono::milliseconds every,
                  std::function<void()> changed) {
  thread_ = std::thread([this, path = std::move(path), last, every, changed = std::move(changed)] {
    run(path, last, every, changed);
  });
}

void Watch::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Watch::run(const std::string& path, FileState last, std::chrono::milliseconds every,
                const std::function<void()>& changed) {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, every, [&] { return stopping_; })) {
    const FileState now = FileState::of(path);
    if (now == last || now == FileState()) continue;
    last = now;
    lock.unlock();
    changed();
    lock.lock();
  }
}

}  // namespace nek
