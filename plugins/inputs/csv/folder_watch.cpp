// SPDX-License-Identifier: Apache-2.0
#include "folder_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace nek {

namespace {

constexpr uint32_t kNames =
    IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr uint32_t kLost = IN_IGNORED | IN_Q_OVERFLOW | IN_UNMOUNT;
constexpr uint32_t kWritten = IN_MODIFY | IN_ATTRIB;

// Of statfs(2). Such file systems do not tell what other machines write.
bool is_remote(const std::string& folder) {
  static constexpr std::array<uint32_t, 9> kRemote = {
      0x6969,      // NFS
      0x517b,      // SMB
      0xff534d42,  // CIFS
      0xfe534d42,  // SMB2
      0x65735546,  // FUSE
      0x01021997,  // 9p
      0x00c36400,  // Ceph
      0x0bd00bd0,  // Lustre
      0x5346414f,  // AFS
  };
  struct statfs info{};
  if (::statfs(folder.c_str(), &info) != 0) return false;
  return std::find(kRemote.begin(), kRemote.end(), static_cast<uint32_t>(info.f_type)) !=
         kRemote.end();
}

}  // namespace

std::string FolderWatch::watch(const std::vector<std::string>& prefixes) {
  if (fd_.get() < 0) {
    fd_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (fd_.get() < 0) return std::string("inotify: ") + std::strerror(errno);
  }
  for (auto at = watches_.begin(); at != watches_.end();) {
    const bool stays = std::find(prefixes.begin(), prefixes.end(), at->first) != prefixes.end();
    if (!stays && at->second >= 0) {
      ::inotify_rm_watch(fd_.get(), at->second);
      prefixes_.erase(at->second);
    }
    if (!stays) remote_.erase(at->first);
    at = stays ? std::next(at) : watches_.erase(at);
  }
  std::string problem;
  for (const std::string& prefix : prefixes) {
    const auto known = watches_.find(prefix);
    std::string why;
    if (known == watches_.end() || known->second < 0)
      why = add(prefix);
    else if (const auto remote = remote_.find(prefix); remote != remote_.end())
      why = remote->second;
    if (problem.empty()) problem = std::move(why);
  }
  return problem;
}

std::string FolderWatch::add(const std::string& prefix) {
  const std::string folder = prefix.empty() ? "." : prefix;
  const int watch = ::inotify_add_watch(fd_.get(), folder.c_str(), kNames | kWritten | IN_ONLYDIR);
  watches_[prefix] = watch;
  if (watch >= 0) {
    prefixes_[watch] = prefix;
    remote_.erase(prefix);
    if (!is_remote(folder)) return {};
    return remote_[prefix] = "'" + folder + "' is on a network file system";
  }
  if (errno == ENOENT || errno == ENOTDIR) return {};
  return "inotify: '" + folder + "': " +
         (errno == ENOSPC ? "fs.inotify.max_user_watches is reached" : std::strerror(errno));
}

bool FolderWatch::is_missing_one() const {
  return std::any_of(watches_.begin(), watches_.end(),
                     [](const auto& one) { return one.second < 0; });
}

FolderWatch::Changes FolderWatch::take() {
  Changes changes;
  alignas(inotify_event) std::array<char, size_t{64} << 10> buffer;
  for (;;) {
    const ssize_t got = fd_.get() < 0 ? -1 : ::read(fd_.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    for (const char* at = buffer.data(); at < buffer.data() + got;) {
      inotify_event event{};
      std::memcpy(&event, at, sizeof event);
      const char* name = at + sizeof event;
      at = name + event.len;
      if (event.mask & (kNames | kLost)) changes.names = true;
      const auto prefix = prefixes_.find(event.wd);
      if (prefix == prefixes_.end()) continue;
      if (event.mask & IN_MOVE_SELF) ::inotify_rm_watch(fd_.get(), event.wd);  // IN_IGNORED comes
      if (event.mask & IN_IGNORED) {                                           // the folder is gone
        watches_[prefix->second] = -1;
        prefixes_.erase(prefix);
      } else if (event.mask & kWritten && event.len > 0) {
        std::string path = prefix->second + name;
        if (changes.files.empty() || changes.files.back() != path)
          changes.files.push_back(std::move(path));
      }
    }
  }
  return changes;
}

void FolderWatch::wait(int ms) const {
  if (fd_.get() >= 0) {
    pollfd waiting = {fd_.get(), POLLIN, 0};
    ::poll(&waiting, 1, ms);
    return;
  }
  timespec time = {ms / 1000, long{ms % 1000} * 1000000};
  ::nanosleep(&time, nullptr);
}

}  // namespace nek
