// SPDX-License-Identifier: Apache-2.0
// TextCodes gives each distinct text of a column a code: 0, 1, 2 in the order of appearance.
// Protocols and flags are few and short, so a small table stands in front: of fields as they are in
// the file, with the blanks around them, which then need not be found. Not thread-safe.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "glance.h"
#include "parse.h"

namespace nek::csv {

class TextCodes {
 public:
  using Accepts = bool (*)(std::string_view);
  explicit TextCodes(Accepts accepts = nullptr) : accepts_(accepts) {}

  const std::vector<std::string>& texts() const { return texts_; }

  int32_t code(std::string_view text) {
    const auto found = codes_.find(text);
    if (found != codes_.end()) return found->second;
    const auto code = static_cast<int32_t>(texts_.size());
    codes_.emplace(texts_.emplace_back(text), code);
    return code;
  }
  // Of a field, of which sixteen bytes can be read whatever its size; `trims`: blanks around it do
  // not count. kNone where nothing is left of it, or it is not accepted.
  int32_t code_of_field(const char* text, uint32_t size, bool trims) {
    if (size > kShort) [[unlikely]]
      return code_of_text({text, size}, trims);
    const auto [first, rest] = Sixteen::of(text, size);
    Short& slot = short_[(first ^ rest * kMixer) * kMixer >> kShift];
    if (((slot.first ^ first) | (slot.rest ^ rest) | (slot.size ^ size)) == 0) [[likely]]
      return slot.code;
    return take_in({text, size}, trims, slot, first, rest);
  }
  static constexpr int32_t kNone = -1;

 private:
  static constexpr uint32_t kShort = 16;
  static constexpr uint64_t kMixer = 0x9E3779B97F4A7C15;
  static constexpr unsigned kBits = 8, kShift = 64 - kBits;
  struct Short {
    uint64_t first = 0, rest = 0;
    uint32_t size = UINT32_MAX;  // none
    int32_t code = 0;
  };
  // Not a part of the loop over a column, which keeps its registers for itself.
  [[gnu::noinline]] int32_t take_in(std::string_view text, bool trims, Short& slot, uint64_t first,
                                    uint64_t rest) {
    const int32_t code = code_of_text(text, trims);
    if (code != kNone) slot = {first, rest, static_cast<uint32_t>(text.size()), code};
    return code;
  }
  [[gnu::noinline]] int32_t code_of_text(std::string_view text, bool trims) {
    if (trims) text = trim(text);
    return text.empty() || (accepts_ && !accepts_(text)) ? kNone : code(text);
  }

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  Accepts accepts_;
  std::array<Short, size_t{1} << kBits> short_;  // the last text of each slot
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> codes_;
  std::vector<std::string> texts_;
};

}  // namespace nek::csv
