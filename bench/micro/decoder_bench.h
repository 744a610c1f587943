// SPDX-License-Identifier: Apache-2.0
// BenchChunk and DecoderBench: bytes as the host hands them to a decoder, decoded again and again.
// They stand apart from BenchHost because benchmarks of filters and encoders need no chunk.
// Not thread-safe.
#pragma once
#include <algorithm>
#include <string>
#include <utility>

#include "bench_host.h"

namespace nek::bench {

constexpr size_t kChunk = size_t{1} << 20;

// A chunk of flows of the input `generate`, whole lines.
inline std::string flows(std::string_view options) {
  testing::Input input(load("nek-input-generate", "generate", &nek_plugin::input), options);
  std::string bytes = input.read(kChunk).segments.at(0).bytes;
  bytes.resize(bytes.rfind('\n') + 1);
  return bytes;
}

// A source that consists of one chunk.
class BenchChunk {
 public:
  BenchChunk(const BenchPlugin& decoder, std::string bytes)
      : decoder_(decoder),
        size_(static_cast<uint32_t>(bytes.size())),
        bytes_(std::move(bytes) + std::string(Arena::kPadding, '\0')) {
    source_.size = sizeof source_;
    const nek_text head = {bytes_.data(), std::min<size_t>(size_, 4096)};
    const auto open = decoder_.plugin().decoder->source_open;
    if (open && open(decoder_.self(), &source_, head) != NEK_OK) stop("no such source");
    segment_ = {&source_, 0, 0, size_};
    chunk_.size = sizeof chunk_;
    chunk_.data = reinterpret_cast<uint8_t*>(bytes_.data());
    chunk_.capacity = chunk_.used = size_;
    chunk_.segments = &segment_;
    chunk_.segment_count = chunk_.segment_capacity = 1;
    chunk_.utf8 = true;
  }
  ~BenchChunk() {
    const auto close = decoder_.plugin().decoder->source_close;
    if (close) close(decoder_.self(), &source_);
  }
  BenchChunk(const BenchChunk&) = delete;
  BenchChunk& operator=(const BenchChunk&) = delete;

  const nek_chunk& c() const { return chunk_; }
  nek_buffer bytes() const { return {chunk_.data, size_}; }
  nek_source* source() { return &source_; }
  uint32_t size() const { return size_; }

 private:
  const BenchPlugin& decoder_;
  uint32_t size_;
  std::string bytes_;
  nek_source source_{};
  nek_segment segment_{};
  nek_chunk chunk_{};
};

class DecoderBench : public BenchHost {
 public:
  DecoderBench(const nek_plugin& plugin, std::string_view options)
      : decoder_(*this, plugin, options) {}

  // Chunks are decoded in turn: more rows than a branch predictor learns.
  void add_chunk(std::string bytes) { chunks_.emplace_back(decoder_, std::move(bytes)); }

  size_t frame() {
    BenchChunk& chunk = chunks_[next_++ % chunks_.size()];
    const nek_buffer bytes = chunk.bytes();
    return decoder_.plugin().decoder->frame(decoder_.self(), chunk.source(),
                                            {reinterpret_cast<const char*>(bytes.data), bytes.size},
                                            false);
  }
  // How many records came out.
  uint32_t decode() {
    const BenchChunk& chunk = chunks_[next_++ % chunks_.size()];
    set_chunk(chunk.bytes());
    output().reset();
    rows_ = 0;
    CallOf one = call(decoder_.lane());
    if (decoder_.plugin().decoder->decode(decoder_.self(), &one, &chunk.c()) != NEK_OK)
      stop(error());
    return rows_;
  }

 private:
  void decoded(const nek_schema&, uint32_t rows, const nek_column* const*) override {
    rows_ += rows;
  }

  BenchPlugin decoder_;
  std::deque<BenchChunk> chunks_;
  size_t next_ = 0;
  uint32_t rows_ = 0;
};

}  // namespace nek::bench
