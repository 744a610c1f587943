// SPDX-License-Identifier: Apache-2.0
// Chain: the main job from a chunk of CSV to encoded records, again and again, on one thread.
// How the stages are called is a parameter, so that one can measure what the way of calling costs.
// Not thread-safe.
#pragma once
#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "decoder_bench.h"

namespace nek::bench {

constexpr std::array<const char*, 6> kChainOptions = {
    "format: nfdump",
    "",
    "",
    "{database: " NEK_BENCH_SOURCE
    "/tests/data/geoip/iptoasn-country.mmdb, reload: 0s, fields: {sa: sc, da: dc}, unknown: ''}",
    "",
    "{fields: [ts, sa, sp, sc, da, dp, dc, byte, pkt, out, pr, flg], "
    "time_format: '%Y-%m-%d %H:%M:%S'}",
};
constexpr size_t kDecoder = 0, kEncoder = kChainOptions.size() - 1;  // filters stand between them

// Steps: made from a BenchHost&; stage(i): its BenchPlugin; decode(call, chunk),
// process(i, call) and encode(call, encoded).
template <class Steps>
class Chain : public BenchHost {
 public:
  explicit Chain(std::string flows)
      : steps_(*this), chunk_(steps_.stage(kDecoder), std::move(flows)) {
    set_chunk(chunk_.bytes());
    std::map<std::string, size_t> slots;  // where the newest column of each name is
    for (size_t i = 0; i < kChainOptions.size(); i++) {
      const nek_shape& shape = steps_.stage(i).shape();
      for (uint32_t n = 0; n < shape.need_count; n++)
        reads_[i].push_back(slots.at(shape.reads[n].name));
      const uint32_t adds = shape.stream_count ? shape.streams[0].add_count : 0;
      for (uint32_t n = 0; n < adds; n++) {
        slots[shape.streams[0].adds[n].name] = columns_.size();
        adds_[i].push_back(columns_.size());
        columns_.push_back(nullptr);
      }
    }
    bytes_.resize(size_t{chunk_.size()} * 4);
    ends_.resize(chunk_.size() / 16);
  }

  // One chunk; how many records.
  uint32_t run() {
    output().reset();
    rows_ = 0;
    CallOf decoding = call(steps_.stage(kDecoder).lane());
    steps_.decode(decoding, chunk_.c());
    nek_batch batch{};
    batch.rows = rows_;
    std::vector<const nek_column*> reads;
    for (size_t i = kDecoder + 1; i <= kEncoder; i++) {
      reads.clear();
      for (const size_t slot : reads_[i]) reads.push_back(columns_[slot]);
      CallOf one = call(steps_.stage(i).lane(), i);
      one.batch = &batch;
      one.reads = reads.data();
      if (i < kEncoder) {
        steps_.process(i, one);
      } else {
        encoded_ = {bytes_.data(), 0, bytes_.size(), rows_, ends_.data()};
        steps_.encode(one, encoded_);
      }
    }
    return rows_;
  }
  std::string_view encoded() const {
    return {reinterpret_cast<const char*>(encoded_.data), encoded_.used};
  }
  uint32_t chunk_size() const { return chunk_.size(); }

 private:
  void decoded(const nek_schema& schema, uint32_t rows, const nek_column* const* columns) override {
    if (rows_ || schema.count != adds_[kDecoder].size()) stop("the chunk is not of one form");
    rows_ = rows;
    for (uint32_t n = 0; n < schema.count; n++) columns_[adds_[kDecoder][n]] = columns[n];
  }
  void emitted(size_t stage, const nek_column* const* added) override {
    for (size_t n = 0; n < adds_[stage].size(); n++) columns_[adds_[stage][n]] = added[n];
  }

  Steps steps_;
  BenchChunk chunk_;
  std::vector<const nek_column*> columns_;  // all that are made, by slot
  std::array<std::vector<size_t>, kChainOptions.size()> reads_, adds_;  // slots
  std::vector<uint8_t> bytes_;
  std::vector<uint32_t> ends_;
  nek_encoded encoded_{};
  uint32_t rows_ = 0;
};

}  // namespace nek::bench
