// SPDX-License-Identifier: Apache-2.0
// Input `fifo`: reads what programs write into a named pipe; each writer is a source of its own.
#include <atomic>
#include <optional>
#include <string>

#include "named_pipe.h"
#include "nek/plugin.hpp"
#include "stream_source.h"

namespace nek {
namespace {

enum class Until : uint8_t { kWriterCloses, kForever };

struct Config {
  std::string path;
  Until until = Until::kWriterCloses;
  bool create = false;
  std::string mode = "0600";
  std::string owner;
};
constexpr auto kOptions = options<Config>(
    option<&Config::path>("path", "The FIFO.", {.type = "path"}),
    option<&Config::until>("until", "End when the writer closes it, or wait for the next one.",
                           {.fallback = "writer_closes", .range = "writer_closes|forever"}),
    option<&Config::create>("create", "Makes the FIFO when there is nothing at this path.",
                            {.fallback = "false"}),
    option<&Config::mode>("mode", "Of a FIFO that is made: who may write into it.",
                          {.fallback = "\"0600\""}),
    option<&Config::owner>("owner", "Of a FIFO that is made: USER, USER:GROUP or :GROUP.",
                           {.fallback = "\"\""}));

class Fifo {
 public:
  Fifo(Host host, Config config) : host_(host), config_(std::move(config)), pipe_(config_.path) {}

  Status setup(Shape&) {
    const auto there = pipe_.exists();
    if (!there.ok()) return fail_at(host_.at("path"), "path: " + there.status().message());
    if (!*there && !config_.create)
      return fail_at(host_.at("path"), "path: there is no '" + config_.path +
                                           "'; make it with mkfifo, or say create: true");
    const auto mode = parse_mode(config_.mode);
    if (!mode.ok()) return fail_at(host_.at("mode"), "mode: " + mode.status().message());
    mode_ = *mode;
    const auto owner = find_owner(config_.owner);
    if (!owner.ok()) return fail_at(host_.at("owner"), "owner: " + owner.status().message());
    owner_ = *owner;
    return {};
  }

  Status start(const Start&) {
    if (config_.create)
      if (Status status = pipe_.make(mode_, owner_); !status.ok()) return status;
    return next_writer();
  }

  Status read(Chunk& chunk, std::chrono::milliseconds wait) {
    if (chunk.memory_full()) return {};
    if (Status status = writer_->read(chunk, wait); !status.ok()) return status;
    done_ = before_ + writer_->bytes();
    if (!writer_->ended()) return {};
    before_ = done_;
    writer_->end(false);
    return config_.until == Until::kForever ? next_writer() : nek::end();
  }

  Progress progress() const { return {done_, 0}; }

 private:
  Status next_writer() {
    if (Status status = pipe_.open(); !status.ok()) return status;
    writer_.emplace(host_, pipe_.fd(), "'" + config_.path + "'",
                    "fifo " + config_.path + " " + std::to_string(writers_++));
    return {};
  }

  Host host_;
  Config config_;
  NamedPipe pipe_;
  mode_t mode_ = 0;
  Owner owner_;
  std::optional<StreamSource> writer_;
  uint64_t writers_ = 0, before_ = 0;
  std::atomic<uint64_t> done_ = 0;
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::input<nek::Fifo, nek::kOptions>({
    .name = "fifo",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Reads records that programs write into a named pipe.",
    .example = "fifo: { path: external.csv, create: true, format: nfdump }",
    .codec = "csv",
}));
