// SPDX-License-Identifier: Apache-2.0
// MemoryEnv: files in memory that can lose what was not synced, and fail on demand.
// It stands in for a disk in tests of crashes.
// Thread-safe.
#pragma once
#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "util/env.h"

namespace nek::test {

class MemoryEnv final : public Env {
 public:
  // What a power cut leaves: of each file the bytes that were synced.
  void crash();
  // The next `count` appends fail.
  void fail_appends(int count) { failing_ = count; }
  std::string content(const std::string& path);

  int64_t now_ms() const override { return 1'700'000'000'000; }
  Result<std::unique_ptr<File>> open(const std::string& path) override;
  Result<std::string> read(const std::string& path) override;
  bool exists(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status make_dirs(const std::string&) override { return {}; }
  Status sync_dir(const std::string&) override { return {}; }

 private:
  struct Data {
    std::string bytes, synced;
  };
  class MemoryFile;

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Data>> files_;
  std::atomic<int> failing_{0};
};

}  // namespace nek::test
