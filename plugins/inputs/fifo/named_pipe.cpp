// SPDX-License-Identifier: Apache-2.0
#include "named_pipe.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace nek {
namespace {

constexpr mode_t kMaxMode = 0777;

std::string why(int error) { return std::strerror(error); }

// A number stands for itself, as chown has it.
template <class Id, class Find>
Result<Id> find_id(const std::string& name, const char* what, Find&& find) {
  Id id = 0;
  const auto read = std::from_chars(name.data(), name.data() + name.size(), id);
  if (read.ec == std::errc() && read.ptr == name.data() + name.size()) return id;
  if (const auto found = find(name.c_str())) return *found;
  return fail(std::string("there is no ") + what + " '" + name + "'");
}

}  // namespace

Result<mode_t> parse_mode(std::string_view text) {
  mode_t mode = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size() && mode <= kMaxMode)
    return mode;
  return fail("'" + std::string(text) + "' is no mode; write three octal digits, like \"0660\"");
}

Result<Owner> find_owner(const std::string& text) {
  Owner owner;
  const size_t colon = text.find(':');
  const std::string user = text.substr(0, colon);
  const std::string group = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (!user.empty()) {
    const auto id = find_id<uid_t>(user, "user", [](const char* name) -> const uid_t* {
      const passwd* found = ::getpwnam(name);
      return found ? &found->pw_uid : nullptr;
    });
    if (!id.ok()) return id.status();
    owner.user = *id;
  }
  if (!group.empty()) {
    const auto id = find_id<gid_t>(group, "group", [](const char* name) -> const gid_t* {
      const struct group* found = ::getgrnam(name);
      return found ? &found->gr_gid : nullptr;
    });
    if (!id.ok()) return id.status();
    owner.group = *id;
  }
  return owner;
}

NamedPipe::~NamedPipe() {
  if (fd_ >= 0) ::close(fd_);
}

Result<bool> NamedPipe::exists() const {
  struct stat info{};
  if (::stat(path_.c_str(), &info) != 0) {
    if (errno == ENOENT) return false;
    return fail("cannot look at '" + path_ + "': " + why(errno));
  }
  if (S_ISFIFO(info.st_mode)) return true;
  if (S_ISREG(info.st_mode))
    return fail("'" + path_ +
                "' is a file, not a FIFO, and stays as it is; the input csv reads files");
  return fail("'" + path_ + "' is no FIFO, and stays as it is");
}

Status NamedPipe::make(mode_t mode, const Owner& owner) const {
  const auto there = exists();
  if (!there.ok() || *there) return there.status();
  // Nobody else may open it before it has its owner.
  if (::mkfifo(path_.c_str(), 0) != 0) {
    if (errno == EEXIST) return exists().status();  // another one made it just now
    return fail("cannot make the FIFO '" + path_ + "': " + why(errno));
  }
  const bool has_owner =
      owner.user != static_cast<uid_t>(-1) || owner.group != static_cast<gid_t>(-1);
  if ((has_owner && ::chown(path_.c_str(), owner.user, owner.group) != 0) ||
      ::chmod(path_.c_str(), mode) != 0) {
    const int error = errno;
    ::unlink(path_.c_str());
    return fail("cannot give the FIFO '" + path_ + "' its owner and mode: " + why(error));
  }
  return {};
}

// The new end is there before the old one goes: a writer that came between them would get SIGPIPE.
Status NamedPipe::open() {
  const int fd = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return fail("cannot open '" + path_ + "': " + why(errno));
  struct stat info{};
  if (::fstat(fd, &info) != 0 || !S_ISFIFO(info.st_mode)) {
    ::close(fd);
    return fail("'" + path_ + "' is no FIFO any more");
  }
  const int old = std::exchange(fd_, fd);
  if (old >= 0) ::close(old);
  return {};
}

}  // namespace nek
