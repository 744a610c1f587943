// SPDX-License-Identifier: Apache-2.0
#include <bzlib.h>

#include <algorithm>
#include <limits>
#include <new>

#include "decompress.h"

namespace nek {

namespace {

class Bzip2 : public Decompressor {
 public:
  Bzip2() { begin(); }
  ~Bzip2() override { BZ2_bzDecompressEnd(&stream_); }

  Result<Step> step(std::span<const uint8_t> in, std::span<uint8_t> out) override {
    in = in.first(std::min<size_t>(in.size(), kMost));
    out = out.first(std::min<size_t>(out.size(), kMost));
    stream_.next_in = reinterpret_cast<char*>(const_cast<uint8_t*>(in.data()));  // is only read
    stream_.avail_in = static_cast<unsigned>(in.size());
    stream_.next_out = reinterpret_cast<char*>(out.data());
    stream_.avail_out = static_cast<unsigned>(out.size());
    while (stream_.avail_out > 0 && (stream_.avail_in > 0 || !may_end_)) {
      const unsigned had_in = stream_.avail_in, had_out = stream_.avail_out;
      const int result = BZ2_bzDecompress(&stream_);
      if (result != BZ_OK && result != BZ_STREAM_END) return fail("the bzip2 data is damaged");
      may_end_ = result == BZ_STREAM_END;
      if (may_end_) next_stream();
      if (stream_.avail_in == had_in && stream_.avail_out == had_out) break;
    }
    return Step{in.size() - stream_.avail_in, out.size() - stream_.avail_out};
  }
  bool may_end() const override { return may_end_; }

 private:
  static constexpr size_t kMost = std::numeric_limits<unsigned>::max();

  void begin() {
    if (BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK) throw std::bad_alloc();
  }
  void next_stream() {
    const bz_stream now = stream_;
    BZ2_bzDecompressEnd(&stream_);
    stream_ = {};
    begin();
    stream_.next_in = now.next_in;
    stream_.avail_in = now.avail_in;
    stream_.next_out = now.next_out;
    stream_.avail_out = now.avail_out;
  }

  bz_stream stream_{};
  bool may_end_ = true;  // before the first stream, and behind each
};

}  // namespace

std::unique_ptr<Decompressor> make_bzip2() { return std::make_unique<Bzip2>(); }

}  // namespace nek
