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
  Gzip() {
    isal_inflate_init(&state_);
    state_.crc_flag = ISAL_GZIP;
  }

 private:
  Begins begins(std::string_view bytes) const override {
    return begins_with(bytes, "\x1f\x8b\x08");
  }
  Status unpack(std::span<const uint8_t> in, std::span<uint8_t> out, Step& done,
                bool& has_ended) override {
    in = in.first(std::min<size_t>(in.size(), kMost));
    out = out.first(std::min<size_t>(out.size(), kMost));
    state_.next_in = const_cast<uint8_t*>(in.data());  // is only read
    state_.avail_in = static_cast<uint32_t>(in.size());
    state_.next_out = out.data();
    state_.avail_out = static_cast<uint32_t>(out.size());
    const int result = isal_inflate(&state_);
    done = {in.size(), out.size() - state_.avail_out};
    if (result < 0) return fail(why(result));  // it may have counted more than there is
    done.taken -= state_.avail_in;
    has_ended = state_.block_state == ISAL_BLOCK_FINISH;
    return {};
  }
  void next_stream() override {
    isal_inflate_reset(&state_);
    state_.crc_flag = ISAL_GZIP;
  }

  static constexpr size_t kMost = std::numeric_limits<uint32_t>::max();

  static std::string why(int result) {
    const bool is_sum = result == ISAL_INCORRECT_CHECKSUM;
    return std::string("the gzip data is damaged") + (is_sum ? ": its checksum is wrong" : "");
  }

  inflate_state state_;
};

}  // namespace

std::unique_ptr<Decompressor> make_gzip() { return std::make_unique<Gzip>(); }

}  // namespace nek
