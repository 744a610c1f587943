// SPDX-License-Identifier: Apache-2.0
// The filters of the main job, each alone, through its shared object: time a row.
#include <benchmark/benchmark.h>

#include <fstream>
#include <random>

#include "bench_host.h"

namespace {

using nek::bench::BenchHost;
using nek::bench::BenchPlugin;
using nek::bench::load;

constexpr uint32_t kRows = 4096;   // a batch
constexpr uint32_t kBatches = 32;  // in turn: more rows than a branch predictor learns

// A filter and the batches that go through it.
class FilterBench : public BenchHost {
 public:
  FilterBench(const std::string& name, std::string_view options)
      : filter_(*this, load("nek-filter-" + name, name, &nek_plugin::filter), options) {}

  // `reads`: the columns that the filter's shape reads, in that order. Valid until the bench's end.
  void add_batch(std::vector<const nek_column*> reads) { batches_.push_back(std::move(reads)); }

  // The next batch through process() and, where there is one, commit(); its rows.
  uint32_t run() {
    const auto& reads = batches_[next_++ % batches_.size()];
    nek_batch batch{};
    batch.rows = reads[0]->rows;
    CallOf one = call(filter_.lane());
    one.batch = &batch;
    one.reads = reads.data();
    output().reset();
    const nek_filter& filter = *filter_.plugin().filter;
    if (filter.process(filter_.self(), &one) != NEK_OK) nek::bench::stop(error());
    if (filter.commit && filter.commit(filter_.self(), &one) != NEK_OK) nek::bench::stop(error());
    return batch.rows;
  }

