// SPDX-License-Identifier: Apache-2.0
#include "time_format.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace nek {
namespace {

constexpr std::string_view kRfc3339 = "%Y-%m-%dT%H:%M:%S.%L%:z";
constexpr std::string_view kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};

struct Civil {
  int64_t year;
  uint32_t month, day, weekday, day_of_year, hour, minute, second;
};

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

// H. Hinnant, chrono-Compatible Low-Level Date Algorithms: std::chrono's years end at 32767.
Civil to_civil(int64_t second) {
  const int64_t day = floor_div(second, 86400);
  const auto clock = static_cast<uint32_t>(second - day * 86400);
  const int64_t z = day + 719468;  // days since 0000-03-01
  const int64_t era = floor_div(z, 146097);
  const auto of_era = static_cast<uint32_t>(z - era * 146097);
  const uint32_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const uint32_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint32_t m = (5 * of_year + 2) / 153;  // 0: March
  Civil c{};
  c.day = of_year - (153 * m + 2) / 5 + 1;
  c.month = m < 10 ? m + 3 : m - 9;
  c.year = era * 400 + year_of_era + (c.month <= 2);
  c.weekday = static_cast<uint32_t>(((day + 4) % 7 + 7) % 7);
  const bool leap = (c.year % 4 == 0 && c.year % 100 != 0) || c.year % 400 == 0;
  c.day_of_year = of_year + (c.month <= 2 ? 0 : 59 + leap) - (c.month <= 2 ? 306 : 0);
  c.hour = clock / 3600;
  c.minute = clock / 60 % 60;
  c.second = clock % 60;
  return c;
}

char* put(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}
char* put_number(char* out, int64_t value) { return std::to_chars(out, out + 20, value).ptr; }
char* put_padded(char* out, uint32_t value, int width, char pad = '0') {
  for (int i = width - 1; i >= 0; i--, value /= 10) {
    out[i] = value == 0 && i < width - 1 ? pad : static_cast<char>('0' + value % 10);
  }
  return out + width;
}
char* put_year(char* out, int64_t year) {
  if (year < 0 || year > 9999) return put_number(out, year);
  return put_padded(out, static_cast<uint32_t>(year), 4);
}
char* put_date(char* out, const Civil& c) {
  out = put_year(out, c.year);
  *out++ = '-';
  out = put_padded(out, c.month, 2);
  *out++ = '-';
  return put_padded(out, c.day, 2);
}
char* put_clock(char* out, const Civil& c, bool seconds) {
  out = put_padded(out, c.hour, 2);
  *out++ = ':';
  out = put_padded(out, c.minute, 2);
  if (!seconds) return out;
  *out++ = ':';
  return put_padded(out, c.second, 2);
}

// Of local time: +0200, or +02:00 with a separator.
char* put_offset(char* out, int64_t offset_ms, std::string_view separator) {
  const auto minutes = static_cast<uint32_t>(std::abs(offset_ms) / 60000);
  *out++ = offset_ms < 0 ? '-' : '+';
  out = put_padded(out, minutes / 60, 2);
  out = put(out, separator);
  return put_padded(out, minutes % 60, 2);
}

struct Conversion {
  char letter;
  uint32_t max_size;
};
constexpr Conversion kConversions[] = {{'Y', 10}, {'y', 2}, {'m', 2}, {'d', 2},  {'e', 2}, {'j', 3},
                                       {'H', 2},  {'I', 2}, {'M', 2}, {'S', 2},  {'p', 2}, {'a', 3},
                                       {'A', 9},  {'b', 3}, {'B', 9}, {'F', 16}, {'T', 8}, {'R', 5},
                                       {'s', 20}, {'z', 5}, {':', 6}, {'L', 3}};

