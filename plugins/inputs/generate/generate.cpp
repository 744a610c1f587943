// SPDX-License-Identifier: Apache-2.0
// Input `generate`: synthetic flows, as nfdump would print them.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>

#include "flow_text.h"
#include "nek/plugin.hpp"

namespace nek {

namespace {

struct Config {
  uint64_t seed = 1, rows = 0, rate = 0, hosts = 20000;
  uint32_t skew = 3;
  double ipv6 = 0.05;
  bool full_ipv6 = false;
};
constexpr auto kOptions = options<Config>(
    option<&Config::rows>("rows", "How many flows; 0: no end.", {.fallback = "0", .range = "0.."}),
    option<&Config::seed>("seed", "Another seed, other flows; the same seed, the same flows.",
                          {.fallback = "1", .range = "0.."}),
    option<&Config::rate>("rate", "Flows a second; 0: as fast as they are taken.",
                          {.fallback = "0", .range = "0.."}),
    option<&Config::hosts>("hosts", "Distinct addresses on each side.",
                           {.fallback = "20000", .range = "1.."}),
    option<&Config::skew>("skew", "1: all hosts alike; more: few hosts have most flows.",
                          {.fallback = "3", .range = "1..16"}),
    option<&Config::ipv6>("ipv6", "Share of flows between IPv6 addresses.",
                          {.fallback = "0.05", .range = "0..1"}),
    option<&Config::full_ipv6>("full_ipv6", "IPv6 in full, as with nfdump's -6, else shortened.",
                               {.fallback = "false"}));

class GenerateInput {
 public:
  GenerateInput(Host host, const Config& config)
      : host_(host),
        config_(config),
        text_({config.seed, config.hosts, config.skew, config.ipv6, config.full_ipv6}),
        row_(text_.row_bytes(), '\0'),
        end_(config.rows ? config.rows * text_.row_bytes() : UINT64_MAX) {}

  Status read(Chunk& chunk, std::chrono::milliseconds wait) {
    if (chunk.memory_full()) return {};
    if (!source_) open();
    if (position_ == end_) return end();
    const uint64_t allowed = wait_for_turn(wait);
    const auto room = chunk.room();
    const uint64_t size = std::min({uint64_t{room.size()}, allowed, end_ - position_});
    fill(room.first(size));
    chunk.took(source_, position_, static_cast<uint32_t>(size));
    position_ += size;
    return {};
  }

  Progress progress() const { return {position_, config_.rows ? end_ : 0}; }

 private:
  using Clock = std::chrono::steady_clock;

  void open() {
    const std::string identity =
        "generate seed=" + std::to_string(config_.seed) + " rows=" + std::to_string(config_.rows) +
        " hosts=" + std::to_string(config_.hosts) + " skew=" + std::to_string(config_.skew) +
        " ipv6=" + std::to_string(config_.ipv6) + (config_.full_ipv6 ? " full" : "");
    nek_source_open open{};
    open.identity = to_text(identity);
    source_ = host_.open_source(open);
    position_ = source_->resume == NEK_NO_POSITION ? 0 : source_->resume;
    if (source_->ended) position_ = end_;
    began_at_ = position_;
    began_ = Clock::now();
  }

  // How many bytes the rate allows now.
  uint64_t wait_for_turn(std::chrono::milliseconds wait) const {
    if (!config_.rate) return UINT64_MAX;
    const auto allowed = [&] {
      const std::chrono::duration<double> since = Clock::now() - began_;
      const auto rows = static_cast<uint64_t>(since.count() * static_cast<double>(config_.rate));
      return began_at_ + rows * text_.row_bytes() - position_;
    };
    const auto deadline = Clock::now() + wait;
    while (allowed() == 0 && Clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return allowed();
  }

  // The bytes from position_ on; rows at the edges are made whole and cut.
  void fill(std::span<uint8_t> to) {
    const uint64_t size = text_.row_bytes();
    uint64_t row = position_ / size, skip = position_ % size;
    while (!to.empty()) {
      auto* at = reinterpret_cast<char*>(to.data());
      const uint64_t taken = std::min<uint64_t>(size - skip, to.size());
      if (taken == size) {
        text_.write(row, at);
      } else {
        text_.write(row, row_.data());
        std::memcpy(at, row_.data() + skip, taken);
      }
      to = to.subspan(taken);
      skip = 0;
      row++;
    }
  }

  Host host_;
  Config config_;
  FlowText text_;
  std::string row_;
  nek_source* source_ = nullptr;
  const uint64_t end_;  // progress() reads it on another thread
  uint64_t began_at_ = 0;
  std::atomic<uint64_t> position_ = 0;
  Clock::time_point began_;
};

}  // namespace

}  // namespace nek

NEK_EXPORT_PLUGINS(nek::input<nek::GenerateInput, nek::kOptions>(
    {.name = "generate",
     .version = "0.1.0",
     .vendor = "nek",
     .licence = "Apache-2.0",
     .summary = "Makes synthetic flows in nfdump's text format, for tests and benchmarks.",
     .example = "generate: { rows: 1000000, seed: 7 }",
     .codec = "nfdump"}));
