// SPDX-License-Identifier: Apache-2.0
#include "flow_text.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <span>
#include <string_view>

#include "random.h"

namespace nek {

namespace {

// Widths that nfdump's fmt prints, without the comma; the addresses' depend on -6.
constexpr uint32_t kTimeWidth = 23, kPortWidth = 7, kCountWidth = 9, kOutWidth = 7, kProtoWidth = 6,
                   kFlagsWidth = 9;
constexpr uint32_t kShortAddress = 17, kFullAddress = 40;

constexpr int64_t kFirstMs = 1'767'225'600'000;  // 2026-01-01 00:00:00 UTC
constexpr int64_t kRowsPerMs = 5;
constexpr uint64_t kLatenessMs = 30'000;  // nfdump's rows are not in time order

// A value with its weight; those of a table add up to 1000.
template <class T>
struct Weighted {
  uint32_t weight;
  T value;
};
template <class T, size_t N>
const T& pick(const Weighted<T> (&all)[N], Random& random) {
  auto left = static_cast<uint32_t>(random.below(1000));
  for (const auto& one : all) {
    if (left < one.weight) return one.value;
    left -= one.weight;
  }
  return all[N - 1].value;
}

// Counted in a MikroTik edge router's and an ISP backbone's files.
constexpr Weighted<uint32_t> kProtocols[] = {{640, 6}, {300, 17}, {40, 1},
                                             {10, 47}, {6, 50},   {4, 2}};
constexpr Weighted<std::string_view> kFlags[] = {
    {520, "...A...."}, {160, "...AP..."}, {112, "...AP.SF"}, {55, "...A..SF"}, {55, "......S."},
    {41, "...A..S."},  {30, "...AP.S."},  {15, "...A...F"},  {5, "...APRS."},  {3, ".....R.."},
    {2, "CE.AP.SF"},   {1, "CE....S."},   {1, "........"}};
constexpr Weighted<uint32_t> kServerPorts[] = {{520, 443}, {130, 80}, {110, 53},  {60, 4500},
                                               {40, 161},  {40, 22},  {30, 8080}, {20, 123},
                                               {20, 445},  {30, 3389}};
constexpr Weighted<std::string_view> kIcmp[] = {{600, "8.0"}, {250, "0.0"}, {60, "3.3"},
                                                {40, "3.1"},  {20, "3.10"}, {30, "11.0"}};

// Writes at the end of a column that is blank already.
char* right(char* column, uint32_t width, std::string_view text) {
  std::memcpy(column + width - text.size(), text.data(), text.size());
  return column + width;
}
char* right(char* column, uint32_t width, uint64_t number) {
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  return right(column, width, std::string_view(digits, static_cast<size_t>(end - digits)));
}
void two_digits(char* at, unsigned value) {
  at[0] = static_cast<char>('0' + value / 10);
  at[1] = static_cast<char>('0' + value % 10);
}

void write_time(char* to, int64_t ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> time{milliseconds(ms)};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const auto of_day = static_cast<unsigned>((time - day).count());
  std::memcpy(to, "0000-00-00 00:00:00.000", kTimeWidth);
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  two_digits(to, year / 100);
  two_digits(to + 2, year % 100);
  two_digits(to + 5, static_cast<unsigned>(date.month()));
  two_digits(to + 8, static_cast<unsigned>(date.day()));
  two_digits(to + 11, of_day / 3'600'000);
  two_digits(to + 14, of_day / 60'000 % 60);
  two_digits(to + 17, of_day / 1000 % 60);
  to[20] = static_cast<char>('0' + of_day % 1000 / 100);
  two_digits(to + 21, of_day % 100);
}

size_t write_ipv4(char* to, uint64_t bits) {
  const unsigned first = 1 + static_cast<unsigned>(bits >> 24 & 255) % 223;
  const unsigned all[] = {first, static_cast<unsigned>(bits >> 16 & 255),
                          static_cast<unsigned>(bits >> 8 & 255),
                          static_cast<unsigned>(bits & 255)};
  char* at = to;
  for (const unsigned part : all) at = std::to_chars(at, at + 3, part).ptr, *at++ = '.';
  return static_cast<size_t>(at - to - 1);
}

// Global unicast, without a group of zeros.
size_t write_ipv6(char* to, uint64_t bits) {
  char* at = to;
  uint64_t more = Random::mix(bits);
  for (int group = 0; group < 8; group++, bits >>= 16) {
    if (group == 4) bits = more;
    unsigned value = static_cast<unsigned>(bits & 0xffff) | 1;
    if (group == 0) value = 0x2000 | (value & 0x0fff);
    at = std::to_chars(at, at + 4, value, 16).ptr;
    *at++ = ':';
  }
  return static_cast<size_t>(at - to - 1);
}

// As nfdump does it without -6: the first and the last seven characters.
size_t shorten(char* text, size_t size) {
  if (size <= 16) return size;
  text[7] = text[8] = '.';
  std::memmove(text + 9, text + size - 7, 7);
  return 16;
}

}  // namespace

FlowText::FlowText(const Options& options)
    : options_(options),
      address_width_(options.full_ipv6 ? kFullAddress : kShortAddress),
      row_bytes_(kTimeWidth + 2 * address_width_ + 2 * kPortWidth + 2 * kCountWidth + kOutWidth +
                 kProtoWidth + kFlagsWidth + 10) {}

void FlowText::write(uint64_t row, char* to) const {
  Random random(options_.seed, row);
  std::memset(to, ' ', row_bytes_);
  const auto late = static_cast<int64_t>(random.below(kLatenessMs));
  write_time(to, kFirstMs + static_cast<int64_t>(row) / kRowsPerMs - late);
  to += kTimeWidth;

  const bool v6 = random.unit() < options_.ipv6;
  const auto write_address = [&](uint64_t side) {
    const uint64_t host = random.skewed_below(options_.hosts, options_.skew);
    const uint64_t bits = Random(options_.seed + side, host).next();
    char text[48];
    size_t size = v6 ? write_ipv6(text, bits) : write_ipv4(text, bits);
    if (v6 && !options_.full_ipv6) size = shorten(text, size);
    *to++ = ',';
    to = right(to, address_width_, std::string_view(text, size));
  };
  const auto write_number = [&](uint32_t width, uint64_t number) {
    *to++ = ',';
    to = right(to, width, number);
  };

  const uint32_t drawn = pick(kProtocols, random);
  const uint32_t protocol = drawn == 1 && v6 ? 58 : drawn;
  const bool icmp = drawn == 1, has_ports = drawn == 6 || drawn == 17;
  const uint64_t client = 1024 + random.below(64512), server = pick(kServerPorts, random);
  const bool answer = random.below(2) == 0;  // from server to client
  write_address(1);
  write_number(kPortWidth, has_ports ? (answer ? server : client) : 0);
  write_address(2);
  if (icmp) {
    *to++ = ',';
    to = right(to, kPortWidth, v6 ? std::string_view("135.0") : pick(kIcmp, random));
  } else {
    write_number(kPortWidth, has_ports ? (answer ? client : server) : 0);
  }
  const std::string_view flags = protocol == 6 ? pick(kFlags, random) : "........";
  // One draw a statement: the order within an expression is the compiler's.
  const uint64_t magnitude = uint64_t{1} << random.below(12);
  const uint64_t sixteenths = random.below(16);
  const uint64_t packets = flags == "......S." ? 1 : 1 + magnitude * sixteenths / 16;
  write_number(kCountWidth, packets * (40 + random.below(1400)));
  write_number(kCountWidth, packets);
  write_number(kOutWidth, random.below(1000));
  *to++ = ',';
  std::to_chars(to + 1, to + kProtoWidth, protocol);  // the one column that is left-aligned
  to += kProtoWidth;
  *to++ = ',';
  to = right(to, kFlagsWidth, flags);
  *to = '\n';
}

}  // namespace nek
