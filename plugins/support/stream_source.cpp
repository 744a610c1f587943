// SPDX-License-Identifier: Apache-2.0
#include "stream_source.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace nek {
namespace {

// A decoder gets the first bytes to look for a header: the first line, but not more than this.
constexpr size_t kMaxHead = 64 << 10;

}  // namespace

StreamSource::~StreamSource() {
  if (head_.empty()) return;
  host_.log(NEK_WARN, "of " + what_ + " " + std::to_string(head_.size()) +
                          " bytes were read whose line has no end yet; they are lost");
}

Status StreamSource::read(Chunk& chunk, std::chrono::milliseconds wait) {
  if (!source_) {
    if (Status status = read_head(wait); !status.ok() || !source_) return status;
  }
  if (!head_.empty()) {
    const size_t size = std::min(head_.size(), chunk.room().size());
    chunk.add(source_, handed_out_, std::string_view(head_).substr(0, size));
    head_.erase(0, size);
    handed_out_ += size;
    return {};
  }
  if (at_end_) return {};
  const auto got = read_some(chunk.room(), wait);
  if (!got.ok()) return got.status();
  if (*got > 0) chunk.took(source_, handed_out_, static_cast<uint32_t>(*got));
  handed_out_ += *got;
  return {};
}

void StreamSource::end(bool even_if_empty) {
  if (!source_ && even_if_empty) open();
  if (source_) host_.end_source(source_);
}

// Bytes read; 0: none for now, or the end.
Result<size_t> StreamSource::read_some(std::span<uint8_t> room, std::chrono::milliseconds wait) {
  // Not of a FIFO that no writer has opened: reading would call that an end.
  pollfd ready = {fd_, POLLIN, 0};
  if (room.empty() || ::poll(&ready, 1, static_cast<int>(wait.count())) <= 0) return size_t{0};
  const ssize_t got = ::read(fd_, room.data(), room.size());
  if (got > 0) return static_cast<size_t>(got);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return size_t{0};
  if (got < 0) return fail("cannot read " + what_ + ": " + std::system_category().message(errno));
  at_end_ = true;
  return size_t{0};
}

Status StreamSource::read_head(std::chrono::milliseconds wait) {
  uint8_t bytes[4096];
  const auto got = read_some(bytes, wait);
  if (!got.ok()) return got.status();
  head_.append(reinterpret_cast<const char*>(bytes), *got);
  const bool whole = at_end_ || head_.size() >= kMaxHead || head_.find('\n') != std::string::npos;
  if (whole && !head_.empty()) open();
  return {};
}

void StreamSource::open() {
  const std::string identity =
      name_ + " " + std::to_string(host_.now_ms()) + " " + std::to_string(::getpid());
  nek_source_open open{};
  open.identity = to_text(identity);
  open.head = to_text(head_);
  open.flags = NEK_ONCE;
  source_ = host_.open_source(open);
}

}  // namespace nek
