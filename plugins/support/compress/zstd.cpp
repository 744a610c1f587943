// SPDX-License-Identifier: Apache-2.0
#include <zstd.h>

#include <memory>

#include "compress.h"

namespace nek {
namespace {

struct Free {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
using Context = std::unique_ptr<ZSTD_CCtx, Free>;

// What is left to be written, or zstd's error.
size_t run(ZSTD_CCtx& context, ZSTD_inBuffer& in, ZSTD_EndDirective end, std::string& out) {
  const size_t used = out.size();
  out.resize(used + ZSTD_CStreamOutSize());
  ZSTD_outBuffer buffer = {out.data() + used, ZSTD_CStreamOutSize(), 0};
  const size_t left = ZSTD_compressStream2(&context, &buffer, &in, end);
  out.resize(used + buffer.pos);
  return left;
}

Status error(size_t code) {
  return fail(std::string("cannot compress with zstd: ") + ZSTD_getErrorName(code));
}

}  // namespace

Status append_zstd(std::span<const std::string_view> pieces, std::string& out) {
  const Context context(ZSTD_createCCtx());
  if (!context) return fail("cannot compress with zstd: out of memory");
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  for (const std::string_view piece : pieces) {
    ZSTD_inBuffer in = {piece.data(), piece.size(), 0};
    while (in.pos < in.size) {
      const size_t left = run(*context, in, ZSTD_e_continue, out);
      if (ZSTD_isError(left)) return error(left);
    }
  }
  ZSTD_inBuffer none = {nullptr, 0, 0};
  for (size_t left = 1; left != 0;) {
    left = run(*context, none, ZSTD_e_end, out);
    if (ZSTD_isError(left)) return error(left);
  }
  return {};
}

}  // namespace nek
