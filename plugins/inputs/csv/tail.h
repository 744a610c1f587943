// SPDX-License-Identifier: Apache-2.0
// Tail: one file that is followed, known by its inode, so that it stays the same under another name
// and can be read to its end when it has none any more. Not thread-safe.
#pragma once
#include <sys/stat.h>

#include <compare>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>

#include "file_reader.h"
#include "mark.h"
#include "nek/plugin.h"
#include "nek/status.hpp"

namespace nek {

struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  auto operator<=>(const FileId&) const = default;
  static FileId of(const struct stat& info) { return {info.st_dev, info.st_ino}; }
};

struct Tail {
  enum class State : uint8_t {
    kNew,      // it is not known yet what tells it from others
    kTold,     // identity is known
    kReading,  // source is open
    kHeld,     // begins like another one, which is read
    kDone,     // a packed one, or one that was read further before; until it changes
    kOld       // left out by its age, until it changes
  };

  Tail(std::string where, FileId which) : path(std::move(where)), id(which) {}

  // Opens it where it is not open; false: it is not at its path. NEK_RETRY: too many are open.
  Result<bool> open();
  bool is_open() const { return fd.get() >= 0; }
  // Up to so many bytes at a place; fewer at its end.
  Result<std::string> bytes_at(uint64_t begin, size_t size) const;
  Result<size_t> read(std::span<uint8_t> to, uint64_t at) const;
  // Its first bytes, as FileReader wants them.
  Result<std::string> first_bytes() const;
  // The last bytes before the position, as a mark has them; fewer where it is shorter.
  Result<std::string> before(uint64_t position) const;
  // Whether it has the bytes that were marked; false also where it is too short, or cannot be read.
  bool is_as_kept(const KeptMark& kept) const;
  // Whether what it began with is still there.
  bool begins_as_before() const;
  // Of an open one.
  std::optional<struct stat> look() const;

  std::string path;
  const FileId id;
  State state = State::kNew;
  uint64_t size = UINT64_MAX;  // as last seen
  int64_t mtime_ns = 0;
  int64_t changed_ms = 0;          // when that was noticed, or bytes were read
  std::optional<int64_t> gone_ms;  // no path that is followed leads to it any more
  int64_t told_ms = 0;             // when it was last looked into in vain
  int64_t retry_ms = 0;            // there was trouble: not before
  std::string trouble;             // that was told
  bool seen = false;               // by the scan under way
  bool queued = false;

  Fd fd;
  std::list<Tail*>::iterator open_at;  // while it is open, in the list of those
  bool is_packed = false;
  std::optional<FileReader> packed;  // while it is read
  std::string head;                  // first bytes, for the decoder
  std::string identity;
  std::string truncated;  // the identity that it had when it was truncated: what begins so is new
  size_t told_bytes = 0;  // of head: they make the identity
  bool is_short = false;  // too short to be told; it is known by its path as well
  bool differs = false;   // held, but it is another file in truth
  nek_source* source = nullptr;
  uint64_t position = 0;
  uint64_t read_as_short = 0;    // how much, under an identity that it has no more
  uint64_t limit = UINT64_MAX;   // not further
  uint64_t line_begin = 0;       // where the line begins that has no end before the position
  Mark mark;                     // of what was read of it
  std::optional<KeptMark> kept;  // with its source, by the last run: goes on in the mark
  bool is_old = false;           // as it was found, for ignore_older
  bool at_end = false;
  bool wait_told = false;  // that its last line has no end
};

}  // namespace nek
