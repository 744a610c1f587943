// SPDX-License-Identifier: Apache-2.0
#include "path_pattern.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>

#include "nek/text.hpp"

namespace nek {
namespace {

namespace fs = std::filesystem;
using std::chrono::floor;
using std::chrono::milliseconds;

// Years of four digits: what is outside goes to the first or the last.
constexpr int64_t kFirst = -62167219200000, kLast = 253402300799999;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

size_t digits_of(char conversion) {
  switch (conversion) {
    case 'Y': return 4;
    case 'j': return 3;
    default: return 2;
  }
}

// Whether `name` could be what `pattern` expands to.
bool matches(std::string_view pattern, std::string_view name) {
  while (!pattern.empty()) {
    const bool conversion = pattern.starts_with('%') && !pattern.starts_with("%%");
    if (pattern.starts_with("%F")) {
      if (!matches("%Y-%m-%d", name.substr(0, 10))) return false;
      name.remove_prefix(10);
    } else if (conversion) {
      const size_t digits = digits_of(pattern[1]);
      if (name.size() < digits ||
          !std::all_of(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(digits), is_digit))
        return false;
      name.remove_prefix(digits);
    } else {
      if (!name.starts_with(pattern[0])) return false;
      name.remove_prefix(1);
    }
    pattern.remove_prefix(pattern.starts_with('%') ? 2 : 1);
  }
  return name.empty();
}

// Where the name's extension begins: .ndjson, .ndjson.gz.
size_t extension_at(std::string_view name) {
  size_t end = name.size();
  for (const std::string_view behind : {".part", ".gz", ".zst"}) {
    if (name.substr(0, end).ends_with(behind)) end -= behind.size();
  }
  const size_t dot = name.substr(0, end).rfind('.');
  return dot == std::string_view::npos || dot == 0 ? end : dot;
}

struct Numbered {
  std::string name;  // without the number
  uint32_t number;
};
std::optional<Numbered> split_number(std::string_view name) {
  const size_t extension = extension_at(name);
  const std::string_view stem = name.substr(0, extension);
  const size_t dot = stem.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto number = parse_number<uint32_t>(stem.substr(dot + 1));
  if (!number || *number == 0) return std::nullopt;
  return Numbered{std::string(stem.substr(0, dot)) + std::string(name.substr(extension)), *number};
}

}  // namespace

Result<PathPattern> PathPattern::parse(std::string_view text) {
  static constexpr std::string_view kAllowed = "YmdjFHMS%";
  static constexpr Unit kUnits[] = {Unit::kYear,   Unit::kMonth,  Unit::kDay,
                                    Unit::kDay,    Unit::kDay,    Unit::kHour,
                                    Unit::kMinute, Unit::kSecond, Unit::kNone};
  PathPattern made;
  made.text_ = text;
  for (size_t i = 0; i < text.size(); i++) {
    if (static_cast<unsigned char>(text[i]) < ' ') return fail("it holds a control character");
    if (text[i] != '%') continue;
    const size_t which = ++i < text.size() ? kAllowed.find(text[i]) : std::string_view::npos;
    if (which == std::string_view::npos)
      return fail("there may be %Y, %m, %d, %j, %F, %H, %M, %S, and %% for the sign itself");
    made.unit_ = std::max(made.unit_, kUnits[which]);
  }
  if (text.empty() || text.ends_with('/')) return fail("it names no file");
  Result<TimeFormat> format = TimeFormat::compile(text);
  if (!format.ok()) return format.status();
  made.format_ = std::move(*format);
  return made;
}

PathPattern::Period PathPattern::period_of(int64_t ms) const {
  using namespace std::chrono;
  if (unit_ == Unit::kNone) return {};
  const sys_time<milliseconds> time{milliseconds(std::clamp(ms, kFirst, kLast))};
  const year_month_day date{floor<days>(time)};
  const auto in = [](auto begin, auto end) {
    return Period{duration_cast<milliseconds>(begin.time_since_epoch()).count(),
                  duration_cast<milliseconds>(end.time_since_epoch()).count()};
  };
  const auto from = [&](auto begin) {
    return in(begin, begin + typename decltype(begin)::duration{1});
  };
  const year_month month = date.year() / date.month();
  switch (unit_) {
    case Unit::kYear:
      return in(sys_days(date.year() / 1 / 1), sys_days((date.year() + years{1}) / 1 / 1));
    case Unit::kMonth: return in(sys_days(month / 1), sys_days((month + months{1}) / 1));
    case Unit::kDay: return from(floor<days>(time));
    case Unit::kHour: return from(floor<hours>(time));
    case Unit::kMinute: return from(floor<minutes>(time));
    default: return from(floor<seconds>(time));
  }
}

std::string PathPattern::expand(int64_t ms) const {
  TimeFormat::Cache cache;
  std::string path(format_.max_size(), '\0');
  const char* end = format_.write(path.data(), std::clamp(ms, kFirst, kLast), cache);
  path.resize(static_cast<size_t>(end - path.data()));
  return path;
}

std::string PathPattern::numbered(const std::string& path, uint32_t number) {
  if (number == 0) return path;
  const size_t name = path.rfind('/') + 1;
  const size_t at = name + extension_at(std::string_view(path).substr(name));
  return path.substr(0, at) + "." + std::to_string(number) + path.substr(at);
}

int64_t PathPattern::number_of(std::string_view name, std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  if (name == path) return 0;
  const auto split = split_number(name);
  if (!split || split->name != path) return -1;
  return split->number;
}

std::vector<std::string> PathPattern::find() const {
  std::vector<std::string> found;
  const bool absolute = text_.starts_with('/');
  find_in(absolute ? "/" : "", std::string_view(text_).substr(absolute), found);
  return found;
}

// `folder` ends with a slash or is empty.
void PathPattern::find_in(const std::string& folder, std::string_view rest,
                          std::vector<std::string>& found) const {
  const size_t slash = rest.find('/');
  const bool is_file = slash == std::string_view::npos;
  const std::string_view part = rest.substr(0, slash);
  if (!is_file && part.find('%') == std::string_view::npos)
    return find_in(folder + std::string(part) + "/", rest.substr(slash + 1), found);
  std::error_code error;
  for (fs::directory_iterator at(folder.empty() ? "." : folder, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    const auto split = split_number(name);
    if (!is_file) {
      if (matches(part, name)) find_in(folder + name + "/", rest.substr(slash + 1), found);
    } else if (matches(part, name) || (split && matches(part, split->name))) {
      found.push_back(folder + name);
    }
  }
}

}  // namespace nek
