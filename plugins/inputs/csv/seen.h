// SPDX-License-Identifier: Apache-2.0
// Seen: what is kept with the position of a file that was read, so that the next run notices when
// another file with the same beginning stands in its place. Not thread-safe.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "nek/text.hpp"

namespace nek {

struct Seen {
  std::string identity;
  uint64_t size = 0;  // on disk, when it was read to its end; 0: it was not yet
  std::string end;    // FileReader::end_print() of that size

  std::string text() const { return identity + " " + std::to_string(size) + " " + end; }
  // Empty where nothing was kept.
  static Seen parse(std::string_view text) {
    const size_t first = text.find(' '), second = text.find(' ', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return {};
    const auto size = parse_number<uint64_t>(text.substr(first + 1, second - first - 1));
    return {std::string(text.substr(0, first)), size.value_or(0),
            std::string(text.substr(second + 1))};
  }
};

}  // namespace nek
