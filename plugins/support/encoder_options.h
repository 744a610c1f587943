// SPDX-License-Identifier: Apache-2.0
// EncoderOptions: what encoders have in common: which columns they write, under which names, and
// how times look. An encoder's config begins with it, so that these options mean the same in all.
// Thread-safe: constant once it is filled.
#pragma once
#include <string>
#include <vector>

#include "nek/plugin.hpp"
#include "time_format.h"

namespace nek {

struct EncoderOptions {
  std::vector<std::string> fields;
  StringPairs rename;
  std::string time_format;
  std::string timezone;

  // Under which name a column is written.
  std::string name_of(const std::string& column) const;
  // Whether `rename` is the user's for this column, not a default, which outputs make for whatever
  // comes.
  static bool is_user_rename(const Host& host, const std::string& column);
  // Where there are `fields`: that each column of `rename` is one of them.
  Status check_rename(const Host& host) const;
  // That no two of `fields` have one name.
  Status check_names(const Host& host) const;

  // A column of any type is written; one that nobody makes counts as one without values.
  static void read_column(Shape& shape, const std::string& column);

  Result<TimeFormat> compile_time_format(const Host& host) const;
  // Says how times are written, unless it is UTC.
  void log_timezone(const Host& host) const;
};

inline constexpr auto kTimeFormatOption = option<&EncoderOptions::time_format>(
    "time_format",
    "How times are written: rfc3339, epoch_millis, or conversions of strftime such as "
    "%Y-%m-%d %H:%M:%S, and %L for milliseconds.",
    {.fallback = "rfc3339"});
inline constexpr auto kTimezoneOption = option<&EncoderOptions::timezone>(
    "timezone", "The zone that times are written in, such as Europe/Zurich.", {.fallback = "UTC"});

}  // namespace nek
