// SPDX-License-Identifier: Apache-2.0
#include <zstd.h>

#include <new>
#include <string>

#include "decompress.h"

namespace nek {

namespace {

class Zstd : public Decompressor {
 public:
  Zstd() {
    if (!context_) throw std::bad_alloc();
  }

 private:
  // Of a frame, or of one that is passed over.
  Begins begins(std::string_view bytes) const override {
    if (bytes[0] >= '\x50' && bytes[0] <= '\x5f')
      return begins_with(bytes.substr(1), "\x2a\x4d\x18");
    return begins_with(bytes, "\x28\xb5\x2f\xfd");
  }
  Status unpack(std::span<const uint8_t> in, std::span<uint8_t> out, Step& done,
                bool& has_ended) override {
    ZSTD_inBuffer from = {in.data(), in.size(), 0};
    ZSTD_outBuffer to = {out.data(), out.size(), 0};
    const size_t left = ZSTD_decompressStream(context_.get(), &to, &from);
    done = {from.pos, to.pos};
    if (ZSTD_isError(left))
      return fail(std::string("the zstd data is damaged: ") + ZSTD_getErrorName(left));
    has_ended = left == 0;
    return {};
  }
  void next_stream() override {}  // it goes on by itself

  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<ZSTD_DCtx, Free> context_{ZSTD_createDCtx()};
};

}  // namespace

std::unique_ptr<Decompressor> make_zstd() { return std::make_unique<Zstd>(); }

}  // namespace nek
