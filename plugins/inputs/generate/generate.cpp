// SPDX-License-Identifier: Apache-2.0
// Input `generate`: synthetic flows, as nfdump would print them.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "flow_text.h"
#include "nek/plugin.hpp"
#include "scenario.h"

namespace nek {

namespace {

enum class Kind : uint8_t { kFlows, kScans, kTruth };

struct Config {
  uint64_t seed = 1, rows = 0, rate = 0, hosts = 20000;
  uint32_t skew = 3;
  double ipv6 = 0.05;
  bool full_ipv6 = false;
  Kind kind = Kind::kFlows;
  uint32_t scanners = 10, clients = 20000;
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
                               {.fallback = "false"}),
    option<&Config::kind>("kind",
                          "flows: drawn one by one; scans: two days of a network that is scanned; "
                          "truth: who scans there, a line of address, what it is and its speed.",
                          {.fallback = "flows", .range = "flows|scans|truth"}),
    option<&Config::scanners>("scanners", "With scans: scanners of each type and speed.",
                              {.fallback = "10", .range = "0..1000"}),
    option<&Config::clients>("clients", "With scans: web clients, and others in proportion.",
                             {.fallback = "20000", .range = "0..1000000"}));

class GenerateInput {
 public:
  GenerateInput(Host host, const Config& config)
      : host_(host),
        config_(config),
        text_({config.seed, config.hosts, config.skew, config.ipv6, config.full_ipv6}),
        scenario_(make_scenario(config)),
        row_bytes_(config.kind == Kind::kTruth ? Scenario::kTruthBytes : text_.row_bytes()),
        row_(row_bytes_, '\0'),
        rows_(rows_of(config, scenario_.get())),
        end_(rows_ ? rows_ * row_bytes_ : UINT64_MAX) {}

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

  Progress progress() const { return {position_, rows_ ? end_ : 0}; }

 private:
  using Clock = std::chrono::steady_clock;

  static std::unique_ptr<Scenario> make_scenario(const Config& config) {
    if (config.kind == Kind::kFlows) return nullptr;
    return std::make_unique<Scenario>(
        Scenario::Options{config.seed, config.scanners, config.clients});
  }
  // 0: no end.
  static uint64_t rows_of(const Config& config, const Scenario* scenario) {
    if (!scenario) return config.rows;
    const uint64_t all = config.kind == Kind::kTruth ? scenario->sources() : scenario->rows();
    return config.rows ? std::min(config.rows, all) : all;
  }
  void write_row(uint64_t row, char* to) const {
    if (!scenario_) {
      text_.write(row, to);
    } else if (config_.kind == Kind::kTruth) {
      scenario_->write_truth(row, to);
    } else {
      scenario_->write(row, to);
    }
  }

  void open() {
    std::string identity =
        "generate seed=" + std::to_string(config_.seed) + " rows=" + std::to_string(config_.rows) +
        " hosts=" + std::to_string(config_.hosts) + " skew=" + std::to_string(config_.skew) +
        " ipv6=" + std::to_string(config_.ipv6) + (config_.full_ipv6 ? " full" : "");
    if (scenario_) {
      identity += config_.kind == Kind::kTruth ? " truth" : " scans";
      identity += " scanners=" + std::to_string(config_.scanners) +
                  " clients=" + std::to_string(config_.clients);
    }
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
      return began_at_ + rows * row_bytes_ - position_;
    };
    const auto deadline = Clock::now() + wait;
    while (allowed() == 0 && Clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return allowed();
  }

  // The bytes from position_ on; rows at the edges are made whole and cut.
  void fill(std::span<uint8_t> to) {
    const uint64_t size = row_bytes_;
    uint64_t row = position_ / size, skip = position_ % size;
    while (!to.empty()) {
      auto* at = reinterpret_cast<char*>(to.data());
      const uint64_t taken = std::min<uint64_t>(size - skip, to.size());
      if (taken == size) {
        write_row(row, at);
      } else {
        write_row(row, row_.data());
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
  const std::unique_ptr<Scenario> scenario_;  // of kinds scans and truth
  const uint32_t row_bytes_;
  std::string row_;
  const uint64_t rows_;  // 0: no end
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
