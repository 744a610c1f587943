// SPDX-License-Identifier: Apache-2.0
#include "decoder.h"
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
    kTimeFormatOption, kTimezoneOption);

constexpr TypesDoc kColumnsDoc(kAllTypes, "Name and type of each column: ",
                               ". None: all keys, texts and lists of texts as such, other values "
                               "as they are written.");
constexpr auto kDecoderOptions = options<JsonDecoderConfig>(
    option<&JsonDecoderConfig::columns>("columns", kColumnsDoc.text.data(), {.fallback = "{}"}),
    option<&JsonDecoderConfig::others>(
        "others", "What becomes of keys that are not in 'columns', where there are any.",
        {.fallback = "drop", .range = "drop|keep"}));

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
                   }),
                   nek::decoder<nek::JsonDecoder, nek::kDecoderOptions>({
                       .name = "json",
                       .version = "0.1.0",
                       .vendor = "nek",
                       .licence = "Apache-2.0",
                       .summary = "Reads JSON objects, one a line, or several a message.",
                       .example = R"(stdin:
  columns: {ts: time, sa: text, byte: uint64})",
                   }));
