// SPDX-License-Identifier: Apache-2.0
// Addresses: ours against inet_pton, and IPv4 sixteen bytes at a time against one by one.
#include <arpa/inet.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "address.h"
#include "nek/arena.hpp"
#include "nek/batch.hpp"
#include "v4_text.h"

namespace {

void check(bool good) {
  if (!good) std::abort();
}

void check_address(const std::string& text) {
  const auto address = nek::parse_address(text);
  uint8_t v4[4], v6[16];
  const bool has_zero = text.find('\0') != std::string::npos;  // inet_pton stops there
  const bool is_v4 = !has_zero && inet_pton(AF_INET, text.c_str(), v4) == 1;
  const bool is_v6 = !has_zero && inet_pton(AF_INET6, text.c_str(), v6) == 1;
  check(address.has_value() == (is_v4 || is_v6));
  if (!address) return;
  const uint8_t* expected = is_v4 ? v4 : address->family == nek::Family::kV6 ? v6 : v6 + 12;
  const size_t size = address->family == nek::Family::kV6 ? 16 : 4;
  check(std::memcmp(address->bytes.data(), expected, size) == 0);
}

// The text once as it is, and once each of its bytes left out.
void check_rows(const std::string& text) {
  std::vector<std::string> texts = {text};
  for (size_t i = 0; i < text.size() && i < 16; i++) texts.push_back(std::string(text).erase(i, 1));
  nek::Arena arena;
  nek_make make{};
  make.type = NEK_TEXT;
  make.rows = static_cast<uint32_t>(texts.size());
  make.text_bytes = texts.size() * (text.size() + 1);
  nek_column& column = *nek::make_column(arena, make);
  nek::TextWriter out(column);
  for (uint32_t row = 0; row < texts.size(); row++) out.set(row, texts[row]);

  std::vector<uint32_t> addresses(texts.size());
  std::vector<uint8_t> is_v4(texts.size());
  nek::parse_v4_rows(column, addresses, is_v4);
  for (size_t row = 0; row < texts.size(); row++) {
    uint32_t address = 0;
    check(nek::parse_v4(texts[row], address) == (is_v4[row] != 0));
    check(!is_v4[row] || address == addresses[row]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_address(text);
  check_rows(text);
  nek::parse_network(text);
  return 0;
}
