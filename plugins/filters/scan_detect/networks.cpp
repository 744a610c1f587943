// SPDX-License-Identifier: Apache-2.0
#include "networks.h"

#include <endian.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

#include "nek/text.hpp"

namespace nek::scan {
namespace {

constexpr std::string_view kUntil = " until ";

// The end of "2026-12-31", s since 1970.
std::optional<int64_t> end_of_day(std::string_view text) {
  using namespace std::chrono;
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto y = parse_number<int>(text.substr(0, 4));
  const auto m = parse_number<unsigned>(text.substr(5, 2));
  const auto d = parse_number<unsigned>(text.substr(8, 2));
  if (!y || !m || !d) return std::nullopt;
  const year_month_day date{year(*y), month(*m), day(*d)};
  if (!date.ok()) return std::nullopt;
  return duration_cast<seconds>((sys_days(date) + days(1)).time_since_epoch()).count();
}

}  // namespace

Networks::Bits Networks::masked(const Address& address, unsigned prefix) {
  Bits bits{};
  std::memcpy(&bits, address.bytes.data(), sizeof bits);
  bits = {be64toh(bits[0]), be64toh(bits[1])};
  if (prefix <= 64) {
    bits[1] = 0;
    bits[0] = prefix ? bits[0] & ~uint64_t{0} << (64 - prefix) : 0;
  } else {
    bits[1] &= ~uint64_t{0} << (128 - prefix);
  }
  return bits;
}

// The network with these bits, or where it would be.
std::vector<Networks::Known>::const_iterator Networks::find(const Length& length,
                                                            const Bits& bits) {
  return std::lower_bound(length.networks.begin(), length.networks.end(), bits,
                          [](const Known& known, const Bits& b) { return known.bits < b; });
}

std::string Networks::add(std::string_view text) {
  const size_t at = text.find(kUntil);
  const auto network = parse_network(text.substr(0, at));
  if (!network) {
    return "'" + std::string(text) +
           "' is no network; write it as 10.0.0.0/8, with no bit set behind the prefix, or as "
           "'10.0.0.0/8 until 2026-12-31'";
  }
  int64_t until = std::numeric_limits<int64_t>::max();
  if (at != std::string_view::npos) {
    const auto end = end_of_day(text.substr(at + kUntil.size()));
    if (!end) return "'" + std::string(text) + "' does not end with a day like 2026-12-31";
    until = *end;
  }
  const auto is_length = [&](const Length& l) {
    return l.family == network->address.family && l.prefix == network->prefix;
  };
  auto length = std::find_if(lengths_.begin(), lengths_.end(), is_length);
  if (length == lengths_.end())
    length = lengths_.insert(length, {network->address.family, network->prefix, {}});
  const Bits bits = masked(network->address, network->prefix);
  const auto at_bits = length->networks.begin() + (find(*length, bits) - length->networks.begin());
  if (at_bits != length->networks.end() && at_bits->bits == bits) {
    at_bits->until = std::max(at_bits->until, until);
  } else {
    length->networks.insert(at_bits, {bits, until});
  }
  return {};
}

bool Networks::contains(const Address& address, uint32_t time) const {
  for (const Length& length : lengths_) {
    if (length.family != address.family) continue;
    const Bits bits = masked(address, length.prefix);
    const auto found = find(length, bits);
    if (found != length.networks.end() && found->bits == bits && time < found->until) return true;
  }
  return false;
}

}  // namespace nek::scan
