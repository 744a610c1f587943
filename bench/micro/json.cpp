// SPDX-License-Identifier: Apache-2.0
// The JSON codec on flows as the main job has them: time a record, and bytes a second.
#include <benchmark/benchmark.h>
#include <dlfcn.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "bench_host.h"
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

// The encoder and the decoder have one name.
const nek_plugin& plugin(bool encoder) {
  static const auto* entry = [] {
    const std::string path = std::string(NEK_BENCH_PLUGINS) + "/nek-codec-json.so";
    void* object = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!object) stop(dlerror());
    return static_cast<const nek_entry*>(dlsym(object, "nek_plugin_entry"));
  }();
  const auto* list = static_cast<const nek_plugin* const*>(entry->get_factory(NEK_PLUGINS));
  while (!(*list)->encoder == encoder) list++;
  return **list;
}

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
  state.counters["ns/row"] = benchmark::Counter(
      static_cast<double>(rows) * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// Batches that are bound to an encoder, made once.
class EncodeBench {
 public:
  explicit EncodeBench(const std::string& options)
      : encoder_(plugin(true), options), lane_(plugin(true).lane_new(encoder_.self())) {
    Flows flows;
    for (uint32_t i = 0; i < kBatches; i++) {
      auto& call = calls_.emplace_back(encoder_.host().begin_call(&encoder_.shape(), lane_));
      encoder_.host().bind(*call, encoder_.host().batch(*call, kTypes + flows.rows(kRows)));
    }
  }
  ~EncodeBench() { plugin(true).lane_free(encoder_.self(), lane_); }
  EncodeBench(const EncodeBench&) = delete;
  EncodeBench& operator=(const EncodeBench&) = delete;

  void run(benchmark::State& state) {
    Block block;
    int64_t rows = 0, bytes = 0;
    for (auto _ : state) {
      block.c.used = 0;
      nek_call* call = calls_[static_cast<size_t>(rows / kRows) % kBatches].get();
      plugin(true).encoder->encode(encoder_.self(), call, nullptr, &block.c);
      rows += kRows;
      bytes += static_cast<int64_t>(block.c.used);
    }
    report(state, rows, bytes);
  }

 private:
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

// A decoder, and a host that checks nothing.
class DecodeBench {
 public:
  explicit DecodeBench(const char* options) : config_(plugin(false).options, options) {
    fill_table();
    if (plugin(false).create(&host_, config_.root(), &self_) != NEK_OK) stop("create");
    nek_start start{};
    start.size = sizeof start;
    if (plugin(false).start(self_, &start) != NEK_OK) stop("start");
    lane_ = plugin(false).lane_new(self_);
    Flows flows;
    for (uint32_t i = 0; i < kBatches; i++)
      chunks_.push_back(flows.rows(kRows) + std::string(Arena::kPadding, '\0'));
  }
  ~DecodeBench() {
    plugin(false).lane_free(self_, lane_);
    plugin(false).destroy(self_);
  }
  DecodeBench(const DecodeBench&) = delete;
  DecodeBench& operator=(const DecodeBench&) = delete;

  void run(benchmark::State& state) {
    int64_t rows = 0, bytes = 0;
    for (auto _ : state) {
      bytes += decode(chunks_[static_cast<size_t>(rows / kRows) % kBatches]);
      rows += kRows;
    }
    report(state, rows, bytes);
  }

 private:
  struct Table : nek_host {
    DecodeBench* owner;
  };
  static DecodeBench& of(const nek_host* host) { return *static_cast<const Table*>(host)->owner; }

  uint32_t decode(std::string& text) {
    const auto size = static_cast<uint32_t>(text.size() - Arena::kPadding);
    nek_segment segment = {&source_, 0, 0, size};
    nek_chunk chunk{};
    chunk.size = sizeof chunk;
    chunk.data = reinterpret_cast<uint8_t*>(text.data());
    chunk.capacity = chunk.used = size;
    chunk.segments = &segment;
    chunk.segment_count = chunk.segment_capacity = 1;
    chunk.utf8 = true;
    chunk_ = {chunk.data, size};
    nek_call call{};
    call.size = sizeof call;
    call.host = &host_;
    call.lane = lane_;
    output_.reset();
    rows_ = 0;
    plugin(false).decoder->decode(self_, &call, &chunk);
    if (rows_ != kRows) stop("not all records came");
    return size;
  }
  void fill_table() {
    host_.size = sizeof(nek_host);
    host_.owner = this;
    host_.fail = [](const nek_host*, nek_status, nek_text what, const nek_value*) -> nek_status {
      stop(std::string(to_view(what)));
    };
    host_.schema = [](const nek_host* h, const nek_field*, uint32_t count) -> const nek_schema* {
      return &of(h).schemas_.emplace_back(nek_schema{count, nullptr});
    };
    host_.dictionary = [](const nek_host* h, const nek_column* values) -> const nek_dictionary* {
      const nek_column* copy = testing::copy_column(of(h).kept_, *values);
      return &of(h).dictionaries_.emplace_back(nek_dictionary{1, copy});
    };
    host_.dictionary_free = [](const nek_host*, const nek_dictionary*) {};
    host_.memory = [](nek_call* c, size_t bytes) { return of(c->host).output_.allocate(bytes); };
    host_.column = [](nek_call* c, const nek_make* make) {
      return make_column(of(c->host).output_, *make, of(c->host).chunk_);
    };
    host_.decoded = [](nek_call* c, const nek_schema*, uint32_t rows, const nek_column* const*,
                       const nek_span*) { of(c->host).rows_ += rows; };
    host_.refuse_bytes = [](nek_call*, nek_span, const char*, nek_text detail) {
      stop("refused: " + std::string(to_view(detail)));
    };
  }

  testing::Config config_;
  Table host_{};
  Arena output_, kept_;
  nek_buffer chunk_{};
  std::deque<nek_dictionary> dictionaries_;
  std::deque<nek_schema> schemas_;
  nek_source source_{};
  std::vector<std::string> chunks_;
  void* self_ = nullptr;
  void* lane_ = nullptr;
  uint32_t rows_ = 0;
};

void json_decode(benchmark::State& state) {
  static DecodeBench bench(
      "columns: {ts: time, sa: text, sp: uint64, sc: dict, da: text, dp: uint64, dc: dict, "
      "byte: uint64, pkt: uint64, out: uint64, pr: dict, flg: list}\n");
  bench.run(state);
}
void json_decode_all_keys(benchmark::State& state) {
  static DecodeBench bench("");
  bench.run(state);
}

BENCHMARK(json_encode);
BENCHMARK(json_encode_all_columns);
BENCHMARK(json_decode);
BENCHMARK(json_decode_all_keys);

}  // namespace

}  // namespace nek::bench
