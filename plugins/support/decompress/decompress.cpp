// SPDX-License-Identifier: Apache-2.0
#include "decompress.h"

#include <algorithm>
#include <utility>

namespace nek {

namespace {

bool any(std::span<const uint8_t> bytes) {
  return std::any_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte != 0; });
}

}  // namespace

Result<Decompressor::Step> Decompressor::step(std::span<const uint8_t> in, std::span<uint8_t> out) {
  Step all;
  while (error_.ok() && all.made < out.size()) {
    const Step before = all;
    error_ = unpack_some(in.subspan(all.taken), out.subspan(all.made), all);
    if (all.taken == before.taken && all.made == before.made) break;
  }
  if (!error_.ok() && all.made == 0) return error_;
  return all;
}

Status Decompressor::unpack_some(std::span<const uint8_t> in, std::span<uint8_t> out, Step& all) {
  if (is_over_) {
    garbage_ = garbage_ || any(in);
    all.taken += in.size();
    return {};
  }
  bool has_ended = false;
  Step done;
  Status status;
  if (is_between_) {
    all.taken += take_begin(in);
    const std::span<const uint8_t> begin = std::span(begin_).first(begun_);
    if (is_between_) return {};
    status = unpack(begin, out, done, has_ended);
    begun_ = 0;
    all.made += done.made;
  } else {
    status = unpack(in, out, done, has_ended);
    all.taken += done.taken;
    all.made += done.made;
  }
  if (has_ended) {
    is_between_ = true;
    next_stream();
  }
  return status;
}

// Of what may be the begin of a stream, until it is known to be one, or none.
size_t Decompressor::take_begin(std::span<const uint8_t> in) {
  size_t taken = 0;
  Begins found = Begins::kPerhaps;
  while (found == Begins::kPerhaps && taken < in.size()) {
    begin_[begun_++] = in[taken++];
    found = begins({reinterpret_cast<const char*>(begin_.data()), begun_});
  }
  if (found == Begins::kYes) is_between_ = false;
  if (found == Begins::kNo) {
    is_over_ = true;
    garbage_ = any(std::span(begin_).first(std::exchange(begun_, 0)));
  }
  return taken;
}

std::unique_ptr<Decompressor> make_decompressor(std::string_view head) {
  if (head.starts_with("\x1f\x8b\x08")) return make_gzip();
  if (head.starts_with("\x28\xb5\x2f\xfd")) return make_zstd();
  const bool is_bzip2 = head.starts_with("BZh") && head.size() >= kMagicBytes && head[3] >= '1' &&
                        head[3] <= '9' && (head[4] == '\x31' || head[4] == '\x17');
  return is_bzip2 ? make_bzip2() : nullptr;
}

}  // namespace nek
