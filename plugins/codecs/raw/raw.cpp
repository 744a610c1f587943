// SPDX-License-Identifier: Apache-2.0
// Codec `raw`: a record is a whole message, or a whole file, as one text.
#include <string_view>

#include "nek/plugin.hpp"
#include "text_records.h"

namespace nek {
namespace {

class RawDecoder : public TextDecoder {
 public:
  using TextDecoder::TextDecoder;

  size_t frame(std::string_view bytes, bool at_end) const { return at_end ? bytes.size() : 0; }

  Status decode(Call& call, const nek_chunk& chunk, Lane& lane) const {
    lane.begin(chunk.utf8);
    for (uint32_t i = 0; i < chunk.segment_count; i++) {
      const nek_segment& segment = chunk.segments[i];
      if (segment.size) lane.add(call, chunk, {segment.begin, segment.size});
    }
    finish(call, lane);
    return {};
  }
};

class RawEncoder : public TextEncoder {
 public:
  using TextEncoder::TextEncoder;

  Status encode(Call& call, Encoded& out) const {
    write(call, out, "", [&](uint32_t row, std::string_view text) {
      if (!text.empty()) return false;
      call.refuse(row, "no_text", "an empty message would be no record when it is read");
      return true;
    });
    return {};
  }
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(
    nek::decoder<nek::RawDecoder, nek::kTextDecoderOptions>({
        .name = "raw",
        .version = "0.1.0",
        .vendor = "nek",
        .licence = "Apache-2.0",
        .summary = "Reads each message, or a whole file, as a record of one text.",
        .example = "stdin: {codec: raw}",
    }),
    nek::encoder<nek::RawEncoder, nek::kTextEncoderOptions>({
        .name = "raw",
        .version = "0.1.0",
        .vendor = "nek",
        .licence = "Apache-2.0",
        .summary = "Writes one column of text as it is, with nothing between records.",
        .example = "file: {path: out/messages.bin, codec: raw, field: message}",
    }));
