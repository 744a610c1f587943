// SPDX-License-Identifier: Apache-2.0
#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <limits>
#include <string>

#include "decompress.h"

namespace nek {

namespace {

// ISA-L: twice the speed of zlib.
class Gzip : public Decompressor {
 public:
  Gzip() { isal_inflate_init(&state_); }

  Result<Step> step(std::span<const uint8_t> in, std::span<uint8_t> out) override {
    in = in.first(std::min<size_t>(in.size(), kMost));
    out = out.first(std::min<size_t>(out.size(), kMost));
    state_.next_in = const_cast<uint8_t*>(in.data());  // is only read
    state_.avail_in = static_cast<uint32_t>(in.size());
    state_.next_out = out.data();
    state_.avail_out = static_cast<uint32_t>(out.size());
    while (state_.avail_out > 0 && (state_.avail_in > 0 || !may_end_)) {
      const uint32_t had_in = state_.avail_in, had_out = state_.avail_out;
      if (may_end_) next_member();
      const int result = isal_inflate(&state_);
      if (result < 0) return fail(why(result));
      may_end_ = state_.block_state == ISAL_BLOCK_FINISH;
      if (state_.avail_in == had_in && state_.avail_out == had_out) break;
    }
    return Step{in.size() - state_.avail_in, out.size() - state_.avail_out};
  }
  bool may_end() const override { return may_end_; }

 private:
  static constexpr size_t kMost = std::numeric_limits<uint32_t>::max();

  void next_member() {
    isal_inflate_reset(&state_);
    state_.crc_flag = ISAL_GZIP;
    may_end_ = false;
  }
  static std::string why(int result) {
    switch (result) {
      case ISAL_INCORRECT_CHECKSUM: return "the gzip data is damaged: its checksum is wrong";
      case ISAL_INVALID_WRAPPER: return "what follows the gzip data is no gzip data";
      default: return "the gzip data is damaged";
    }
  }

  inflate_state state_;
  bool may_end_ = true;  // before the first member, and behind each
};

}  // namespace

std::unique_ptr<Decompressor> make_gzip() { return std::make_unique<Gzip>(); }

}  // namespace nek
