// SPDX-License-Identifier: Apache-2.0
// stdin: reads records from standard input until it ends.
#include <unistd.h>

#include <atomic>

#include "nek/plugin.hpp"
#include "stream_source.h"

namespace nek {
namespace {

class Stdin {
 public:
  explicit Stdin(Host host) : stream_(host, STDIN_FILENO, "standard input", "stdin") {}

  Status read(Chunk& chunk, std::chrono::milliseconds wait) {
    if (chunk.memory_full()) return {};
    if (Status status = stream_.read(chunk, wait); !status.ok()) return status;
    done_ = stream_.bytes();
    if (!stream_.ended()) return {};
    stream_.end(true);
    return nek::end();
  }

  Progress progress() const { return {done_, 0}; }

 private:
  StreamSource stream_;
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
