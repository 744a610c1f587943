// SPDX-License-Identifier: Apache-2.0
#include "util/env.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace nek {
namespace {

Status error(std::string_view what, const std::string& path) {
  return fail(std::string(what) + " " + path + ": " + std::strerror(errno));
}

class SystemFile final : public File {
 public:
  SystemFile(int fd, std::string path, uint64_t length)
      : fd_(fd), path_(std::move(path)), length_(length) {}
  ~SystemFile() override { ::close(fd_); }
  SystemFile(const SystemFile&) = delete;
  SystemFile& operator=(const SystemFile&) = delete;

  Status append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t done = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(length_));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) {
        const bool full = errno == ENOSPC || errno == EDQUOT;
        const Status status = error("cannot write", path_);
        return full ? retry(status.message()) : status;
      }
      length_ += static_cast<uint64_t>(done);
      bytes.remove_prefix(static_cast<size_t>(done));
    }
    return {};
  }
  Status truncate(uint64_t length) override {
    if (::ftruncate(fd_, static_cast<off_t>(length)) != 0) return error("cannot truncate", path_);
    length_ = length;
    return {};
  }
  Status sync() override {
    if (::fdatasync(fd_) != 0) return error("cannot sync", path_);
    return {};
  }
  Status read(uint64_t offset, std::span<char> to) override {
    while (!to.empty()) {
      const ssize_t got = ::pread(fd_, to.data(), to.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return error("cannot read", path_);
      if (got == 0) return fail("cannot read " + path_ + ": it is shorter than it was");
      offset += static_cast<uint64_t>(got);
      to = to.subspan(static_cast<size_t>(got));
    }
    return {};
  }
  uint64_t length() const override { return length_; }

 private:
  int fd_;
  std::string path_;
  uint64_t length_;
};

class SystemEnv final : public Env {
 public:
  int64_t now_ms() const override {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  }
  Result<std::unique_ptr<File>> open(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return error("cannot open", path);
    struct stat st{};
    if (::fstat(fd, &st) != 0) {
      ::close(fd);
      return error("cannot stat", path);
    }
    return std::unique_ptr<File>(
        std::make_unique<SystemFile>(fd, path, static_cast<uint64_t>(st.st_size)));
  }
  Result<std::string> read(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error("cannot open", path);
    std::string all;
    char piece[65536];
    for (;;) {
      const ssize_t got = ::read(fd, piece, sizeof piece);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        const Status status = error("cannot read", path);
        ::close(fd);
        return status;
      }
      if (got == 0) break;
      all.append(piece, static_cast<size_t>(got));
    }
    ::close(fd);
    return all;
  }
  bool exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }
  Result<std::vector<std::string>> list(const std::string& path) override {
    std::error_code code;
    std::vector<std::string> names;
    std::filesystem::directory_iterator at(path, code);
    for (; !code && at != std::filesystem::directory_iterator(); at.increment(code))
      names.push_back(at->path().filename().string());
    if (code && code != std::errc::no_such_file_or_directory)
      return fail("cannot list folder " + path + ": " + code.message());
    std::sort(names.begin(), names.end());
    return names;
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return error("cannot rename to", to);
    return {};
  }
  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return error("cannot remove", path);
    return {};
  }
  Status make_dirs(const std::string& path) override {
    std::error_code code;
    std::filesystem::create_directories(path, code);
    if (code) return fail("cannot make folder " + path + ": " + code.message());
    return {};
  }
  Status sync_dir(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return error("cannot open folder", path);
    const bool ok = ::fsync(fd) == 0;
    Status status = ok ? Status() : error("cannot sync folder", path);
    ::close(fd);
    return status;
  }
  Result<std::unique_ptr<File>> lock(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return error("cannot open", path);
    auto file = std::make_unique<SystemFile>(fd, path, 0);
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return std::unique_ptr<File>(std::move(file));
    if (errno == EWOULDBLOCK) return fail(path + " is held by another process");
    return error("cannot lock", path);
  }
};

}  // namespace

Env& system_env() {
  static SystemEnv env;
  return env;
}

}  // namespace nek
