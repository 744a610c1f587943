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

 private:
  Begins begins(std::string_view bytes) const override {
    static constexpr std::string_view kBegin = "BZh";
    if (bytes.size() <= kBegin.size() && kBegin.starts_with(bytes)) return Begins::kPerhaps;
    if (!bytes.starts_with(kBegin) || bytes[3] < '1' || bytes[3] > '9') return Begins::kNo;
    if (bytes.size() == 4) return Begins::kPerhaps;
    return bytes[4] == '\x31' || bytes[4] == '\x17' ? Begins::kYes : Begins::kNo;
  }
  Status unpack(std::span<const uint8_t> in, std::span<uint8_t> out, Step& done,
                bool& has_ended) override {
    in = in.first(std::min<size_t>(in.size(), kMost));
    out = out.first(std::min<size_t>(out.size(), kMost));
    stream_.next_in = reinterpret_cast<char*>(const_cast<uint8_t*>(in.data()));  // is only read
    stream_.avail_in = static_cast<unsigned>(in.size());
    stream_.next_out = reinterpret_cast<char*>(out.data());
    stream_.avail_out = static_cast<unsigned>(out.size());
    const int result = BZ2_bzDecompress(&stream_);
    done = {in.size() - stream_.avail_in, out.size() - stream_.avail_out};
    if (result != BZ_OK && result != BZ_STREAM_END) return fail("the bzip2 data is damaged");
    has_ended = result == BZ_STREAM_END;
    return {};
  }
  void next_stream() override {
    BZ2_bzDecompressEnd(&stream_);
    stream_ = {};
    begin();
  }

  static constexpr size_t kMost = std::numeric_limits<unsigned>::max();

  void begin() {
    if (BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK) throw std::bad_alloc();
  }

  bz_stream stream_{};
};

}  // namespace

std::unique_ptr<Decompressor> make_bzip2() { return std::make_unique<Bzip2>(); }

}  // namespace nek
