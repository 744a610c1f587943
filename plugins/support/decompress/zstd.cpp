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

  Result<Step> step(std::span<const uint8_t> in, std::span<uint8_t> out) override {
    ZSTD_inBuffer from = {in.data(), in.size(), 0};
    ZSTD_outBuffer to = {out.data(), out.size(), 0};
    while (to.pos < to.size) {
      const size_t taken = from.pos, made = to.pos;
      const size_t left = ZSTD_decompressStream(context_.get(), &to, &from);
      if (ZSTD_isError(left)) {
        return fail(std::string("the zstd data is damaged: ") + ZSTD_getErrorName(left));
      }
      may_end_ = left == 0 || (may_end_ && from.pos == taken && to.pos == made);
      if (from.pos == from.size && to.pos == made) break;
    }
    return Step{from.pos, to.pos};
  }
  bool may_end() const override { return may_end_; }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<ZSTD_DCtx, Free> context_{ZSTD_createDCtx()};
  bool may_end_ = true;
};

}  // namespace

std::unique_ptr<Decompressor> make_zstd() { return std::make_unique<Zstd>(); }

}  // namespace nek
