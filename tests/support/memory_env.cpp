// SPDX-License-Identifier: Apache-2.0
#include "memory_env.h"

#include <algorithm>
#include <filesystem>

namespace nek::test {
namespace {

std::string folder_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}
bool lies_in(const std::string& path, const std::string& folder) {
  return path.starts_with(folder + "/");
}

}  // namespace

class MemoryEnv::MemoryFile final : public File {
 public:
  MemoryFile(MemoryEnv& env, std::string path, std::shared_ptr<Data> data)
      : env_(env), path_(std::move(path)), data_(std::move(data)) {}
  Status append(std::string_view bytes) override { return env_.append(*data_, path_, bytes); }
  Status truncate(uint64_t length) override {
    const std::lock_guard lock(env_.mutex_);
    if (env_.read_only_) return read_only("cannot truncate", path_);
    data_->bytes.resize(length);
    return {};
  }
  Status sync() override {
    const std::lock_guard lock(env_.mutex_);
    if (env_.bad_syncs_ > 0 && env_.bad_syncs_-- > 0)
      return fail("cannot sync " + path_ + ": Input/output error");
    data_->synced = data_->bytes;
    return {};
  }
  Status read(uint64_t offset, std::span<char> to) override {
    const std::lock_guard lock(env_.mutex_);
    if (offset > data_->bytes.size() || data_->bytes.size() - offset < to.size())
      return fail("cannot read " + path_ + ": it is shorter than it was");
    std::copy_n(data_->bytes.data() + offset, to.size(), to.data());
    return {};
  }
  uint64_t length() const override {
    const std::lock_guard lock(env_.mutex_);
    return data_->bytes.size();
  }

 private:
  MemoryEnv& env_;
  const std::string path_;
  std::shared_ptr<Data> data_;
};

Status MemoryEnv::append(Data& data, const std::string& path, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (read_only_) return read_only("cannot write", path);
  if (good_appends_ > 0) {
    good_appends_--;
  } else if (bad_appends_ > 0) {
    bad_appends_--;
    data.bytes.append(bytes.substr(0, written_));
    return fail("cannot write " + path + ": " + why_);
  }
  uint64_t used = 0;
  for (const auto& [name, other] : files_) used += other->bytes.size();
  const uint64_t room = capacity_ > used ? capacity_ - used : 0;
  data.bytes.append(bytes.substr(0, room));
  if (bytes.size() <= room) return {};
  return retry("cannot write " + path + ": No space left on device");
}

Status MemoryEnv::read_only(const std::string& what, const std::string& path) {
  return fail(what + " " + path + ": Read-only file system");
}

void MemoryEnv::crash(const Tail& tail) {
  const std::lock_guard lock(mutex_);
  files_ = durable_;
  for (auto& [path, data] : files_) {
    const size_t synced = data->synced.size();
    const bool only_grown = data->bytes.starts_with(data->synced);
    const size_t left = tail && only_grown ? tail(data->bytes.size() - synced) : 0;
    data->bytes = only_grown ? data->bytes.substr(0, synced + left) : data->synced;
    data->synced = data->bytes;
  }
}

void MemoryEnv::fail_appends(int count, const char* why, int good, size_t written) {
  const std::lock_guard lock(mutex_);
  bad_appends_ = count;
  why_ = why;
  good_appends_ = good;
  written_ = written;
}

void MemoryEnv::fail_syncs(int count) {
  const std::lock_guard lock(mutex_);
  bad_syncs_ = count;
}

void MemoryEnv::fail_dir_syncs(int count) {
  const std::lock_guard lock(mutex_);
  bad_dir_syncs_ = count;
}

void MemoryEnv::set_capacity(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

void MemoryEnv::set_read_only(bool on) {
  const std::lock_guard lock(mutex_);
  read_only_ = on;
}

void MemoryEnv::remove_folder(const std::string& path) {
  const std::lock_guard lock(mutex_);
  std::erase_if(files_, [&](const auto& file) { return lies_in(file.first, path); });
}

void MemoryEnv::flip(const std::string& path, size_t offset) {
  const std::lock_guard lock(mutex_);
  char& byte = files_.at(path)->bytes.at(offset);
  byte = static_cast<char>(byte ^ 0x10);
}

std::string MemoryEnv::content(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto at = files_.find(path);
  return at == files_.end() ? std::string() : at->second->bytes;
}

Result<std::unique_ptr<File>> MemoryEnv::open(const std::string& path) {
  std::shared_ptr<Data> data;
  {
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(path);
    if (found == files_.end() && read_only_) return read_only("cannot open", path);
    auto& at = files_[path];
    if (!at) at = std::make_shared<Data>();
    data = at;
  }
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(*this, path, std::move(data)));
}

Result<std::string> MemoryEnv::read(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto at = files_.find(path);
  if (at == files_.end()) return fail("no file " + path);
  return at->second->bytes;
}

bool MemoryEnv::exists(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return files_.count(path) > 0;
}

Result<std::vector<std::string>> MemoryEnv::list(const std::string& path) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, data] : files_)
    if (folder_of(name) == path) names.push_back(name.substr(path.size() + 1));
  return names;
}

Status MemoryEnv::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  if (read_only_) return read_only("cannot rename to", to);
  const auto at = files_.find(from);
  if (at == files_.end()) return fail("no file " + from);
  files_[to] = at->second;
  files_.erase(at);
  return {};
}

Status MemoryEnv::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (read_only_) return read_only("cannot remove", path);
  files_.erase(path);
  return {};
}

Status MemoryEnv::make_dirs(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return read_only_ ? read_only("cannot make folder", path) : Status();
}

Status MemoryEnv::sync_dir(const std::string& path) {
  {
    const std::lock_guard lock(mutex_);
    if (bad_dir_syncs_ > 0 && bad_dir_syncs_-- > 0)
      return fail("cannot sync " + path + ": a test's fault");
    std::erase_if(durable_, [&](const auto& file) { return folder_of(file.first) == path; });
    for (const auto& [name, data] : files_)
      if (folder_of(name) == path) durable_[name] = data;
  }
  if (synced_) synced_(path);
  return {};
}

}  // namespace nek::test
