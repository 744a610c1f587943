// SPDX-License-Identifier: Apache-2.0
// Decoder `csv`: rows of RFC 4180, or nfdump's text output, to typed columns.
// Decoder `nfdump`: the same with `format: nfdump`, as a codec for any input.
// Encoder `csv`: records to rows.
#include "column_types.h"
#include "decoder.h"
#include "encoder.h"
#include "nek/plugin.hpp"

namespace nek::csv {

namespace {

constexpr TypesDoc kColumnsDoc(kFlatTypes, "Name and type of each column: ",
                               ". Left out: all of the header, as text.");
constexpr auto kIcmp = option<&DecoderConfig::icmp>(
    "icmp", "With nfdump: adds icmp_type and icmp_code, of a port like 3.10.",
    {.fallback = "false"});
constexpr auto kTimezone = option<&DecoderConfig::timezone>(
    "timezone", "Of times without an offset, like Europe/Zurich.", {.fallback = "UTC"});
constexpr auto kOptions = options<DecoderConfig>(
    option<&DecoderConfig::format>("format",
                                   "What the rows are: of any program, or flows of nfdump.",
                                   {.fallback = "plain", .range = "plain|nfdump"}),
    option<&DecoderConfig::columns>("columns", kColumnsDoc.text.data(), {.fallback = "{}"}),
    option<&DecoderConfig::header>(
        "header",
        "Whether the first line names the columns; auto (the default): it does "
        "when there are no columns given, or it holds their names.",
        {.range = "auto|yes|no"}),
    option<&DecoderConfig::delimiter>("delimiter",
                                      "What separates fields: one character, by default a comma."),
    option<&DecoderConfig::trim>(
        "trim",
        "Removes blanks around texts (default false); those around numbers never "
        "matter."),
    kTimezone, kIcmp);
constexpr auto kNfdumpOptions = options<DecoderConfig>(kTimezone, kIcmp);

constexpr auto kEncoderOptions = options<EncoderConfig>(
    option<&EncoderConfig::fields>("fields", "Columns to write, in this order."),
    option<&EncoderConfig::rename>("rename", "Other names in the header, as column: name.",
                                   {.fallback = "{}"}),
    option<&EncoderConfig::header>("header", "Whether a file begins with the columns' names.",
                                   {.fallback = "true"}),
    option<&EncoderConfig::delimiter>("delimiter", "What separates fields: one character.",
                                      {.fallback = "','"}),
    option<&EncoderConfig::list_separator>(
        "list_separator", "What separates the items of a list in its field.", {.fallback = "' '"}),
    kTimeFormatOption, kTimezoneOption);

class NfdumpDecoder : public Decoder {
 public:
  NfdumpDecoder(Host host, DecoderConfig config) : Decoder(host, as_nfdump(std::move(config))) {}

 private:
  static DecoderConfig as_nfdump(DecoderConfig config) {
    config.format = Format::kNfdump;
    return config;
  }
};

}  // namespace

}  // namespace nek::csv

NEK_EXPORT_PLUGINS(
    nek::decoder<nek::csv::Decoder, nek::csv::kOptions>(
        {.name = "csv",
         .version = "0.1.0",
         .vendor = "nek",
         .licence = "Apache-2.0",
         .summary = "Reads rows of comma separated values, and flows that nfdump printed.",
         .example = "csv: { path: flows.csv, format: nfdump }"}),
    nek::decoder<nek::csv::NfdumpDecoder, nek::csv::kNfdumpOptions>(
        {.name = "nfdump",
         .version = "0.1.0",
         .vendor = "nek",
         .licence = "Apache-2.0",
         .summary = "Reads flows that nfdump printed, in any of its fmt and csv formats.",
         .example = "csv: { path: flows.csv, codec: nfdump }"}),
    nek::encoder<nek::csv::Encoder, nek::csv::kEncoderOptions>(
        {.name = "csv",
         .version = "0.1.0",
         .vendor = "nek",
         .licence = "Apache-2.0",
         .summary = "Writes records as rows of comma separated values.",
         .example = "file: { path: flows.csv, codec: csv, fields: [ts, sa, da] }"}));
