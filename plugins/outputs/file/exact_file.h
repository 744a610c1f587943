// SPDX-License-Identifier: Apache-2.0
// ExactFile: a file that is written at a known length and can be cut back to it.
// What is behind that length does not count, so a write that failed half way, or a crash, leaves no
// trace once it is cut off or written over. Not thread-safe.
#pragma once
#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string>

#include "nek/status.hpp"

namespace nek {

class ExactFile {
 public:
  ExactFile() = default;
  ~ExactFile() { close(); }
  ExactFile(ExactFile&& other) noexcept { *this = std::move(other); }
  ExactFile& operator=(ExactFile&& other) noexcept;

  // Opens for writing at the end; makes the file and its folders where they are missing.
  static Result<ExactFile> open(const std::string& path);

  const std::string& path() const { return path_; }
  uint64_t length() const { return length_; }
  // Cuts the file off; it is not shorter.
  Status truncate(uint64_t length);
  // All of the pieces or, with an error, none. A file that somebody removed is made again first.
  Status append(std::span<const iovec> pieces);
  // Makes durable what was appended; an error means that it may be lost.
  Status sync();

 private:
  ExactFile(std::string path, int fd, uint64_t length)
      : path_(std::move(path)), fd_(fd), length_(length) {}
  void close();
  Status error(const char* what) const;
  bool was_removed() const;
  Status make_again();

  std::string path_;
  int fd_ = -1;
  uint64_t length_ = 0;
  uint64_t synced_ = 0;        // length at the last sync
  bool entry_synced_ = false;  // the folder's entry of this file is durable
};

}  // namespace nek
