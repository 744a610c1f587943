// SPDX-License-Identifier: Apache-2.0
#include "encoder.h"
#include "nek/plugin.hpp"

namespace nek {
namespace {

constexpr auto kEncoderOptions = options<JsonEncoderConfig>(
    option<&JsonEncoderConfig::fields>(
        "fields", "Columns to write, in this order; none: all, in the order they come in.",
        {.fallback = "[]"}),
    option<&JsonEncoderConfig::rename>("rename", "Other names for columns, as column: name.",
                                       {.fallback = "{}"}),
    option<&JsonEncoderConfig::nulls>(
        "nulls", "Whether a column without a value is written as null or left out.",
        {.fallback = "write", .range = "write|omit"}),
    option<&JsonEncoderConfig::time_format>(
        "time_format",
        "How times are written: rfc3339, epoch_millis, or conversions of strftime such as "
        "%Y-%m-%d %H:%M:%S, and %L for milliseconds; always UTC.",
        {.fallback = "rfc3339"}));

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::encoder<nek::JsonEncoder, nek::kEncoderOptions>({
    .name = "json",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Writes records as JSON objects, one a line.",
    .example = R"(file:
  path: out/flows.ndjson
  fields: [ts, sa, da, byte]
  rename: {byte: bytes}
  nulls: omit)",
}));
