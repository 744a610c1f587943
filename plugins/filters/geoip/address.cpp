// SPDX-License-Identifier: Apache-2.0
#include "address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "nek/text.hpp"

namespace nek {
namespace {

bool parse_v4(std::string_view text, uint8_t* bytes) {
  int octet = 0;
  unsigned value = 0, digits = 0;
  for (const char c : text) {
    if (c == '.') {
      if (digits == 0 || octet == 3) return false;
      bytes[octet++] = static_cast<uint8_t>(value);
      value = digits = 0;
      continue;
    }
    if (c < '0' || c > '9' || (digits && value == 0)) return false;  // no leading zeros
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > 255) return false;
    digits++;
  }
  bytes[octet] = static_cast<uint8_t>(value);
  return octet == 3 && digits;
}

bool parse_v6(std::string_view text, uint8_t* bytes) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof terminated || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  return inet_pton(AF_INET6, terminated, bytes) == 1;
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
  Address address;
  if (parse_v4(text, address.bytes.data())) return address;
  if (text.find(':') == std::string_view::npos) return std::nullopt;
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
