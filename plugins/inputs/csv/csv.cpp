// SPDX-License-Identifier: Apache-2.0
// Input `csv`: reads files from their beginning to their end, one after the other.
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fingerprint.h"
#include "nek/plugin.hpp"

namespace nek {

namespace {

struct Config {
  std::vector<std::string> path;
};
constexpr auto kOptions = options<Config>(option<&Config::path>(
    "path", "Files to read: a path, a list of paths, patterns like 'in/*.csv', or '-' for stdin."));

constexpr std::string_view kStdin = "-";

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

bool is_pattern(std::string_view path) {
  return path.find_first_of("*?[") != std::string_view::npos;
}

std::string why(int error) { return std::strerror(error); }

// An open file, or why it can't be read.
Result<Fd> open_file(const std::string& path, uint64_t& size) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.open()) return fail("cannot open '" + path + "': " + why(errno));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return fail("cannot look at '" + path + "': " + why(errno));
  if (S_ISDIR(info.st_mode)) {
    return fail("'" + path + "' is a folder; a pattern like '" + path + "/*.csv' reads its files");
  }
  if (!S_ISREG(info.st_mode)) return fail("'" + path + "' is not a regular file");
  size = static_cast<uint64_t>(info.st_size);
  return fd;
}

// The files that a pattern matches, sorted.
std::vector<std::string> expand(const std::string& pattern) {
  std::vector<std::string> files;
  glob_t found{};
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return files;
}

class CsvInput {
 public:
  CsvInput(Host host, Config config) : host_(host), config_(std::move(config)) {}

  Status setup(Shape&) {
    for (size_t i = 0; i < config_.path.size(); i++) {
      if (Status status = add(config_.path[i]); !status.ok())
        return fail_at(node(i), "path: " + status.message());
    }
    if (files_.empty()) return fail_at(host_.at("path"), "path: names no file");
    return {};
  }

  Status read(Chunk& chunk, std::chrono::milliseconds wait) {
    while (!chunk.room().empty()) {
      if (!source_) {
        if (next_ == files_.size()) return end();
        if (Status status = open_next(); !status.ok()) return status;
        continue;
      }
      if (is_stdin_) return read_stdin(chunk, wait);
      if (Status status = read_file(chunk); !status.ok()) return status;
    }
    return {};
  }

  Progress progress() const { return {done_, total_}; }

 private:
  const nek_value* node(size_t i) const {
    const nek_value* at = host_.at("path");
    return i < at->count ? &at->items[i] : at;
  }
  Status add(const std::string& path) {
    if (path == kStdin) {
      files_.push_back(path);
      return {};
    }
    const auto found = is_pattern(path) ? expand(path) : std::vector{path};
    if (found.empty()) return fail("no file matches '" + path + "'");
    for (const auto& file : found) {
      uint64_t size = 0;
      if (auto fd = open_file(file, size); !fd.ok()) return fd.status();
      files_.push_back(file);
      total_ += size;
    }
    return {};
  }

  Status open_next() {
    const std::string& path = files_[next_++];
    is_stdin_ = path == kStdin;
    return is_stdin_ ? open_stdin() : open_regular(path);
  }
  Status open_regular(const std::string& path) {
    auto fd = open_file(path, size_);
    if (!fd.ok()) return fd.status();
    file_ = std::move(*fd);
    std::string head(kHeadBytes, '\0');
    const ssize_t got = ::pread(file_.get(), head.data(), head.size(), 0);
    if (got < 0) return fail("cannot read '" + path + "': " + why(errno));
    head.resize(static_cast<size_t>(got));
    const std::string identity = fingerprint(head), key = path + " " + identity;
    nek_source_open open{};
    open.identity = to_text(identity);
    open.key = to_text(key);
    open.head = to_text(head);
    source_ = host_.open_source(open);
    position_ = source_->resume == NEK_NO_POSITION ? 0 : source_->resume;
    if (!source_->ended) {
      done_ += position_;
      return {};
    }
    host_.log(NEK_INFO, path + ": already delivered");
    done_ += size_;
    close();
    return {};
  }
  Status read_file(Chunk& chunk) {
    const auto room = chunk.room();
    const ssize_t got =
        ::pread(file_.get(), room.data(), room.size(), static_cast<off_t>(position_));
    if (got < 0 && errno == EINTR) return {};
    if (got < 0) return fail("cannot read '" + files_[next_ - 1] + "': " + why(errno));
    took(chunk, got);
    return {};
  }
  void took(Chunk& chunk, ssize_t got) {
    if (got == 0) return close();
    chunk.took(source_, position_, static_cast<uint32_t>(got));
    position_ += static_cast<uint64_t>(got);
    done_ += static_cast<uint64_t>(got);
  }
  void close() {
    host_.end_source(std::exchange(source_, nullptr));
    file_ = Fd();
  }

  // What comes by stdin is a source of its own each time.
  Status open_stdin() {
    file_ = Fd(STDIN_FILENO);
    position_ = 0;
    const std::string identity =
        "stdin " + std::to_string(host_.now_ms()) + " " + std::to_string(::getpid());
    nek_source_open open{};
    open.identity = to_text(identity);
    open.flags = NEK_ONCE;
    source_ = host_.open_source(open);
    return {};
  }
  Status read_stdin(Chunk& chunk, std::chrono::milliseconds wait) {
    pollfd waiting = {file_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(wait.count())) <= 0) return {};
    const auto room = chunk.room();
    const ssize_t got = ::read(file_.get(), room.data(), room.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    if (got < 0) return fail("cannot read stdin: " + why(errno));
    took(chunk, got);
    return {};
  }

  static constexpr size_t kHeadBytes = 4096;

  Host host_;
  Config config_;
  std::vector<std::string> files_;
  size_t next_ = 0;  // of files_
  Fd file_;
  bool is_stdin_ = false;
  nek_source* source_ = nullptr;  // being read
  uint64_t position_ = 0, size_ = 0;
  std::atomic<uint64_t> done_ = 0, total_ = 0;
};

}  // namespace

}  // namespace nek

NEK_EXPORT_PLUGINS(nek::input<nek::CsvInput, nek::kOptions>(
    {.name = "csv",
     .version = "0.1.0",
     .vendor = "nek",
     .licence = "Apache-2.0",
     .summary = "Reads files of comma separated values from beginning to end.",
     .example = "csv: { path: flows.csv, format: nfdump }",
     .codec = "csv"}));
