// SPDX-License-Identifier: Apache-2.0
// Env: the one door of the core to files and the clock, so that tests can lose unsynced bytes, fill
// the disk and set the time. Thread-safe. A File is used by one thread at a time.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nek/status.hpp"

namespace nek {

class File {
 public:
  virtual ~File() = default;
  virtual Status append(std::string_view bytes) = 0;  // NEK_RETRY: the disk is full
  virtual Status truncate(uint64_t length) = 0;       // and goes on appending there
  virtual Status sync() = 0;
  virtual Status read(uint64_t offset, std::span<char> to) = 0;  // all of it, or an error
  virtual uint64_t length() const = 0;
};

class Env {
 public:
  virtual ~Env() = default;
  virtual int64_t now_ms() const = 0;  // wall clock, ms since 1970 UTC
  // Opens for appending; makes it when missing.
  virtual Result<std::unique_ptr<File>> open(const std::string& path) = 0;
  virtual Result<std::string> read(const std::string& path) = 0;
  virtual bool exists(const std::string& path) = 0;
  // Names in a folder, sorted; none where there is no folder.
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;  // OK where there is none
  virtual Status make_dirs(const std::string& path) = 0;
  virtual Status sync_dir(const std::string& path) = 0;
  // Keeps other processes from locking the same path while what it returns lives, NULL where there
  // are no other processes. Fails at once when another one has it.
  virtual Result<std::unique_ptr<File>> lock(const std::string&) { return std::unique_ptr<File>(); }
};

Env& system_env();

}  // namespace nek
