// SPDX-License-Identifier: Apache-2.0
// Decompressor: packed bytes back to what they were, piece by piece; gzip, zstd and bzip2.
// Files are often packed where they are kept, and unpacking here saves a copy on disk.
// Not thread-safe.
#pragma once
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

  // Goes on until the input is empty or the output full. Where one stream ends another may follow.
  virtual Result<Step> step(std::span<const uint8_t> in, std::span<uint8_t> out) = 0;
  // Whether the input is whole if nothing follows.
  virtual bool may_end() const = 0;
};

// By the first bytes of a file, at least kMagicBytes where it has as many; nullptr: it is not
// packed.
constexpr size_t kMagicBytes = 6;
std::unique_ptr<Decompressor> make_decompressor(std::string_view head);

std::unique_ptr<Decompressor> make_gzip();
std::unique_ptr<Decompressor> make_zstd();
std::unique_ptr<Decompressor> make_bzip2();

}  // namespace nek
