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

  // Opens for writing at the end; makes the file and its folders where they are missing. Nobody
  // else may have it open so.
  static Result<ExactFile> open(const std::string& path);

  const std::string& path() const { return path_; }
  uint64_t length() const { return length_; }
  // Forgets what is behind this length, which is not more than length().
  void rewind(uint64_t length);
  // All of the pieces, or none: the status is NEK_RETRY. A file that somebody removed is made
  // again.
  Status append(std::span<const iovec> pieces);
  // Makes durable what was appended. NEK_RETRY: not now; NEK_FAIL: some of it may be lost.
  Status sync();
  // Where there is no file of that name yet. Durable after sync_folder().
  Status rename(const std::string& path);

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
  bool tail_ = false;          // there may be bytes behind length_
  bool synced_ = false;        // content and length are durable
  bool entry_synced_ = false;  // and so is the folder's entry
};

// Makes the names in the folder of this path durable.
Status sync_folder(const std::string& path);

}  // namespace nek
