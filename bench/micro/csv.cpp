// SPDX-License-Identifier: Apache-2.0
// The csv decoder on flows as nfdump prints them, on quoted rows and on numbers, 1 MiB a chunk.
// Flows are those of the input `generate`, so that every run has the same.
#include <benchmark/benchmark.h>

#include <span>
#include <string>
#include <vector>

#include "bench_host.h"

namespace nek::bench {

namespace {

constexpr size_t kChunk = size_t{1} << 20;

// A decoder, its host, and one chunk that is framed and decoded again and again.
class DecoderBench {
 public:
  DecoderBench(std::string_view options, std::string bytes)
      : plugin_(load("nek-codec-csv", "csv")),
        config_(plugin_.options, options),
        bytes_(std::move(bytes)) {
    size_ = static_cast<uint32_t>(bytes_.size());
    bytes_.resize(size_ + Arena::kPadding);
    fill_table();
    if (plugin_.create(&host_, config_.root(), &self_) != NEK_OK) stop(error_);
    nek_start start{};
    start.size = sizeof start;
    if (plugin_.start(self_, &start) != NEK_OK) stop(error_);
    lane_ = plugin_.lane_new(self_);
    source_.size = sizeof source_;
    const nek_text head = {bytes_.data(), std::min<size_t>(size_, 4096)};
    if (plugin_.decoder->source_open(self_, &source_, head) != NEK_OK) stop(error_);
  }
  ~DecoderBench() {
    plugin_.decoder->source_close(self_, &source_);
    plugin_.lane_free(self_, lane_);
    plugin_.stop(self_);
    plugin_.destroy(self_);
  }
  DecoderBench(const DecoderBench&) = delete;
  DecoderBench& operator=(const DecoderBench&) = delete;

  size_t frame() { return plugin_.decoder->frame(self_, &source_, {bytes_.data(), size_}, false); }
  // How many records came out.
  uint32_t decode() {
    nek_segment segment = {&source_, 0, 0, size_};
    nek_chunk chunk{};
    chunk.size = sizeof chunk;
    chunk.data = reinterpret_cast<uint8_t*>(bytes_.data());
    chunk.capacity = chunk.used = size_;
    chunk.segments = &segment;
    chunk.segment_count = chunk.segment_capacity = 1;
    chunk.utf8 = true;
    chunk_ = {chunk.data, size_};
    CallOf call{};
    call.size = sizeof(nek_call);
    call.host = &host_;
    call.lane = lane_;
    output_.reset();
    rows_ = 0;
    if (plugin_.decoder->decode(self_, &call, &chunk) != NEK_OK) stop(error_);
    return rows_;
  }
  uint32_t size() const { return size_; }

 private:
  struct CallOf : nek_call {};
  struct Table : nek_host {
    DecoderBench* owner;
  };
  static DecoderBench& of(const nek_host* host) { return *static_cast<const Table*>(host)->owner; }

  void fill_table() {
    host_.size = sizeof(nek_host);
    host_.owner = this;
    host_.fail = [](const nek_host* h, nek_status status, nek_text what, const nek_value*) {
      of(h).error_ = to_view(what);
      return status;
    };
    host_.log = [](const nek_host*, int, nek_text) {};
    host_.metric = [](const nek_host*, int, const char*, const char*) -> nek_metric* {
      return nullptr;
    };
    host_.schema = [](const nek_host* h, const nek_field* fields,
                      uint32_t count) -> const nek_schema* {
      return &of(h).schemas_.emplace_back(nek_schema{count, fields});
    };
    host_.dictionary = [](const nek_host* h, const nek_column* values) -> const nek_dictionary* {
      DecoderBench& owner = of(h);
      const nek_column* copy = testing::copy_column(owner.kept_, *values);
      return &owner.dictionaries_.emplace_back(
          nek_dictionary{1 + owner.dictionaries_.size(), copy});
    };
    host_.dictionary_free = [](const nek_host*, const nek_dictionary*) {};
    host_.memory = [](nek_call* c, size_t bytes) { return of(c->host).output_.allocate(bytes); };
    host_.column = [](nek_call* c, const nek_make* make) {
      return make_column(of(c->host).output_, *make, of(c->host).chunk_);
    };
    host_.decoded = [](nek_call* c, const nek_schema*, uint32_t rows, const nek_column* const*,
                       const nek_span*) { of(c->host).rows_ += rows; };
    host_.refuse_bytes = [](nek_call* c, nek_span, const char*, nek_text detail) {
      stop("refused: " + std::string(to_view(detail)) + of(c->host).error_);
    };
  }

  const nek_plugin& plugin_;
  testing::Config config_;
  std::string bytes_;
  uint32_t size_ = 0;
  Table host_{};
  Arena output_, kept_;
  nek_buffer chunk_{};
  std::deque<nek_dictionary> dictionaries_;
  std::deque<nek_schema> schemas_;
  std::string error_;
  void* self_ = nullptr;
  void* lane_ = nullptr;
  nek_source source_{};
  uint32_t rows_ = 0;
};

std::string whole_lines(std::string text) {
  text.resize(text.rfind('\n') + 1);
  return text;
}
std::string flows(const char* options) {
  testing::Input input(load("nek-input-generate", "generate"), options);
  return whole_lines(input.read(kChunk).segments.at(0).bytes);
}
std::string repeated(const std::string& rows) {
  std::string text;
  while (text.size() + rows.size() <= kChunk) text += rows;
  return text;
}
const std::string& numbers() {
  static const std::string kText = repeated("1,22,333,4444,55555,666666,7777777,88888888\n");
  return kText;
}
const std::string& quoted() {
  static const std::string kText = repeated(
      "\"2023-01-25 18:35:43\",\"a quoted, text\",7,\"with \"\"quotes\"\"\",plain\n"
      "2023-01-25 18:35:43,an unquoted text that is longer,12345,x,plain\n");
  return kText;
}

void decode(benchmark::State& state, const char* options, const std::string& bytes) {
  DecoderBench bench(options, bytes);
  int64_t rows = 0;
  for (auto _ : state) rows += bench.decode();
  state.SetItemsProcessed(rows);
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * bench.size());
}
void frame(benchmark::State& state, const char* options, const std::string& bytes) {
  DecoderBench bench(options, bytes);
  for (auto _ : state) benchmark::DoNotOptimize(bench.frame());
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * bench.size());
}

constexpr const char* kTypes =
    "{header: no, columns: {a: uint64, b: uint64, c: uint64, d: uint64, e: uint64, f: uint64, "
    "g: uint64, h: uint64}}";
constexpr const char* kQuoted =
    "{header: no, columns: {a: time, b: text, c: uint64, d: text, e: dict}}";

BENCHMARK_CAPTURE(decode, nfdump, "format: nfdump", flows("rows: 10000"));
BENCHMARK_CAPTURE(decode, nfdump_full_ipv6, "format: nfdump",
                  flows("{rows: 10000, full_ipv6: true}"));
BENCHMARK_CAPTURE(decode, numbers, kTypes, numbers());
BENCHMARK_CAPTURE(decode, quoted, kQuoted, quoted());
BENCHMARK_CAPTURE(frame, nfdump, "format: nfdump", flows("rows: 10000"));
BENCHMARK_CAPTURE(frame, plain, kTypes, numbers());
BENCHMARK_CAPTURE(frame, quoted, kQuoted, quoted());

}  // namespace

}  // namespace nek::bench
