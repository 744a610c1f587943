// SPDX-License-Identifier: Apache-2.0
// Codec `lines`: a record is a line of text.
#include <algorithm>
#include <string_view>

#include "nek/plugin.hpp"
#include "text_records.h"

namespace nek {
namespace {

class LinesDecoder : public TextDecoder {
 public:
  using TextDecoder::TextDecoder;

  size_t frame(std::string_view bytes, bool at_end) const {
    return at_end ? bytes.size() : bytes.rfind('\n') + 1;
  }

  Status decode(Call& call, const nek_chunk& chunk, Lane& lane) const {
    lane.begin(chunk.utf8);
    for (uint32_t i = 0; i < chunk.segment_count; i++) {
      const std::string_view bytes = bytes_of(chunk, chunk.segments[i]);
      for (size_t begin = 0; begin < bytes.size();) {
        const size_t end = std::min(bytes.find('\n', begin), bytes.size());
        const size_t size = end - begin - (end > begin && bytes[end - 1] == '\r' ? 1 : 0);
        lane.add(
            call, chunk,
            {chunk.segments[i].begin + static_cast<uint32_t>(begin), static_cast<uint32_t>(size)});
        begin = end + 1;
      }
    }
    finish(call, lane);
    return {};
  }
};

class LinesEncoder : public TextEncoder {
 public:
  using TextEncoder::TextEncoder;

  std::string_view record_end() const { return "\n"; }
  Status encode(Call& call, Encoded& out) const {
    write(call, out, record_end(), [&](uint32_t row, std::string_view text) {
      if (text.find('\n') == std::string_view::npos) return false;
      call.refuse(row, "line_break", "a line cannot hold a line break: use codec raw or json");
      return true;
    });
    return {};
  }
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::decoder<nek::LinesDecoder, nek::kTextDecoderOptions>({
                       .name = "lines",
                       .version = "0.1.0",
                       .vendor = "nek",
                       .licence = "Apache-2.0",
                       .summary = "Reads each line as a record of one text.",
                       .example = "stdin: {codec: lines}",
                   }),
                   nek::encoder<nek::LinesEncoder, nek::kTextEncoderOptions>({
                       .name = "lines",
                       .version = "0.1.0",
                       .vendor = "nek",
                       .licence = "Apache-2.0",
                       .summary = "Writes one column of text, a record a line.",
                       .example = "file: {path: out/messages.txt, codec: lines, field: message}",
                   }));
