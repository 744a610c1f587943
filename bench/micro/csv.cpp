// SPDX-License-Identifier: Apache-2.0
// The csv decoder on flows as nfdump prints them, on quoted rows and on numbers, 1 MiB a chunk.
// Flows are those of the input `generate`, so that every run has the same.
#include <benchmark/benchmark.h>

#include <string>

#include "decoder_bench.h"

namespace nek::bench {

namespace {

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
  DecoderBench bench(load("nek-codec-csv", "csv", &nek_plugin::decoder), options);
  bench.add_chunk(bytes);
  int64_t rows = 0;
  for (auto _ : state) rows += bench.decode();
  state.SetItemsProcessed(rows);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}
void frame(benchmark::State& state, const char* options, const std::string& bytes) {
  DecoderBench bench(load("nek-codec-csv", "csv", &nek_plugin::decoder), options);
  bench.add_chunk(bytes);
  for (auto _ : state) benchmark::DoNotOptimize(bench.frame());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
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
