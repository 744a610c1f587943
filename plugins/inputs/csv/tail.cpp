// SPDX-License-Identifier: Apache-2.0
#include "tail.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace nek {

Result<bool> Tail::open() {
  if (is_open()) return true;
  Fd opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (opened.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ESTALE) return false;
    const std::string why = "cannot open '" + path + "': " + std::strerror(errno);
    return errno == EMFILE || errno == ENFILE ? retry(why) : fail(why);
  }
  struct stat info{};
  if (::fstat(opened.get(), &info) != 0)
    return fail("cannot look at '" + path + "': " + std::strerror(errno));
  if (FileId::of(info) != id) return false;
  fd = std::move(opened);
  return true;
}

Result<size_t> Tail::read(std::span<uint8_t> to, uint64_t at) const {
  for (;;) {
    const ssize_t got = ::pread(fd.get(), to.data(), to.size(), static_cast<off_t>(at));
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) return fail("cannot read '" + path + "': " + std::strerror(errno));
  }
}

Result<std::string> Tail::bytes_at(uint64_t begin, size_t size) const {
  std::string bytes(size, '\0');
  size_t used = 0;
  while (used < size) {
    const auto got =
        read({reinterpret_cast<uint8_t*>(bytes.data()) + used, size - used}, begin + used);
    if (!got.ok()) return got.status();
    if (*got == 0) break;
    used += *got;
  }
  bytes.resize(used);
  return bytes;
}

Result<std::string> Tail::first_bytes() const {
  std::string head;
  for (;;) {
    const size_t wanted = FileReader::wanted_head(head);
    if (head.size() >= wanted) return head;
    const auto more = bytes_at(head.size(), wanted - head.size());
    if (!more.ok()) return more.status();
    head += *more;
    if (head.size() < wanted) return head;
  }
}

Result<std::string> Tail::before(uint64_t position) const {
  const uint64_t size = KeptMark::window(position);
  return bytes_at(position - size, size);
}

bool Tail::is_as_kept(const KeptMark& kept) const {
  const auto info = look();
  if (!info) return false;
  for (size_t i = kept.points.size(); i-- > 0;) {
    const KeptMark::Point& point = kept.points[i];
    if (point.position > static_cast<uint64_t>(info->st_size)) continue;
    const auto bytes = before(point.position);
    return bytes.ok() && KeptMark::hash(*bytes) == point.hash;
  }
  return false;
}

bool Tail::begins_as_before() const {
  const auto now = bytes_at(0, told_bytes);
  return now.ok() && std::string_view(*now) == std::string_view(head).substr(0, told_bytes);
}

std::optional<struct stat> Tail::look() const {
  struct stat info{};
  if (!is_open() || ::fstat(fd.get(), &info) != 0) return std::nullopt;
  return info;
}

}  // namespace nek
