// SPDX-License-Identifier: Apache-2.0
// The JSON codec on flows as the main job has them: time a record, and bytes a second.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "decoder_bench.h"
#include "nek/testing.hpp"

namespace nek::bench {

namespace {

constexpr uint32_t kRows = 4096;   // a batch
constexpr uint32_t kBatches = 32;  // in turn: more rows than a branch predictor learns
constexpr const char* kFields =
    "fields: [ts, sa, sp, sc, da, dp, dc, byte, pkt, out, pr, flg]\n"
    "time_format: \"%Y-%m-%d %H:%M:%S\"\n";
constexpr const char* kTypes =
    R"({"ts": "time", "sa": "text", "sp": "uint64", "da": "text", "dp": "uint64",)"
    R"( "byte": "uint64", "pkt": "uint64", "out": "uint64", "pr": "dict_text",)"
    R"( "flg": "dict_list", "sc": "dict_text", "dc": "dict_text"})"
    "\n";

class Flows {
 public:
  std::string rows(uint32_t count) {
    std::string text;
    for (uint32_t i = 0; i < count; i++) text += row();
    return text;
  }

 private:
  std::string address() {
    const uint32_t bits = static_cast<uint32_t>(random_());
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8)
      text += (text.empty() ? "" : ".") + std::to_string(bits >> shift & 255);
    return text;
  }
  uint64_t number(uint64_t below) { return random_() % below; }
  template <class T>
  const T& one(const std::vector<T>& of) {
    return of[random_() % of.size()];
  }
  std::string row() {
    static const std::vector<std::string> kFlags = {R"(["S"])", R"(["A","P","S","F"])", "[]",
                                                    R"(["A","R"])"};
    static const std::vector<std::string> kCountries = {"CH", "TR", "US", "CN", "DE", "BR"};
    ms_ += static_cast<int64_t>(number(40));
    const auto text = [](const std::string& name, const std::string& value) {
      return "\"" + name + "\":\"" + value + "\",";
    };
    const auto figure = [](const std::string& name, uint64_t value) {
      return "\"" + name + "\":" + std::to_string(value) + ",";
    };
    return "{" + text("ts", testing::format_time(ms_)) + text("sa", address()) +
           figure("sp", number(65536)) + text("sc", one(kCountries)) + text("da", address()) +
           figure("dp", number(4) ? number(1024) : number(65536)) + text("dc", one(kCountries)) +
           figure("byte", number(3) ? number(2000) : number(10'000'000)) +
           figure("pkt", number(3) ? number(10) : number(5000)) + figure("out", 0) +
           text("pr", number(4) ? "TCP" : "UDP") + "\"flg\":" + one(kFlags) + "}\n";
  }
  std::mt19937_64 random_{1};
  int64_t ms_ = 1'402'360'682'000;
};

// nek_encoded that is reused, as the host does.
struct Block {
  std::vector<uint8_t> bytes = std::vector<uint8_t>(kRows * 512);
  std::vector<uint32_t> ends = std::vector<uint32_t>(kRows);
  nek_encoded c{bytes.data(), 0, bytes.size(), kRows, ends.data()};
};

void report(benchmark::State& state, int64_t rows, int64_t bytes) {
  state.SetItemsProcessed(rows);
  state.SetBytesProcessed(bytes);
  state.counters["time/row"] = benchmark::Counter(
      static_cast<double>(rows), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// Batches that are bound to an encoder, made once.
class EncodeBench {
 public:
  explicit EncodeBench(const std::string& options)
      : plugin_(load("nek-codec-json", "json", &nek_plugin::encoder)),
        encoder_(plugin_, options),
        lane_(plugin_.lane_new(encoder_.self())) {
    Flows flows;
    for (uint32_t i = 0; i < kBatches; i++) {
      auto& call = calls_.emplace_back(encoder_.host().begin_call(&encoder_.shape(), lane_));
      encoder_.host().bind(*call, encoder_.host().batch(*call, kTypes + flows.rows(kRows)));
    }
  }
  ~EncodeBench() { plugin_.lane_free(encoder_.self(), lane_); }
  EncodeBench(const EncodeBench&) = delete;
  EncodeBench& operator=(const EncodeBench&) = delete;

  void run(benchmark::State& state) {
    Block block;
    int64_t rows = 0, bytes = 0;
    for (auto _ : state) {
      block.c.used = 0;
      nek_call* call = calls_[static_cast<size_t>(rows / kRows) % kBatches].get();
      plugin_.encoder->encode(encoder_.self(), call, nullptr, &block.c);
      rows += kRows;
      bytes += static_cast<int64_t>(block.c.used);
    }
    report(state, rows, bytes);
  }

 private:
  const nek_plugin& plugin_;
  testing::Encoder encoder_;
  void* lane_;
  std::vector<std::unique_ptr<testing::Host::CallOf>> calls_;
};

void json_encode(benchmark::State& state) {
  static EncodeBench bench(kFields);
  bench.run(state);
}
void json_encode_all_columns(benchmark::State& state) {
  static EncodeBench bench("");
  bench.run(state);
}

void decode(benchmark::State& state, const char* options) {
  DecoderBench bench(load("nek-codec-json", "json", &nek_plugin::decoder), options);
  Flows flows;
  int64_t size = 0;
  for (uint32_t i = 0; i < kBatches; i++) {
    std::string chunk = flows.rows(kRows);
    size += static_cast<int64_t>(chunk.size());
    bench.add_chunk(std::move(chunk));
  }
  int64_t rows = 0;
  for (auto _ : state) rows += bench.decode();
  report(state, rows, state.iterations() * size / kBatches);
}
void json_decode(benchmark::State& state) {
  decode(state,
         "columns: {ts: time, sa: text, sp: uint64, sc: dict, da: text, dp: uint64, dc: dict, "
         "byte: uint64, pkt: uint64, out: uint64, pr: dict, flg: list}\n");
}
void json_decode_all_keys(benchmark::State& state) { decode(state, ""); }

BENCHMARK(json_encode);
BENCHMARK(json_encode_all_columns);
BENCHMARK(json_decode);
BENCHMARK(json_decode_all_keys);

}  // namespace

}  // namespace nek::bench
