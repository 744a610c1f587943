// SPDX-License-Identifier: Apache-2.0
#include "exact_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace nek {
namespace {

std::string reason(int code) { return std::system_category().message(code); }

// Those that are made are durable: a file that counts must not be lost with its folder.
Status make_folders(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  std::vector<std::string> missing;
  for (auto at = folder; !at.empty() && !std::filesystem::exists(at, error); at = at.parent_path())
    missing.push_back(at.string());
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) return fail("cannot make the folder " + folder.string() + ": " + error.message());
  for (const std::string& made : missing) {
    Status status = sync_folder(made);
    if (!status.ok()) return status;
  }
  return {};
}

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat of_a, of_b;
  return ::stat(a.c_str(), &of_a) == 0 && ::stat(b.c_str(), &of_b) == 0 &&
         of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

// NFS, 9p, many FUSE and older ZFS file systems cannot rename so that nothing is replaced: there
// the file has both names for a moment. False: errno says why.
bool rename_by_links(const std::string& from, const std::string& to) {
  const int failed = ::link(from.c_str(), to.c_str()) == 0 ? 0 : errno;
  const bool no_links = failed == EPERM || failed == EOPNOTSUPP || failed == ENOSYS;
  if (no_links && ::access(to.c_str(), F_OK) != 0) return ::rename(from.c_str(), to.c_str()) == 0;
  // It has both names already where nek died between the two steps.
  if (failed == 0 || (failed == EEXIST && is_same_file(from, to)))
    return ::unlink(from.c_str()) == 0;
  errno = no_links ? EEXIST : failed;
  return false;
}

// Writes all of the pieces from `at` on; false: errno says why, and some of it may be there.
bool write_all(int fd, std::vector<iovec> pieces, uint64_t at) {
  for (size_t first = 0; first < pieces.size();) {
    if (pieces[first].iov_len == 0) {
      first++;
      continue;
    }
    const auto count = static_cast<int>(std::min<size_t>(pieces.size() - first, IOV_MAX));
    const ssize_t written = pwritev(fd, &pieces[first], count, static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    at += static_cast<uint64_t>(written);
    for (auto left = static_cast<size_t>(written); left > 0;) {
      iovec& piece = pieces[first];
      const size_t part = std::min(left, piece.iov_len);
      piece = {static_cast<char*>(piece.iov_base) + part, piece.iov_len - part};
      left -= part;
      if (piece.iov_len == 0) first++;
    }
  }
  return true;
}

bool copy_all(int from, int to, uint64_t length) {
  std::vector<char> bytes(std::min<uint64_t>(length, 1 << 20));
  for (uint64_t at = 0; at < length;) {
    const size_t want = std::min<uint64_t>(bytes.size(), length - at);
    const ssize_t got = pread(from, bytes.data(), want, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    if (!write_all(to, {{bytes.data(), static_cast<size_t>(got)}}, at)) return false;
    at += static_cast<uint64_t>(got);
  }
  return true;
}

}  // namespace

Status sync_folder(const std::string& path) {
  auto folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  const int code = errno;
  if (fd >= 0) ::close(fd);
  if (synced) return {};
  return fail("cannot make the folder " + folder.string() + " durable: " + reason(code));
}

ExactFile& ExactFile::operator=(ExactFile&& other) noexcept {
  if (this == &other) return *this;
  close();
  path_ = std::move(other.path_);
  fd_ = std::exchange(other.fd_, -1);
  length_ = other.length_;
  tail_ = other.tail_;
  synced_ = other.synced_;
  entry_synced_ = other.entry_synced_;
  return *this;
}

void ExactFile::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Status ExactFile::error(const char* what) const {
  return retry(std::string("cannot ") + what + " " + path_ + ": " + reason(errno));
}

Result<ExactFile> ExactFile::open(const std::string& path) {
  Status status = make_folders(path);
  if (!status.ok()) return status;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return fail("cannot open " + path + ": " + reason(errno));
  struct stat file;
  ExactFile made(path, fd, 0);
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return fail(path + " is not a regular file");
  if (flock(fd, LOCK_EX | LOCK_NB) != 0)
    return fail(path + " is being written by another output or process");
  made.length_ = static_cast<uint64_t>(file.st_size);
  return made;
}

void ExactFile::rewind(uint64_t length) {
  length_ = length;
  synced_ = false;
  // Should this fail: the next write goes over it, or sync() cuts it off.
  tail_ = ftruncate(fd_, static_cast<off_t>(length)) != 0;
}

Status ExactFile::append(std::span<const iovec> pieces) {
  if (was_removed()) {
    Status status = make_again();
    if (!status.ok()) return status;
  }
  synced_ = false;
  if (!write_all(fd_, {pieces.begin(), pieces.end()}, length_)) {
    Status status = error("write");
    rewind(length_);
    return status;
  }
  for (const iovec& piece : pieces) length_ += piece.iov_len;
  return {};
}

bool ExactFile::was_removed() const {
  struct stat file;
  return fstat(fd_, &file) == 0 && file.st_nlink == 0;
}

// The removed file lives as long as it is open: its bytes are taken over into a new one.
Status ExactFile::make_again() {
  Result<ExactFile> made = open(path_);
  if (!made.ok()) return retry(made.status().message());
  if (made->length() != 0) return retry(path_ + " was replaced by somebody else");
  if (!copy_all(fd_, made->fd_, length_)) {
    Status status = error("write");
    ::unlink(path_.c_str());
    return status;
  }
  made->length_ = length_;
  *this = std::move(*made);
  return {};
}

Status ExactFile::sync() {
  if (was_removed()) {
    Status status = make_again();
    if (!status.ok()) return status;
  }
  if (tail_ && ftruncate(fd_, static_cast<off_t>(length_)) != 0) return error("cut off");
  tail_ = false;
  // After an error the kernel may have dropped the bytes: only a restart from the last snapshot is
  // exact.
  if (!synced_ && fdatasync(fd_) != 0)
    return fail("cannot make " + path_ + " durable: " + reason(errno));
  synced_ = true;
  if (entry_synced_) return {};
  Status status = sync_folder(path_);
  entry_synced_ = status.ok();
  return status;
}

Status ExactFile::rename(const std::string& path) {
  const bool renamed =
      renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0;
  const bool cannot_so = !renamed && (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP);
  if (!renamed && !(cannot_so && rename_by_links(path_, path)))
    return retry("cannot rename " + path_ + " to " + path + ": " + reason(errno));
  path_ = path;
  return {};
}

}  // namespace nek
