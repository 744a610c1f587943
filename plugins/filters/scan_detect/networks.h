// SPDX-License-Identifier: Apache-2.0
// Networks: whether an address lies in one of many networks, each perhaps only until a day.
// A look-up costs one search for each different prefix length, however many networks there are.
// Thread-safe once filled.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
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
  struct Length {
    Family family;
    unsigned prefix;
    std::unordered_map<std::string, int64_t> until;  // by address; s since 1970
  };
  static std::string masked(const Address& address, unsigned prefix);
  std::vector<Length> lengths_;
};

}  // namespace nek::scan
