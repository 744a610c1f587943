// SPDX-License-Identifier: Apache-2.0
// StreamSource: what comes through a descriptor that cannot be read again, standard input or one
// writer of a FIFO, as a source of its own.
// Not thread-safe: an input's reader thread uses it.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

#include "nek/plugin.hpp"

namespace nek {

class StreamSource {
 public:
  // what: for messages, "standard input". name: begins its identity, which time and process end.
  StreamSource(Host host, int fd, std::string what, std::string name)
      : host_(host), fd_(fd), what_(std::move(what)), name_(std::move(name)) {}
  ~StreamSource();  // says what of a first line was read that nobody got
  StreamSource(const StreamSource&) = delete;
  StreamSource& operator=(const StreamSource&) = delete;

  // Hands out what is there; waits for it at most so long. The source is opened with the first
  // line, or at the end.
  Status read(Chunk& chunk, std::chrono::milliseconds wait);
  // All is handed out and the writers are gone.
  bool ended() const { return at_end_ && head_.empty(); }
  // Ends the source, after ended(). Without bytes there is none, unless it was asked for.
  void end(bool even_if_empty);
  uint64_t bytes() const { return handed_out_; }

 private:
  Result<size_t> read_some(std::span<uint8_t> room, std::chrono::milliseconds wait);
  Status read_head(std::chrono::milliseconds wait);
  void open();

  Host host_;
  int fd_;
  std::string what_, name_;
  nek_source* source_ = nullptr;  // once the head is there
  std::string head_;              // what of it was not handed out yet
  bool at_end_ = false;
  uint64_t handed_out_ = 0;
};

}  // namespace nek
