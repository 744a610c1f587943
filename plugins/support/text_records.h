// SPDX-License-Identifier: Apache-2.0
// Records that are one text each: what codecs without a structure of their own have in common.
// TextDecoder makes the column, of bytes that stay in the chunk; TextEncoder writes it back.
// Thread-safe after setup and start; a TextRecords is one thread's.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nek/plugin.hpp"

namespace nek {

struct TextConfig {
  std::string field;
};
constexpr auto kTextDecoderOptions = options<TextConfig>(option<&TextConfig::field>(
    "field", "Name of the column that takes the text.", {.fallback = "message"}));
constexpr auto kTextEncoderOptions = options<TextConfig>(option<&TextConfig::field>(
    "field", "Column of text to write.", {.type = "field", .fallback = "message"}));

// The texts of one chunk, in order.
class TextRecords {
 public:
  // `utf8`: the chunk is known to be; else what is not goes to the dead letters.
  void begin(bool utf8) {
    utf8_ = utf8;
    spans_.clear();
  }
  void add(Call& call, const nek_chunk& chunk, nek_span bytes) {
    const auto* text = reinterpret_cast<const char*>(chunk.data) + bytes.begin;
    if (utf8_ || valid_utf8({text, bytes.size})) return spans_.push_back(bytes);
    call.refuse(bytes, "utf8", "is not UTF-8");
  }
  void finish(Call& call, const nek_schema* schema, bool wanted) const {
    if (spans_.empty()) return;
    const auto rows = static_cast<uint32_t>(spans_.size());
    if (!wanted) return call.decoded(schema, rows, {}, spans_);
    TextWriter writer(call.column(NEK_TEXT, {.rows = rows, .chunk_text = true}));
    for (uint32_t row = 0; row < rows; row++)
      writer.set_span(row, spans_[row].begin, spans_[row].size);
    const nek_column* const columns[] = {writer.column()};
    call.decoded(schema, rows, columns, spans_);
  }

 private:
  bool utf8_ = false;
  std::vector<nek_span> spans_;
};

// What decoders of such records share: the one column.
class TextDecoder {
 public:
  using Lane = TextRecords;
  static constexpr bool kTextsAreUtf8 = true;

  TextDecoder(Host host, TextConfig config) : host_(host), config_(std::move(config)) {}
  Status setup(Shape& shape) {
    if (config_.field.empty()) return fail_at(host_.at("field"), "field: must not be empty");
    shape.derived("out", {{config_.field, NEK_TEXT}});
    return {};
  }
  Status start(const Start& start) {
    wanted_ = start.wants(config_.field);
    const nek_field column{config_.field.c_str(), NEK_TEXT, 0};
    schema_ = host_.schema({&column, wanted_ ? size_t{1} : size_t{0}});
    return {};
  }

 protected:
  void finish(Call& call, const Lane& lane) const { lane.finish(call, schema_, wanted_); }

 private:
  Host host_;
  TextConfig config_;
  const nek_schema* schema_ = nullptr;
  bool wanted_ = true;
};

// What encoders of such records share.
class TextEncoder {
 public:
  TextEncoder(Host, TextConfig config) : config_(std::move(config)) {}
  Status setup(Shape& shape) {
    text_ = shape.read(config_.field, {NEK_TEXT, NEK_JSON, NEK_DICT_TEXT});
    return {};
  }

 protected:
  // A row that `refuse` finds nothing wrong with goes out, `end` behind it.
  template <class Refuse>
  void write(Call& call, Encoded& out, std::string_view end, Refuse&& refuse) const {
    const TextView texts(call.read(text_));
    for (uint32_t row = 0; row < call.rows(); row++) {
      if (!texts.has(row)) {
        call.refuse(row, "no_text", config_.field);
      } else if (!refuse(row, texts[row])) {
        out.append(out.before(row));
        out.append(texts[row]);
        out.append(end);
      }
      out.end_row(row);
    }
  }

 private:
  TextConfig config_;
  uint32_t text_ = 0;
};

}  // namespace nek
