// SPDX-License-Identifier: Apache-2.0
// What the csv decoder and the encoders are made of, each alone: finding fields, parsing numbers
// and times, writing numbers and times.
#include <benchmark/benchmark.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "codecs/csv/glance.h"
#include "codecs/csv/numbers.h"
#include "codecs/csv/scan.h"
#include "digits.h"
#include "nek/arena.hpp"
#include "time_format.h"

namespace nek::csv {

namespace {

constexpr size_t kCount = 65536;  // more than a branch predictor learns

// Flows in nfdump's form, the digits drawn; 64 bytes behind them can be read.
std::string rows() {
  std::mt19937 random(1);
  std::string text;
  const auto padded = [&](uint64_t number, size_t width) {
    const std::string digits = std::to_string(number);
    return std::string(width - std::min(width, digits.size()), ' ') + digits;
  };
  const auto address = [&] {
    std::string out;
    for (int i = 0; i < 4; i++) out += (i ? "." : "") + std::to_string(random() % 256);
    return std::string(15 - out.size(), ' ') + out;
  };
  while (text.size() < (size_t{1} << 20)) {
    text += "2014-06-10 00:00:" + std::to_string(10 + random() % 50) + ".123, " + address() + ", " +
            padded(random() % 65536, 5) + ", " + address() + ", " + padded(random() % 65536, 5) +
            ", " + padded(random() % 100'000, 7) + ", " + padded(random() % 100, 6) +
            ",    7, 6  " + ", .AP.SF\n";
  }
  return text + std::string(Arena::kPadding, '\0');
}

void scan_rows(benchmark::State& state) {
  const auto units = bitmap_units();
  const auto at = static_cast<size_t>(state.range(0));
  if (at >= units.size()) {
    state.SkipWithError("this processor has no such unit");
    return;
  }
  const std::string text = rows();
  const auto size = static_cast<uint32_t>(text.size() - Arena::kPadding);
  Index index;
  for (auto _ : state) {
    index.clear();
    scan(text.data(), 0, size, {',', false}, units[at], index);
    benchmark::DoNotOptimize(index.records.data());
  }
  state.SetBytesProcessed(state.iterations() * size);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(index.records.size()));
}

// Texts one behind the other, each with its end.
struct Texts {
  std::string all = std::string(8, ' ');  // glance_number() reads eight bytes before an end
  std::vector<std::pair<uint32_t, uint32_t>> spans;

  void add(const std::string& text) {
    const auto begin = static_cast<uint32_t>(all.size());
    all += text;
    spans.emplace_back(begin, static_cast<uint32_t>(all.size()));
  }
};

void parse_numbers(benchmark::State& state) {
  std::mt19937 random(1);
  Texts texts;
  constexpr std::array<uint32_t, 4> kBelow = {10, 1000, 65536, 10'000'000};
  for (size_t i = 0; i < kCount; i++) {
    const std::string digits = std::to_string(random() % kBelow[random() % kBelow.size()]);
    texts.add(std::string(7 - std::min<size_t>(7, digits.size()), ' ') + digits);
  }
  const NumbersReader read = numbers_readers().back();
  std::vector<uint64_t> last_eight(kCount), values(kCount), wrong(kCount);
  for (auto _ : state) {
    uint64_t sum = 0;
    for (size_t i = 0; i < kCount; i++)
      last_eight[i] = number_text(texts.all.data(), texts.spans[i].first, texts.spans[i].second);
    read(last_eight.data(), kCount, values.data(), wrong.data());
    for (const uint64_t value : values) sum += value;
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kCount));
}

void parse_times(benchmark::State& state) {
  std::mt19937 random(1);
  Texts texts;
  const TimeFormat format = *TimeFormat::compile("%Y-%m-%d %H:%M:%S.%L");
  TimeFormat::Cache cache;
  int64_t ms = 1'402'358'400'000;
  std::array<char, 64> text{};
  for (size_t i = 0; i < kCount; i++) {
    ms += random() % 8;
    const char* end = format.write(text.data(), ms, cache);
    texts.add({static_cast<const char*>(text.data()), end});
  }
  texts.all += std::string(Arena::kPadding, '\0');
  for (auto _ : state) {
    MinuteCache dates;
    int64_t sum = 0, value = 0;
    for (const auto& [begin, end] : texts.spans)
      sum += glance_time(texts.all.data() + begin, end - begin, dates, value) ? value : 0;
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kCount));
}

void write_numbers(benchmark::State& state) {
  std::mt19937 random(1);
  std::vector<uint64_t> numbers(kCount);
  for (uint64_t& number : numbers) number = random() % (random() % 2 ? 65536 : 100);
  std::array<char, kMaxDigits + kDigitsOverrun> text{};
  for (auto _ : state) {
    for (const uint64_t number : numbers)
      benchmark::DoNotOptimize(write_unsigned(text.data(), number));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kCount));
}

void write_many_numbers(benchmark::State& state) {
  std::mt19937 random(1);
  std::vector<uint64_t> numbers(kCount + 8);
  for (uint64_t& number : numbers) number = random() % (random() % 2 ? 65536 : 100);
  ShortNumbers shorts{};
  for (auto _ : state) {
    for (size_t at = 0; at < kCount; at += ShortNumbers::kMost)
      benchmark::DoNotOptimize(shorts.set(numbers.data() + at, ShortNumbers::kMost));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kCount));
}

void write_times(benchmark::State& state, uint32_t span_ms) {
  std::mt19937 random(1);
  std::vector<int64_t> times(kCount);
  int64_t ms = 1'402'358'400'000;
  for (int64_t& time : times) time = (ms += random() % 8) - random() % span_ms;
  const TimeFormat format = *TimeFormat::compile("%Y-%m-%d %H:%M:%S");
  TimeFormat::Cache cache;
  std::array<char, 64> text{};
  for (auto _ : state) {
    for (const int64_t time : times)
      benchmark::DoNotOptimize(format.write(text.data(), time, cache));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kCount));
}
// In order, and as begins of flows are that come in the order of their ends.
void write_times_in_order(benchmark::State& state) { write_times(state, 1); }
void write_times_of_a_minute(benchmark::State& state) { write_times(state, 60'000); }

BENCHMARK(scan_rows)->DenseRange(0, 2)->ArgName("unit");
BENCHMARK(parse_numbers);
BENCHMARK(parse_times);
BENCHMARK(write_numbers);
BENCHMARK(write_many_numbers);
BENCHMARK(write_times_in_order);
BENCHMARK(write_times_of_a_minute);

}  // namespace

}  // namespace nek::csv
