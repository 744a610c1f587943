// SPDX-License-Identifier: Apache-2.0
// Networks: whether an address lies in one of many networks, each perhaps only until a day.
// A look-up costs a binary search for each different prefix length.
// Thread-safe once filled.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "address.h"

namespace nek::scan {

class Networks {
 public:
  // "10.0.0.0/8", or "10.0.0.0/8 until 2026-12-31" (that day included). What is wrong, or "".
  std::string add(std::string_view text);
  bool empty() const { return lengths_.empty(); }
  // `time`: s since 1970.
  bool contains(const Address& address, uint32_t time) const;

 private:
  using Bits = std::array<uint64_t, 2>;  // of an address, the network's side first
  struct Known {
    Bits bits;
    int64_t until;  // s since 1970
  };
  struct Length {
    Family family;
    unsigned prefix;
    std::vector<Known> networks;  // in the order of bits
  };
  static Bits masked(const Address& address, unsigned prefix);
  static std::vector<Known>::const_iterator find(const Length& length, const Bits& bits);
  std::vector<Length> lengths_;
};

}  // namespace nek::scan
