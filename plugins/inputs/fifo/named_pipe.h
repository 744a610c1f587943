// SPDX-License-Identifier: Apache-2.0
// NamedPipe: a FIFO in the file system: made with owner and mode, opened again for each writer.
// Not thread-safe.
#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>

#include "nek/status.hpp"

namespace nek {

// "0660" as a number, or what is wrong with it.
Result<mode_t> parse_mode(std::string_view text);

// "user", "user:group" or ":group"; -1 stays as it is.
struct Owner {
  uid_t user = static_cast<uid_t>(-1);
  gid_t group = static_cast<gid_t>(-1);
};
Result<Owner> find_owner(const std::string& text);

class NamedPipe {
 public:
  explicit NamedPipe(std::string path) : path_(std::move(path)) {}
  ~NamedPipe();
  NamedPipe(const NamedPipe&) = delete;
  NamedPipe& operator=(const NamedPipe&) = delete;

  // Whether there is a FIFO; an error when there is something else.
  Result<bool> exists() const;
  // Makes it, unless it is there; what is there stays as it is.
  Status make(mode_t mode, const Owner& owner) const;
  // For the next writer; does not wait for one. A writer that has come meanwhile is kept.
  Status open();
  int fd() const { return fd_; }

 private:
  std::string path_;
  int fd_ = -1;
};

}  // namespace nek
