// SPDX-License-Identifier: Apache-2.0
#include "memory_env.h"

namespace nek::test {

class MemoryEnv::MemoryFile final : public File {
 public:
  MemoryFile(MemoryEnv& env, std::shared_ptr<Data> data) : env_(env), data_(std::move(data)) {}
  Status append(std::string_view bytes) override {
    if (env_.failing_ > 0 && env_.failing_-- > 0) return fail("no space left (a test's fault)");
    const std::lock_guard lock(env_.mutex_);
    data_->bytes.append(bytes);
    return {};
  }
  Status truncate(uint64_t length) override {
    const std::lock_guard lock(env_.mutex_);
    data_->bytes.resize(length);
    return {};
  }
  Status sync() override {
    const std::lock_guard lock(env_.mutex_);
    data_->synced = data_->bytes;
    return {};
  }
  uint64_t length() const override {
    const std::lock_guard lock(env_.mutex_);
    return data_->bytes.size();
  }

 private:
  MemoryEnv& env_;
  std::shared_ptr<Data> data_;
};

void MemoryEnv::crash() {
  const std::lock_guard lock(mutex_);
  for (auto& [path, data] : files_) data->bytes = data->synced;
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
    auto& at = files_[path];
    if (!at) at = std::make_shared<Data>();
    data = at;
  }
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(*this, std::move(data)));
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

Status MemoryEnv::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  const auto at = files_.find(from);
  if (at == files_.end()) return fail("no file " + from);
  files_[to] = at->second;
  files_.erase(at);
  return {};
}

Status MemoryEnv::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  files_.erase(path);
  return {};
}

}  // namespace nek::test
