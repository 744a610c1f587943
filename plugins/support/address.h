// SPDX-License-Identifier: Apache-2.0
// Address and Network: IPv4 and IPv6 from text, to bits.
// Flows carry addresses as text, shortened ones among them that are no address any more.
// Thread-safe: functions without state; values are copied freely.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nek {

enum class Family : uint8_t { kV4, kV6 };

// An IPv4 address is in the first four bytes, so that bits count from the network's side in both.
struct Address {
  Family family = Family::kV4;
  std::array<uint8_t, 16> bytes{};

  bool bit(unsigned at) const { return bytes[at / 8] >> (7 - at % 8) & 1; }
  uint32_t v4() const {
    return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
  }
};

// As inet_pton takes them; IPv4 that is written as IPv6 ("::ffff:1.2.3.4") becomes IPv4.
std::optional<Address> parse_address(std::string_view text);

struct Network {
  Address address;  // no bit is set behind the prefix
  unsigned prefix = 0;
};

// "10.0.0.0/8", "2001:db8::/32", or an address alone.
std::optional<Network> parse_network(std::string_view text);

}  // namespace nek
