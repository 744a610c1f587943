// SPDX-License-Identifier: Apache-2.0
// Decompressor: packed bytes back to what they were, piece by piece; gzip, zstd and bzip2.
// Files are often packed where they are kept, and unpacking here saves a copy on disk.
// Not thread-safe.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "nek/status.hpp"

namespace nek {

class Decompressor {
 public:
  // How much of the input was taken, and how much of the output written.
  struct Step {
    size_t taken = 0, made = 0;
  };

  Decompressor() = default;
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  virtual ~Decompressor() = default;

  // Goes on until the input is empty or the output full. Where one stream ends another may follow;
  // what follows and is none is passed over, as gzip and bzip2 do.
  Result<Step> step(std::span<const uint8_t> in, std::span<uint8_t> out);
  // Whether the input is whole if nothing follows.
  bool may_end() const { return is_between_; }
  // Whether other bytes than zeros, with which tapes are filled up, followed and were passed over.
  bool passed_over() const { return garbage_ || (is_between_ && begun_ > 0); }

 protected:
  static constexpr size_t kMostMagic = 5;
  enum class Begins : uint8_t { kNo, kPerhaps, kYes };  // perhaps: there are too few bytes yet

  // Goes on within one stream, up to its end. Of an error `done` is what came before it.
  virtual Status unpack(std::span<const uint8_t> in, std::span<uint8_t> out, Step& done,
                        bool& has_ended) = 0;
  virtual void next_stream() = 0;
  // Whether a stream begins with these, up to kMostMagic bytes.
  virtual Begins begins(std::string_view bytes) const = 0;
  // By a magic of which all bytes have to be there.
  static Begins begins_with(std::string_view bytes, std::string_view magic) {
    if (!bytes.starts_with(magic.substr(0, bytes.size()))) return Begins::kNo;
    return bytes.size() >= magic.size() ? Begins::kYes : Begins::kPerhaps;
  }

 private:
  size_t take_begin(std::span<const uint8_t> in);
  Status unpack_some(std::span<const uint8_t> in, std::span<uint8_t> out, Step& all);

  bool is_between_ = true;  // before the first stream, and behind each
  bool is_over_ = false;    // no stream comes any more
  bool garbage_ = false;
  std::array<uint8_t, kMostMagic> begin_{};  // of what may be a stream, or is one, not unpacked yet
  size_t begun_ = 0;
  Status error_;  // told when what came before it was
};

// By the first bytes of a file, at least kMagicBytes where it has as many; nullptr: it is not
// packed.
constexpr size_t kMagicBytes = 6;
std::unique_ptr<Decompressor> make_decompressor(std::string_view head);

std::unique_ptr<Decompressor> make_gzip();
std::unique_ptr<Decompressor> make_zstd();
std::unique_ptr<Decompressor> make_bzip2();

}  // namespace nek