 private:
  BenchPlugin filter_;
  std::vector<std::vector<const nek_column*>> batches_;
  size_t next_ = 0;
};

const nek_column* texts(nek::Arena& arena, const std::vector<std::string>& values) {
  return &nek::testing::detail::text_column(arena, values);
}

// A dictionary column; codes drawn by weight.
const nek_column* drawn(FilterBench& bench, nek_type type, const nek_dictionary* dictionary,
                        std::discrete_distribution<int>& draw, std::mt19937& random) {
  nek_make make{};
  make.type = type;
  make.rows = kRows;
  make.dictionary = dictionary;
  nek_column* column = nek::make_column(bench.kept(), make);
  for (uint32_t row = 0; row < kRows; row++)
    static_cast<int32_t*>(column->values)[row] = draw(random);
  return column;
}

void run(benchmark::State& state, FilterBench& bench) {
  int64_t rows = 0;
  for (auto _ : state) rows += bench.run();
  state.SetItemsProcessed(rows);
  state.counters["time/row"] = benchmark::Counter(
      static_cast<double>(rows), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void run_codes(benchmark::State& state, const char* name, const std::vector<std::string>& values,
               std::discrete_distribution<int> draw) {
  FilterBench bench(name, "");
  std::mt19937 random(1);
  const auto* dictionary = bench.dictionary(*texts(bench.kept(), values));
  for (uint32_t i = 0; i < kBatches; i++) {
    bench.add_batch({drawn(bench, NEK_DICT_TEXT, dictionary, draw, random)});
  }
  run(state, bench);
}

void proto_map(benchmark::State& state) {
  run_codes(state, "proto_map", {"6", "17", "1", "47"}, {70, 25, 4, 1});
}
void flags(benchmark::State& state) {
  run_codes(state, "flags", {"......S.", "...AP.SF", "........", "...A.R..", "CE....S."},
            {20, 45, 30, 4, 1});
}
void syn_split(benchmark::State& state) {
  run_codes(state, "syn_split", {"......S.", "...AP.SF", "........", "...A.R..", "CE....S."},
            {20, 45, 30, 4, 1});
}

// Addresses of real flows, or what `make` says.
std::vector<std::string> real_addresses(bool v6) {
  std::ifstream file(NEK_BENCH_SOURCE "/plugins/filters/geoip/tests/lookups.txt");
  std::vector<std::string> all;
  for (std::string address, country; file >> address >> country;) {
    if ((address.find(':') != std::string::npos) == v6) all.push_back(address);
  }
  if (all.empty()) nek::bench::stop("no addresses");
  return all;
}
template <class Make>
void geoip(benchmark::State& state, Make make) {
  FilterBench bench(
      "geoip", "{database: " NEK_BENCH_SOURCE
               "/tests/data/geoip/iptoasn-country.mmdb, reload: 0s, fields: {sa: sc, da: dc}}");
  for (uint32_t i = 0; i < kBatches; i++) {
    std::vector<std::string> both[2];
    for (auto& column : both) {
      for (uint32_t row = 0; row < kRows; row++) column.push_back(make());
    }
    bench.add_batch({texts(bench.kept(), both[0]), texts(bench.kept(), both[1])});
  }
  run(state, bench);
}
void geoip_real_v4(benchmark::State& state) {
  std::mt19937 random(1);
  const auto all = real_addresses(false);
  geoip(state, [&] { return all[random() % all.size()]; });
}
void geoip_real_v6(benchmark::State& state) {
  std::mt19937 random(1);
  const auto all = real_addresses(true);
  geoip(state, [&] { return all[random() % all.size()]; });
}
// The worst case for caches: no address twice.
void geoip_random_v4(benchmark::State& state) {
  std::mt19937 random(1);
  geoip(state, [&] {
    const auto a = static_cast<uint32_t>(random());
    return std::to_string(a >> 24) + "." + std::to_string(a >> 16 & 255) + "." +
           std::to_string(a >> 8 & 255) + "." + std::to_string(a & 255);
  });
}
void geoip_load(benchmark::State& state) {
  for (auto _ : state) {
    FilterBench bench("geoip",
                      "{database: " NEK_BENCH_SOURCE
                      "/tests/data/geoip/iptoasn-country.mmdb, reload: 0s, fields: {sa: sc}}");
  }
}

// Flows between addresses of which none comes twice, a fifth of them probes of 1 to 3 packets.
void scan_detect(benchmark::State& state, const char* options) {
  FilterBench bench("scan_detect", options);
  std::mt19937 random(1);
  const auto* protocols = bench.dictionary(*texts(bench.kept(), {"TCP", "UDP", "ICMP"}));
  const auto* flags =
      bench.dictionary(*texts(bench.kept(), {"......S.", "...AP.SF", "........", "...A.R.."}));
  std::discrete_distribution<int> protocol{70, 28, 2}, flag{20, 45, 30, 5};
  const auto address = [&] {
    const auto a = static_cast<uint32_t>(random());
    return std::to_string(a >> 24) + "." + std::to_string(a >> 16 & 255) + "." +
           std::to_string(a >> 8 & 255) + "." + std::to_string(a & 255);
  };
  const auto numbers = [&](nek_type type, uint64_t from, uint64_t below) {
    nek_make make{};
    make.type = type;
    make.rows = kRows;
    nek_column* column = nek::make_column(bench.kept(), make);
    for (uint32_t row = 0; row < kRows; row++)
      static_cast<uint64_t*>(column->values)[row] = from + random() % (below - from);
    return column;
  };
  for (uint32_t i = 0; i < 4 * kBatches; i++) {
    std::vector<std::string> sources, targets;
    for (uint32_t row = 0; row < kRows; row++) {
      sources.push_back(address());
      targets.push_back(address());
    }
    const uint64_t now = 1'767'225'600'000 + uint64_t{i} * 60'000;
    // In the order of FlowColumns::need().
    bench.add_batch({numbers(NEK_TIME, now, now + 60'000), texts(bench.kept(), sources),
                     numbers(NEK_UINT64, 1024, 65536), texts(bench.kept(), targets),
                     numbers(NEK_UINT64, 1, 1024),
                     drawn(bench, NEK_DICT_TEXT, protocols, protocol, random),
                     drawn(bench, NEK_DICT_TEXT, flags, flag, random), numbers(NEK_UINT64, 1, 4),
                     numbers(NEK_UINT64, 40, 41), numbers(NEK_UINT64, 0, 2),
                     texts(bench.kept(), std::vector<std::string>(kRows, "DE"))});
  }
  run(state, bench);
}
BENCHMARK_CAPTURE(scan_detect, defaults, "");
BENCHMARK_CAPTURE(scan_detect, own_networks, "own_networks: [10.0.0.0/8, 192.168.0.0/16]");

BENCHMARK(proto_map);
BENCHMARK(flags);
BENCHMARK(syn_split);
BENCHMARK(geoip_real_v4);
BENCHMARK(geoip_random_v4);
BENCHMARK(geoip_real_v6);
BENCHMARK(geoip_load)->Unit(benchmark::kMillisecond);

}  // namespace
