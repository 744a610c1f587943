// SPDX-License-Identifier: Apache-2.0
// The table of scan_detect with ten million sources: time a flow, memory, and what a snapshot
// costs.
#include <benchmark/benchmark.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>

#include "filters/scan_detect/detector.h"
#include "filters/scan_detect/state.h"

namespace {

using namespace nek::scan;

// What a bad day leaves behind: 10 million sources with a failed pair or two, as many tracked ones
// as fit nearly, and scanners that were found.
constexpr uint32_t kSources = 10'000'000, kTracked = 300'000, kScanners = 1'000;
constexpr uint32_t kStart = 20000u * 86400;

class NoRows : public Rows {
 public:
  Endpoint source(const Touch&) const override { return {}; }
  Endpoint target(const Touch&) const override { return {}; }
  void country(const Touch&, char (&)[2]) const override {}
};

double resident_mib() {
  std::ifstream file("/proc/self/statm");
  uint64_t total = 0, resident = 0;
  file >> total >> resident;
  return static_cast<double>(resident) * 4096 / (1 << 20);
}

class Load {
 public:
  Load() : detector_({}) {
    for (uint32_t pair = 0; pair < 30; pair++)
      for (uint32_t scanner = 0; scanner < kScanners; scanner++)
        touch(kFirstScanner + scanner, pair, 22);
    for (uint32_t pair = 0; pair < 7; pair++)
      for (uint32_t source = 0; source < kTracked; source++) touch(source, pair);
    for (uint32_t source = 0; source < kSources; source++) touch(source, 0);
    detector_.alerts().clear();
  }
  // One pair each, of sources that were never seen.
  void flood(uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
      detector_.table().prefetch(key_of(kFirstSpoofed + i + 8));
      touch(kFirstSpoofed + i, 0);
    }
    detector_.alerts().clear();
  }
  uint32_t scanners() const {
    uint32_t found = 0;
    for (const auto& scanner : detector_.scanners(kScanners * 2))
      found += scanner.source->state == State::kScanning;
    return found;
  }
  void run(uint32_t count) {
    uint64_t keys[kBatch];
    for (uint32_t done = 0; done < count; done += kBatch) {
      for (uint64_t& key : keys) key = mix(next_++) % kSources;
      for (uint32_t i = 0; i < kBatch; i++) {
        if (i + 8 < kBatch) detector_.table().prefetch(key_of(keys[i + 8]));
        touch(static_cast<uint32_t>(keys[i]), static_cast<uint32_t>(next_ >> 24));
      }
      detector_.alerts().clear();
    }
  }
  Detector& detector() { return detector_; }
  static constexpr uint32_t kBatch = 4096;
  static constexpr uint32_t kFirstScanner = 1u << 30, kFirstSpoofed = 1u << 31;

 private:
  static uint64_t key_of(uint64_t source) { return mix(source, 4); }
  void touch(uint32_t source, uint32_t target, uint16_t port = 443) {
    Touch t{};
    t.source = key_of(source);
    t.target = mix(target, 9);
    t.time = kStart;
    t.port = port;
    t.act = Act::kProbe;
    detector_.touch(t, NoRows());
  }
  Detector detector_;
  uint64_t next_ = 0;
};

Load& load() {
  static Load one;
  return one;
}

void touches(benchmark::State& state) {
  Load& all = load();
  for (auto _ : state) all.run(Load::kBatch);
  state.SetItemsProcessed(state.iterations() * Load::kBatch);
  state.counters["suspects"] = static_cast<double>(all.detector().table().counts().suspects);
  state.counters["tracked"] = static_cast<double>(all.detector().table().counts().tracked);
  state.counters["resident_MiB"] = resident_mib();
}
BENCHMARK(touches);

// While an image is written to nowhere: how much slower, and how much more memory.
void touches_during_snapshots(benchmark::State& state) {
  Load& all = load();
  double most = 0;
  for (auto _ : state) {
    Pages& pages = all.detector().table().pages();
    std::atomic<uint64_t> bytes = 0;
    pages.begin_image(
        [&](uint32_t number, const Page& page) { bytes += encode_page(number, page).size(); });
    std::thread writer([&] { pages.write_image(); });
    all.run(1'000'000);
    most = std::max(most, resident_mib());
    writer.join();
  }
  state.SetItemsProcessed(state.iterations() * 1'000'000);
  state.counters["resident_MiB"] = most;
}
BENCHMARK(touches_during_snapshots)->Iterations(3)->Unit(benchmark::kMillisecond)->UseRealTime();

// A spoofed flood of ten million sources on a table that is full: who was found stays.
void spoofed_flood(benchmark::State& state) {
  Load& all = load();
  const uint32_t before = all.scanners();
  for (auto _ : state) all.flood(kSources);
  state.SetItemsProcessed(state.iterations() * kSources);
  state.counters["scanners_before"] = before;
  state.counters["scanners_after"] = all.scanners();
  state.counters["evicted"] = static_cast<double>(all.detector().table().counts().evicted);
  state.counters["evicted_tracked"] =
      static_cast<double>(all.detector().table().counts().evicted_tracked);
  state.counters["resident_MiB"] = resident_mib();
}
BENCHMARK(spoofed_flood)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
