// SPDX-License-Identifier: Apache-2.0
#include <isa-l.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "compress.h"

namespace nek {
namespace {

constexpr uint32_t kLevel = 2;

class Deflate {
 public:
  explicit Deflate(std::string& out) : out_(out), levels_(ISAL_DEF_LVL2_DEFAULT) {
    isal_deflate_init(&z_);
    z_.level = kLevel;
    z_.level_buf = levels_.data();
    z_.level_buf_size = static_cast<uint32_t>(levels_.size());
    z_.gzip_flag = IGZIP_GZIP;
  }

  bool add(std::string_view piece) {
    constexpr size_t kMost = std::numeric_limits<uint32_t>::max();
    for (; !piece.empty(); piece.remove_prefix(std::min(piece.size(), kMost))) {
      z_.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(piece.data()));
      z_.avail_in = static_cast<uint32_t>(std::min(piece.size(), kMost));
      while (z_.avail_in > 0) {
        if (!run()) return false;
      }
    }
    return true;
  }
  bool finish() {
    z_.end_of_stream = 1;
    while (z_.internal_state.state != ZSTATE_END) {
      if (!run()) return false;
    }
    return true;
  }

 private:
  bool run() {
    constexpr size_t kRoom = size_t{64} << 10;
    const size_t used = out_.size();
    out_.resize(used + kRoom);
    z_.next_out = reinterpret_cast<uint8_t*>(out_.data() + used);
    z_.avail_out = kRoom;
    const int result = isal_deflate(&z_);
    out_.resize(used + kRoom - z_.avail_out);
    return result == COMP_OK;
  }

  std::string& out_;
  std::vector<uint8_t> levels_;
  isal_zstream z_{};
};

}  // namespace

Status append_gzip(std::span<const std::string_view> pieces, std::string& out) {
  const auto deflate = std::make_unique<Deflate>(out);  // too large for a thread's stack
  bool good = true;
  for (const std::string_view piece : pieces) good = good && deflate->add(piece);
  return good && deflate->finish() ? Status() : fail("cannot compress with ISA-L");
}

}  // namespace nek
