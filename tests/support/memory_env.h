// SPDX-License-Identifier: Apache-2.0
// MemoryEnv: files in memory that can lose what was not synced, names of files included, and fail
// on demand. It stands in for a disk in tests of crashes and broken disks. Thread-safe.
#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "util/env.h"

namespace nek::test {

class MemoryEnv final : public Env {
 public:
  // What a power cut leaves: of each file the bytes that were synced, under the name that it had
  // when its folder was synced. tail: how many of the bytes that were not synced are left all the
  // same, given how many there are.
  using Tail = std::function<size_t(size_t unsynced)>;
  void crash(const Tail& tail = {});
  // The next `count` appends fail, after `written` bytes of each; with `good` of them before.
  void fail_appends(int count, const char* why = "no space left (a test's fault)", int good = 0,
                    size_t written = 0);
  void fail_syncs(int count);  // of files
  void fail_dir_syncs(int count);
  // Appends fail where all files together would be larger, with what fits written.
  void set_capacity(uint64_t bytes);
  // Nothing can be written, made, renamed or removed.
  void set_read_only(bool on);
  void remove_folder(const std::string& path);
  void flip(const std::string& path, size_t offset);
  std::string content(const std::string& path);
  // Called with the folder after each sync_dir; set before anything else is done.
  void on_sync_dir(std::function<void(const std::string&)> hook) { synced_ = std::move(hook); }

  int64_t now_ms() const override { return 1'700'000'000'000; }
  Result<std::unique_ptr<File>> open(const std::string& path) override;
  Result<std::string> read(const std::string& path) override;
  bool exists(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status make_dirs(const std::string& path) override;
  Status sync_dir(const std::string& path) override;

 private:
  struct Data {
    std::string bytes, synced;
  };
  using Files = std::map<std::string, std::shared_ptr<Data>>;
  class MemoryFile;
  Status append(Data& data, const std::string& path, std::string_view bytes);
  static Status read_only(const std::string& what, const std::string& path);

  std::mutex mutex_;
  Files files_, durable_;  // as they are, as a crash leaves them
  int good_appends_ = 0, bad_appends_ = 0, bad_syncs_ = 0, bad_dir_syncs_ = 0;
  std::string why_;
  size_t written_ = 0;
  uint64_t capacity_ = UINT64_MAX;
  bool read_only_ = false;
  std::function<void(const std::string&)> synced_;
};

}  // namespace nek::test
