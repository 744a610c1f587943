// SPDX-License-Identifier: Apache-2.0
// What the plugin boundary costs: the stages of the main job behind it, as nek loads them, and the
// same stages fused into this program. Here their sources are compiled once more, without -fPIC and
// with link-time optimisation, and their C++ classes are called directly. The host is the same.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "chain.h"
#include "codecs/json/encoder.h"
#include "nek/plugin.hpp"

// The classes of plugins have no names outside of their files. An included file exports nothing,
// and what is called alike in all of them gets a name of its own.
#undef NEK_EXPORT_PLUGINS
#define NEK_EXPORT_PLUGINS(...) static_assert(true)
#include "codecs/csv/csv.cpp"
#define Config ProtoMapConfig
#define kOptions kProtoMapOptions
#include "filters/proto_map/proto_map.cpp"
#undef Config
#undef kOptions
#define Config FlagsConfig
#define kOptions kFlagsOptions
#include "filters/flags/flags.cpp"
#undef Config
#undef kOptions
#define Config GeoipConfig
#define kOptions kGeoipOptions
#include "filters/geoip/geoip.cpp"
#undef Config
#undef kOptions
#define Config SynSplitConfig
#define kOptions kSynSplitOptions
#include "filters/syn_split/syn_split.cpp"
#undef Config
#undef kOptions
#include "codecs/json/json.cpp"

namespace nek::bench {

namespace {

void check(const Status& status) {
  if (!status.ok()) stop(status.message());
}

class PluginSteps {
 public:
  explicit PluginSteps(BenchHost& host)
      : stages_{{{host, load("nek-codec-csv", "csv", &nek_plugin::decoder), kChainOptions[0]},
                 {host, filter("proto_map"), kChainOptions[1]},
                 {host, filter("flags"), kChainOptions[2]},
                 {host, filter("geoip"), kChainOptions[3]},
                 {host, filter("syn_split"), kChainOptions[4]},
                 {host, load("nek-codec-json", "json", &nek_plugin::encoder), kChainOptions[5]}}} {}

  const BenchPlugin& stage(size_t i) const { return stages_[i]; }
  void decode(nek_call& call, const nek_chunk& chunk) const {
    check(Status(
        stages_[kDecoder].plugin().decoder->decode(stages_[kDecoder].self(), &call, &chunk)));
  }
  void process(size_t i, nek_call& call) const {
    check(Status(stages_[i].plugin().filter->process(stages_[i].self(), &call)));
  }
  void encode(nek_call& call, nek_encoded& out) const {
    const BenchPlugin& stage = stages_[kEncoder];
    check(Status(stage.plugin().encoder->encode(stage.self(), &call, nullptr, &out)));
  }

 private:
  static const nek_plugin& filter(const std::string& name) {
    return load("nek-filter-" + name, name, &nek_plugin::filter);
  }
  std::array<BenchPlugin, kChainOptions.size()> stages_;
};

constexpr nek_plugin kCsv = decoder<csv::Decoder, csv::kOptions>({});
constexpr nek_plugin kProtoMap = filter<ProtoMap, kProtoMapOptions>({});
constexpr nek_plugin kFlags = filter<Flags, kFlagsOptions>({});
constexpr nek_plugin kGeoip = filter<Geoip, kGeoipOptions>({});
constexpr nek_plugin kSynSplit = filter<SynSplit, kSynSplitOptions>({});
constexpr nek_plugin kJson = encoder<JsonEncoder, kEncoderOptions>({});

class FusedSteps {
 public:
  explicit FusedSteps(BenchHost& host)
      : stages_{{{host, kCsv, kChainOptions[0]},
                 {host, kProtoMap, kChainOptions[1]},
                 {host, kFlags, kChainOptions[2]},
                 {host, kGeoip, kChainOptions[3]},
                 {host, kSynSplit, kChainOptions[4]},
                 {host, kJson, kChainOptions[5]}}} {}

  const BenchPlugin& stage(size_t i) const { return stages_[i]; }
  void decode(nek_call& c, const nek_chunk& chunk) const {
    Call call(&c);
    check(instance<csv::Decoder>(kDecoder).decode(call, chunk, lane<csv::Decoder>(c)));
  }
  void process(size_t i, nek_call& c) const {
    Call call(&c);
    switch (i) {
      case 1: return check(instance<ProtoMap>(i).process(call, lane<ProtoMap>(c)));
      case 2: return check(instance<Flags>(i).process(call, lane<Flags>(c)));
      case 3: return check(instance<Geoip>(i).process(call, lane<Geoip>(c)));
      default: return check(instance<SynSplit>(i).process(call, lane<SynSplit>(c)));
    }
  }
  void encode(nek_call& c, nek_encoded& out) const {
    Call call(&c);
    Encoded encoded(c.host, &out);
    check(instance<JsonEncoder>(kEncoder).encode(call, encoded, lane<JsonEncoder>(c)));
  }

 private:
  template <class T>
  const T& instance(size_t i) const {
    return static_cast<const detail::Instance<T>*>(stages_[i].self())->plugin;
  }
  template <class T>
  static typename T::Lane& lane(const nek_call& call) {
    return *static_cast<typename T::Lane*>(call.lane);
  }
  std::array<BenchPlugin, kChainOptions.size()> stages_;
};

template <class Steps>
void run(benchmark::State& state, Chain<Steps>& chain) {
  int64_t rows = 0;
  for (auto _ : state) rows += chain.run();
  state.SetItemsProcessed(rows);
  state.SetBytesProcessed(state.iterations() * chain.chunk_size());
}
Chain<PluginSteps>& plugin_chain() {
  static Chain<PluginSteps> chain(flows("rows: 10000"));
  return chain;
}
Chain<FusedSteps>& fused_chain() {
  static Chain<FusedSteps> chain(flows("rows: 10000"));
  return chain;
}

void plugins(benchmark::State& state) { run(state, plugin_chain()); }
void fused(benchmark::State& state) { run(state, fused_chain()); }

BENCHMARK(plugins)->Unit(benchmark::kMicrosecond);
BENCHMARK(fused)->Unit(benchmark::kMicrosecond);

}  // namespace

}  // namespace nek::bench

// A figure only where both write the same.
int main(int argc, char** argv) {
  using namespace nek::bench;
  benchmark::Initialize(&argc, argv);
  plugin_chain().run();
  fused_chain().run();
  if (plugin_chain().encoded() != fused_chain().encoded() || plugin_chain().encoded().empty())
    stop("the plugins and the fused stages write different records");
  benchmark::RunSpecifiedBenchmarks();
}
