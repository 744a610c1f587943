// SPDX-License-Identifier: Apache-2.0
#include "time_zone.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <system_error>

#include "nek/text.hpp"

namespace nek {

namespace {

constexpr std::string_view kFolder = "/usr/share/zoneinfo/";
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int kLastYear = 2200;  // a zone's rule is applied up to here

struct Change {
  int64_t at;      // s, UTC
  int64_t offset;  // s, from then on
};

// Takes big-endian numbers from the front (RFC 8536).
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool ok() const { return ok_; }
  std::string_view rest() const { return rest_; }
  std::string_view take(size_t size) {
    ok_ = ok_ && size <= rest_.size();
    if (!ok_) return {};
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  int64_t number(size_t size) {
    uint64_t value = 0;
    const auto bytes = take(size);
    for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
    const auto shift = static_cast<unsigned>(64 - 8 * size);
    return static_cast<int64_t>(value << shift) >> shift;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// A zone's rule as POSIX writes it: CET-1CEST,M3.5.0,M10.5.0/3
class Rule {
 public:
  static std::optional<Rule> parse(std::string_view text) {
    Rule rule;
    if (!rule.take_name(text) || !take_time(text, rule.offset_)) return std::nullopt;
    rule.offset_ = -rule.offset_;  // POSIX counts westwards
    if (text.empty()) return rule;
    rule.has_summer_ = true;
    rule.summer_offset_ = rule.offset_ + 3600;
    if (!rule.take_name(text)) return std::nullopt;
    if (text.empty() || text.front() != ',') {
      if (!take_time(text, rule.summer_offset_)) return std::nullopt;
      rule.summer_offset_ = -rule.summer_offset_;
    }
    if (!take_day(text, rule.begin_) || !take_day(text, rule.end_) || !text.empty()) {
      return std::nullopt;
    }
    return rule;
  }
  void add_changes(std::vector<Change>& changes) const {
    if (!has_summer_) return;
    const int64_t last = changes.back().at;
    for (int year = year_of(last); year <= kLastYear; year++) {
      const Change begin = {begin_.in(year)-offset_, summer_offset_};
      const Change end = {end_.in(year)-summer_offset_, offset_};
      for (const Change& change : {std::min(begin, end, earlier), std::max(begin, end, earlier)}) {
        if (change.at > changes.back().at) changes.push_back(change);
      }
    }
  }
  int64_t offset() const { return offset_; }

 private:
  struct Day {  // M3.5.0/2: March, last (5) Sunday (0), at 2:00
    unsigned month = 1, week = 1, weekday = 0;
    int64_t time = 7200;
    int64_t in(int year) const {
      using namespace std::chrono;
      const auto y = std::chrono::year(year);
      const auto m = std::chrono::month(month);
      const sys_days day = week == 5 ? sys_days(y / m / std::chrono::weekday(weekday)[last])
                                     : sys_days(y / m / std::chrono::weekday(weekday)[week]);
      return duration_cast<seconds>(day.time_since_epoch()).count() + time;
    }
  };

  static bool earlier(const Change& a, const Change& b) { return a.at < b.at; }
  static int year_of(int64_t second) {
    using namespace std::chrono;
    if (second < 0) return 1970;
    return static_cast<int>(year_month_day(floor<days>(sys_seconds(seconds(second)))).year());
  }
  static bool take_name(std::string_view& text) {
    size_t size = 0;
    if (text.starts_with('<')) {
      size = text.find('>') + 1;
    } else {
      while (size < text.size() &&
             std::string_view("+-0123456789,").find(text[size]) == std::string_view::npos)
        size++;
    }
    if (size == 0) return false;
    text.remove_prefix(size);
    return true;
  }
  static bool take_number(std::string_view& text, int64_t& value) {
    size_t size = 0;
    value = 0;
    while (size < text.size() && size < 4 && text[size] >= '0' && text[size] <= '9') {
      value = value * 10 + (text[size++] - '0');
    }
    text.remove_prefix(size);
    return size > 0;
  }
  static bool take(std::string_view& text, char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
  }
  // [+-]hh[:mm[:ss]]
  static bool take_time(std::string_view& text, int64_t& seconds) {
    const int64_t sign = take(text, '-') ? -1 : 1;
    if (sign == 1) take(text, '+');
    int64_t part = 0;
    if (!take_number(text, part)) return false;
    seconds = part * 3600;
    for (const int64_t unit : {60, 1}) {
      if (!take(text, ':')) break;
      if (!take_number(text, part)) return false;
      seconds += part * unit;
    }
    seconds *= sign;
    return true;
  }
  static bool take_day(std::string_view& text, Day& day) {
    int64_t month = 0, week = 0, weekday = 0;
    const bool whole = take(text, ',') && take(text, 'M') && take_number(text, month) &&
                       take(text, '.') && take_number(text, week) && take(text, '.') &&
                       take_number(text, weekday);
    if (!whole || month < 1 || month > 12 || week < 1 || week > 5 || weekday > 6) return false;
    day = {static_cast<unsigned>(month), static_cast<unsigned>(week),
           static_cast<unsigned>(weekday)};
    return !take(text, '/') || take_time(text, day.time);
  }

  int64_t offset_ = 0, summer_offset_ = 0;
  bool has_summer_ = false;
  Day begin_, end_;
};

// A header and its data; `width`: bytes of a time. Skips where `changes` is nullptr.
bool read_block(Reader& reader, size_t width, std::vector<Change>* changes) {
  if (reader.take(4) != "TZif") return false;
  reader.take(16);  // version and reserved bytes
  size_t counts[6];
  for (size_t& count : counts) count = static_cast<size_t>(reader.number(4)) & 0xffffffff;
  const auto [utc_flags, standard_flags, leaps, times, types, chars] = counts;
  if (!reader.ok() || types == 0 || times > 100000 || types > 256) return false;
  Reader at(reader.take(times * width)), type(reader.take(times)), type_of(reader.take(types * 6));
  reader.take(chars + leaps * (width + 4) + standard_flags + utc_flags);
  if (!reader.ok()) return false;
  if (!changes) return true;
  std::vector<int64_t> offsets;
  for (size_t i = 0; i < types; i++) {
    offsets.push_back(type_of.number(4));
    type_of.take(2);
  }
  changes->push_back({std::numeric_limits<int64_t>::min(), offsets[0]});
  for (size_t i = 0; i < times; i++) {
    const auto index = static_cast<size_t>(type.number(1)) & 255;
    if (index >= types) return false;
    changes->push_back({at.number(width), offsets[index]});
  }
  return true;
}

std::optional<std::vector<Change>> read_zone(std::string_view bytes) {
  std::vector<Change> changes;
  Reader reader(bytes);
  const bool is_old = bytes.size() > 4 && bytes[4] == '\0';  // times of 32 bits only
  if (!read_block(reader, 4, is_old ? &changes : nullptr)) return std::nullopt;
  if (is_old) return changes;
  if (!read_block(reader, 8, &changes)) return std::nullopt;
  std::string_view footer = reader.rest();
  if (footer.size() < 2) return changes;
  footer = footer.substr(1, footer.find('\n', 1) - 1);
  if (const auto rule = Rule::parse(footer)) rule->add_changes(changes);
  return changes;
}

// Empty where there is none; a name leads nowhere else.
std::string read_zone_file(std::string_view name) {
  const std::string path = std::string(kFolder) + std::string(name);
  std::error_code none;
  const bool inside = name.find("..") == std::string_view::npos;
  if (!inside || !std::filesystem::is_regular_file(path, none)) return {};
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int64_t to_ms(int64_t seconds) {
  int64_t ms = 0;
  if (!__builtin_mul_overflow(seconds, 1000, &ms)) return ms;
  return seconds < 0 ? std::numeric_limits<int64_t>::min() : kNever;
}

}  // namespace

Result<TimeZone> TimeZone::load(std::string_view name) {
  const std::string shown = "'" + std::string(name) + "'";
  std::vector<Change> changes = {{std::numeric_limits<int64_t>::min(), 0}};
  if (name != "UTC") {
    const std::string bytes = read_zone_file(name);
    if (bytes.empty()) {
      return fail("no time zone " + shown + " in " + std::string(kFolder) +
                  "; it should be like UTC or Europe/Zurich");
    }
    const auto read = read_zone(bytes);
    if (!read) return fail("the file of time zone " + shown + " is damaged");
    changes = *read;
  }
  TimeZone zone;
  int64_t local_begin = std::numeric_limits<int64_t>::min();
  for (size_t i = 0; i < changes.size(); i++) {
    const int64_t offset = changes[i].offset * 1000;
    const bool is_last = i + 1 == changes.size();
    const int64_t end = is_last ? kNever : to_ms(changes[i + 1].at);
    zone.utc_.push_back({to_ms(changes[i].at), end, offset, end});
    const int64_t next = is_last ? offset : changes[i + 1].offset * 1000;
    const int64_t local_end = is_last ? kNever : end + std::max(offset, next);
    zone.local_.push_back({local_begin, local_end, offset, is_last ? kNever : end + next});
    local_begin = local_end;
  }
  return zone;
}

TimeZone::Span TimeZone::find(const std::vector<Span>& spans, int64_t ms) {
  const auto after = std::upper_bound(spans.begin(), spans.end(), ms,
                                      [](int64_t t, const Span& s) { return t < s.begin_ms; });
  return after == spans.begin() ? spans.front() : *(after - 1);
}

}  // namespace nek
