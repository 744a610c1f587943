// SPDX-License-Identifier: Apache-2.0
// Watch: notices that a file was replaced or changed, on a thread of its own.
// It looks every now and then; a rename shows as another inode, an edit as another time or size.
// Thread-safety: start() and stop() by one thread; the callback runs on the watch's own.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace nek {

// What tells one state of a file from another; all 0 where there is none.
struct FileState {
  uint64_t device = 0, inode = 0, size = 0;
  int64_t changed_ns = 0;
  bool operator==(const FileState&) const = default;
  static FileState of(const std::string& path);
};

class Watch {
 public:
  Watch() = default;
  ~Watch() { stop(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Calls changed() whenever the file is there and not as it was last, which at first is `last`.
  void start(std::string path, FileState last, std::chrono::milliseconds every,
             std::function<void()> changed);
  void stop();

 private:
  void run(const std::string& path, FileState last, std::chrono::milliseconds every,
           const std::function<void()>& changed);

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace nek
