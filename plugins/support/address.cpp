// SPDX-License-Identifier: Apache-2.0
#include "address.h"

#include <algorithm>
#include <array>

#include "nek/text.hpp"
#include "v4_text.h"

namespace nek {
namespace {

// By character: its value, or -1. A table, because digits and letters come in no order.
constexpr std::array<int, 256> make_hex_digits() {
  std::array<int, 256> digits{};
  digits.fill(-1);
  for (size_t i = 0; i < 10; i++) digits['0' + i] = static_cast<int>(i);
  for (size_t i = 0; i < 6; i++) {
    digits['a' + i] = static_cast<int>(10 + i);
    digits['A' + i] = static_cast<int>(10 + i);
  }
  return digits;
}
constexpr std::array<int, 256> kHexDigits = make_hex_digits();

// Groups of 16 bits as they stand in the text, and where "::" stands among them.
struct Groups {
  static constexpr size_t kAll = 8;
  uint16_t at[kAll];
  size_t count = 0, gap = kAll + 1;

  bool has_gap() const { return gap <= kAll; }
  bool add(uint32_t group) {
    if (count == kAll) return false;
    at[count++] = static_cast<uint16_t>(group);
    return true;
  }
};

// One group's digits at `at`, which is moved behind them.
uint32_t parse_group(std::string_view text, size_t& at) {
  uint32_t value = 0;
  const size_t end = std::min(text.size(), at + 4);
  for (; at < end; at++) {
    const int digit = kHexDigits[static_cast<unsigned char>(text[at])];
    if (digit < 0) break;
    value = value << 4 | static_cast<uint32_t>(digit);
  }
  return value;
}

bool parse_groups(std::string_view text, Groups& groups) {
  size_t at = 0;
  if (text.starts_with("::")) {
    groups.gap = 0;
    at = 2;
  }
  while (at < text.size()) {
    const size_t begin = at;
    uint32_t value = parse_group(text, at);
    if (at < text.size() && text[at] == '.') {  // IPv4 at the end
      return parse_v4(text.substr(begin), value) && groups.add(value >> 16) && groups.add(value);
    }
    if (at == begin || !groups.add(value)) return false;
    if (at == text.size()) return true;
    if (text[at] != ':') return false;
    at++;
    if (at == text.size()) return false;
    if (text[at] != ':') continue;
    if (groups.has_gap()) return false;
    groups.gap = groups.count;
    at++;
  }
  return groups.has_gap();
}

bool parse_v6(std::string_view text, uint8_t* bytes) {
  Groups groups;
  if (!parse_groups(text, groups)) return false;
  if (groups.has_gap() == (groups.count == Groups::kAll)) return false;
  const size_t left_out = Groups::kAll - groups.count;
  for (size_t i = 0; i < groups.count; i++) {
    const size_t place = i < groups.gap ? i : i + left_out;
    bytes[2 * place] = static_cast<uint8_t>(groups.at[i] >> 8);
    bytes[2 * place + 1] = static_cast<uint8_t>(groups.at[i]);
  }
  return true;
}

Address from_v4(uint32_t v4) {
  Address address;
  for (int i = 0; i < 4; i++) address.bytes[i] = static_cast<uint8_t>(v4 >> (24 - 8 * i));
  return address;
}

void unmap(Address& address) {
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (!std::equal(kMapped, kMapped + 12, address.bytes.begin())) return;
  address.family = Family::kV4;
  std::copy_n(address.bytes.begin() + 12, 4, address.bytes.begin());
  std::fill(address.bytes.begin() + 4, address.bytes.end(), 0);
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  if (uint32_t v4 = 0; parse_v4(text, v4)) return from_v4(v4);
  Address address;
  if (!parse_v6(text, address.bytes.data())) return std::nullopt;
  address.family = Family::kV6;
  unmap(address);
  return address;
}

std::optional<Network> parse_network(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned bits = address->family == Family::kV4 ? 32 : 128;
  if (slash == std::string_view::npos) return Network{*address, bits};
  const auto prefix = parse_number<unsigned>(text.substr(slash + 1));
  if (!prefix || *prefix > bits) return std::nullopt;
  for (unsigned at = *prefix; at < bits; at++) {
    if (address->bit(at)) return std::nullopt;
  }
  return Network{*address, *prefix};
}

}  // namespace nek
