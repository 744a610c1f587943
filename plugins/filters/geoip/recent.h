// SPDX-License-Identifier: Apache-2.0
// Recent: the records of the last addresses that were looked up, by their text.
// An IPv6 address costs much to read and to find, and most flows are of few hosts.
// Not thread-safe: one lane's, and of one database.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace nek {

class Recent {
 public:
  // find(text) is asked where the text was not, lately.
  template <class Find>
  uint32_t of(std::string_view text, Find find) {
    if (text.size() < kLeast || text.size() > kMost) return find(text);
    if (!slots_) slots_ = std::make_unique<std::array<Slot, kSlots>>();
    Slot& slot = (*slots_)[hash(text)];
    if (slot.size == text.size() && std::memcmp(slot.text, text.data(), text.size()) == 0)
      return slot.record;
    slot.record = find(text);
    slot.size = static_cast<uint8_t>(text.size());
    std::memcpy(slot.text, text.data(), text.size());
    return slot.record;
  }

 private:
  static constexpr size_t kLeast = 8, kMost = 39;  // the longest: eight groups of four
  static constexpr unsigned kBits = 11;
  static constexpr size_t kSlots = size_t{1} << kBits;
  struct Slot {
    uint32_t record = 0;
    uint8_t size = 0;  // nothing yet
    char text[kMost] = {};
  };

  static size_t hash(std::string_view text) {
    uint64_t first, last;
    std::memcpy(&first, text.data(), sizeof first);
    std::memcpy(&last, text.data() + text.size() - sizeof last, sizeof last);
    const uint64_t mixed = (first ^ 0x9E3779B97F4A7C15 * last) * 0x9E3779B97F4A7C15;
    return static_cast<size_t>(mixed >> (64 - kBits));
  }

  std::unique_ptr<std::array<Slot, kSlots>> slots_;
};

}  // namespace nek
