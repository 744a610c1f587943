// SPDX-License-Identifier: Apache-2.0
// FileReader reads one file, or stdin, from front to back; packed ones are unpacked on the way.
// Positions are those of the unpacked bytes, so a packed file is read on by unpacking it from its
// start. Not thread-safe.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decompress/decompress.h"
#include "nek/status.hpp"

namespace nek {

// A file descriptor, closed at the end; stdin stays open.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd();
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

class FileReader {
 public:
  static constexpr size_t kHeadBytes = 4096;
  static constexpr size_t kMostHeadBytes = size_t{64} << 10;  // where the first line is long
  static constexpr size_t kAfterFirstLine = 1024;

  // How many first bytes are wanted by one who has these: the first line, and some of what follows.
  static size_t wanted_head(std::string_view head) {
    if (head.size() < kHeadBytes) return kHeadBytes;
    const size_t newline = head.find('\n');
    if (newline == std::string_view::npos) return kMostHeadBytes;
    return newline + 1 + kAfterFirstLine < kHeadBytes ? kHeadBytes : newline + 1 + kAfterFirstLine;
  }

  // A regular file, or why it can't be read.
  static Result<FileReader> open(const std::string& path);
  static FileReader of_stdin();
  // A regular file that is open, at its beginning.
  static FileReader of(std::string path, Fd fd, uint64_t size) {
    return {std::move(path), std::move(fd), size, false};
  }

  // The first bytes: wanted_head(), or all there are; of stdin at least the first line. To be read
  // first; false: not yet, stdin had nothing for wait_ms. After an error of compressed data head()
  // is what came before it, and read() gives that, and then the error once more.
  Result<bool> read_head(int wait_ms);
  std::string_view head() const { return head_; }
  // To read on from here instead of the start.
  Status skip_to(uint64_t position);
  // How many bytes; none: at_end(), or stdin had nothing for wait_ms.
  Result<size_t> read(std::span<uint8_t> to, int wait_ms);
  bool at_end() const { return at_end_ && position_ >= head_.size(); }
  // What follows the compressed data is none, and was left out.
  bool passed_over() const { return unpacker_ && unpacker_->passed_over(); }

  // Why a regular file is none that anything here reads, by its first bytes.
  Status refuse_foreign() const;
  std::pair<uint64_t, uint64_t> id() const;  // the same for all names of a file
  bool is_packed() const { return unpacker_ != nullptr; }

  // Tells the bytes before this place on disk, a KiB of them, from others; empty: they cannot be
  // read.
  std::string end_print(uint64_t size) const;

  uint64_t position() const { return position_; }  // of the next read
  uint64_t size() const { return size_; }          // on disk; 0: unknown
  uint64_t taken() const { return taken_; }        // of that

 private:
  FileReader(std::string path, Fd fd, uint64_t size, bool is_stdin)
      : path_(std::move(path)), fd_(std::move(fd)), size_(size), is_stdin_(is_stdin) {}
  bool ready(int wait_ms) const;
  Result<size_t> read_raw(std::span<uint8_t> to);
  Result<size_t> unpack(std::span<uint8_t> to, int wait_ms);
  Status read_packed();
  Status unpack_head();

  std::string path_;
  Fd fd_;
  uint64_t size_ = 0, taken_ = 0, position_ = 0;
  bool is_stdin_ = false, raw_ended_ = false, at_end_ = false;
  std::string head_;
  std::unique_ptr<Decompressor> unpacker_;
  std::vector<uint8_t> packed_;  // read, but not unpacked from packed_at_ on
  size_t packed_at_ = 0;
};

}  // namespace nek
