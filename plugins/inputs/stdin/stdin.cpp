// SPDX-License-Identifier: Apache-2.0
// stdin: reads records from standard input until it ends.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>

#include "nek/plugin.hpp"

namespace nek {
namespace {

// A decoder gets the first bytes to look for a header: the first line, but not more than this.
constexpr size_t kMaxHead = 64 << 10;

class Stdin {
 public:
  explicit Stdin(Host host) : host_(host) {}

  Status read(Chunk& chunk, std::chrono::milliseconds wait) {
    if (chunk.memory_full()) return {};
    if (!source_) return read_head(wait);
    if (!head_.empty()) {
      take_head(chunk);
      return {};
    }
    if (!ended_) return read_more(chunk, wait);
    host_.end_source(source_);
    return end();
  }

  Progress progress() const { return {done_, 0}; }

 private:
  // Bytes read; 0: none for now, or the end.
  Result<size_t> read_some(std::span<uint8_t> room, std::chrono::milliseconds wait) {
    pollfd ready = {STDIN_FILENO, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(wait.count())) <= 0) return size_t{0};
    const ssize_t got = ::read(STDIN_FILENO, room.data(), room.size());
    if (got > 0) return static_cast<size_t>(got);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return size_t{0};
    if (got < 0)
      return fail("cannot read standard input: " + std::system_category().message(errno));
    ended_ = true;
    return size_t{0};
  }

  Status read_head(std::chrono::milliseconds wait) {
    uint8_t bytes[4096];
    const auto got = read_some(bytes, wait);
    if (!got.ok()) return got.status();
    head_.append(reinterpret_cast<const char*>(bytes), *got);
    const bool whole = ended_ || head_.size() >= kMaxHead || head_.find('\n') != std::string::npos;
    if (whole) open_source();
    return {};
  }
  void open_source() {
    // What comes by stdin is a source of its own each time.
    const std::string identity =
        "stdin " + std::to_string(host_.now_ms()) + " " + std::to_string(::getpid());
    nek_source_open open{};
    open.identity = to_text(identity);
    open.head = to_text(head_);
    open.flags = NEK_ONCE;
    source_ = host_.open_source(open);
  }
  void take_head(Chunk& chunk) {
    const size_t size = std::min(head_.size(), chunk.room().size());
    chunk.add(source_, done_, std::string_view(head_).substr(0, size));
    head_.erase(0, size);
    done_ += size;
  }
  Status read_more(Chunk& chunk, std::chrono::milliseconds wait) {
    const auto got = read_some(chunk.room(), wait);
    if (!got.ok()) return got.status();
    if (*got > 0) chunk.took(source_, done_, static_cast<uint32_t>(*got));
    done_ += *got;
    return {};
  }

  Host host_;
  nek_source* source_ = nullptr;  // once the head is there
  std::string head_;              // what of it was not handed out yet
  bool ended_ = false;
  std::atomic<uint64_t> done_ = 0;
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::input<nek::Stdin>({
    .name = "stdin",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Reads records from standard input until it ends.",
    .example = "stdin: {columns: {ts: time, sa: text, byte: uint64}}",
    .codec = "json",
}));
