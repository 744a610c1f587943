// SPDX-License-Identifier: Apache-2.0
// Addresses: ours against inet_pton.
#include <arpa/inet.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "../address.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto address = nek::parse_address(text);
  uint8_t v4[4], v6[16];
  const bool has_zero = text.find('\0') != std::string::npos;  // inet_pton stops there
  const bool is_v4 = !has_zero && inet_pton(AF_INET, text.c_str(), v4) == 1;
  const bool is_v6 = !has_zero && inet_pton(AF_INET6, text.c_str(), v6) == 1;
  if (address.has_value() != (is_v4 || is_v6)) std::abort();
  if (is_v4 && std::memcmp(address->bytes.data(), v4, 4) != 0) std::abort();
  if (is_v6 && address->family == nek::Family::kV6 && std::memcmp(address->bytes.data(), v6, 16) != 0) {
    std::abort();
  }
  if (is_v6 && address->family == nek::Family::kV4 && std::memcmp(address->bytes.data(), v6 + 12, 4) != 0) {
    std::abort();
  }
  nek::parse_network(text);
  return 0;
}