char* put_conversion(char* out, char conversion, const Civil& c) {
  switch (conversion) {
    case 'Y': return put_year(out, c.year);
    case 'y': return put_padded(out, static_cast<uint32_t>((c.year % 100 + 100) % 100), 2);
    case 'm': return put_padded(out, c.month, 2);
    case 'd': return put_padded(out, c.day, 2);
    case 'e': return put_padded(out, c.day, 2, ' ');
    case 'j': return put_padded(out, c.day_of_year + 1, 3);
    case 'H': return put_padded(out, c.hour, 2);
    case 'I': return put_padded(out, (c.hour + 11) % 12 + 1, 2);
    case 'M': return put_padded(out, c.minute, 2);
    case 'S': return put_padded(out, c.second, 2);
    case 'p': return put(out, c.hour < 12 ? "AM" : "PM");
    case 'a': return put(out, kDays[c.weekday].substr(0, 3));
    case 'A': return put(out, kDays[c.weekday]);
    case 'b': return put(out, kMonths[c.month - 1].substr(0, 3));
    case 'B': return put(out, kMonths[c.month - 1]);
    case 'F': return put_date(out, c);
    case 'T': return put_clock(out, c, true);
    default: return put_clock(out, c, false);  // R
  }
}

}  // namespace

Result<TimeFormat> TimeFormat::compile(std::string_view format, std::optional<TimeZone> zone) {
  TimeFormat made;
  made.zone_ = std::move(zone);
  if (format == "epoch_millis") return made;
  Status status = parse(format == "rfc3339" ? kRfc3339 : format, made.pieces_);
  if (!status.ok()) return status;
  size_t size = 0;
  for (const Piece& piece : made.pieces_) {
    size += piece.literal.size();
    if (piece.conversion == 'L' && made.has_millis_) return fail("%L may stand in it once");
    made.has_millis_ |= piece.conversion == 'L';
    for (const Conversion& c : kConversions) size += c.letter == piece.conversion ? c.max_size : 0;
  }
  made.max_size_ = std::max(size, kCopied);
  return made;
}

Status TimeFormat::parse(std::string_view format, std::vector<Piece>& pieces) {
  if (format.empty()) return fail("it is empty");
  for (size_t i = 0; i < format.size(); i++) {
    const bool escape = format[i] == '%';
    i += escape;
    if (i == format.size()) return fail("it ends with a single %; write %% for it");
    if (!escape || format[i] == '%') {
      if (pieces.empty() || pieces.back().conversion) pieces.push_back({0, {}});
      pieces.back().literal += format[i];
      continue;
    }
    const char letter = format[i];
    i += letter == ':';
    if (letter == ':' && (i == format.size() || format[i] != 'z')) return fail("%: is not known");
    if (std::none_of(std::begin(kConversions), std::end(kConversions),
                     [&](const Conversion& c) { return c.letter == letter; })) {
      return fail(std::string("%") + letter + " is not known");
    }
    pieces.push_back({letter, {}});
  }
  return {};
}

char* TimeFormat::write_millis(char* out, int64_t ms) { return put_number(out, ms); }

void TimeFormat::write_second(int64_t ms, Cache& cache) const {
  if (zone_ && !cache.offset.holds(ms)) cache.offset = zone_->of_utc(ms);
  const int64_t second = second_of(ms), offset_ms = cache.offset.offset_ms;
  const Civil civil = to_civil(second + floor_div(offset_ms, 1000));
  cache.seconds.resize(Cache::kSeconds);
  cache.texts.resize(Cache::kSeconds * max_size_);
  const size_t slot = static_cast<size_t>(second) % Cache::kSeconds;
  Cache::Second& made = cache.seconds[slot];
  made.second = second;
  char* const begin = cache.texts.data() + slot * max_size_;
  char* out = begin;
  for (const Piece& piece : pieces_) {
    if (piece.conversion == 0) {
      out = put(out, piece.literal);
    } else if (piece.conversion == 'L') {
      made.millis_at = static_cast<uint32_t>(out - begin);
      out = put(out, "000");
    } else if (piece.conversion == 's') {
      out = put_number(out, second);
    } else if (piece.conversion == 'z') {
      out = put_offset(out, offset_ms, "");
    } else if (piece.conversion == ':') {
      out = !zone_ ? put(out, "Z") : put_offset(out, offset_ms, ":");
    } else {
      out = put_conversion(out, piece.conversion, civil);
    }
  }
  made.size = static_cast<uint32_t>(out - begin);
}

}  // namespace nek
