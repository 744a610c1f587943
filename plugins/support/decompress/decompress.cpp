// SPDX-License-Identifier: Apache-2.0
#include "decompress.h"

namespace nek {

std::unique_ptr<Decompressor> make_decompressor(std::string_view head) {
  if (head.starts_with("\x1f\x8b\x08")) return make_gzip();
  if (head.starts_with("\x28\xb5\x2f\xfd")) return make_zstd();
  const bool is_bzip2 = head.starts_with("BZh") && head.size() >= kMagicBytes && head[3] >= '1' &&
                        head[3] <= '9' && (head[4] == '\x31' || head[4] == '\x17');
  return is_bzip2 ? make_bzip2() : nullptr;
}

}  // namespace nek
