// SPDX-License-Identifier: Apache-2.0
// TextCodes gives each distinct text of a column a code: 0, 1, 2 in the order of appearance.
// Protocols and flags are few and short, so a small table of texts of up to eight bytes stands in
// front. Not thread-safe.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "glance.h"

namespace nek::csv {

class TextCodes {
 public:
  const std::vector<std::string>& texts() const { return texts_; }

  int32_t code(std::string_view text) {
    const auto found = codes_.find(text);
    if (found != codes_.end()) return found->second;
    const auto code = static_cast<int32_t>(texts_.size());
    codes_.emplace(texts_.emplace_back(text), code);
    return code;
  }
  // Where eight bytes can be read from `text` on, whatever its size.
  int32_t code_of_padded(const char* text, uint32_t size) {
    if (size > 8) return code({text, size});
    const uint64_t key = load<uint64_t>(text) & kFirst[size];
    Short& slot = short_[(key * 0x9E3779B97F4A7C15 ^ size) >> kShift];
    if (slot.key == key && slot.size == size) return slot.code;
    slot = {key, size, code({text, size})};
    return slot.code;
  }

 private:
  static constexpr unsigned kBits = 8, kShift = 64 - kBits;
  struct Short {
    uint64_t key = 0;
    uint32_t size = UINT32_MAX;  // none
    int32_t code = 0;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  std::array<Short, size_t{1} << kBits> short_;  // the last text of each slot
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> codes_;
  std::vector<std::string> texts_;
};

}  // namespace nek::csv
