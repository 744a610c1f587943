// SPDX-License-Identifier: Apache-2.0
// flags: TCP flags as a list of letters, as a number, or both.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "code_column.h"
#include "nek/plugin.hpp"
#include "tcp_flags.h"

namespace nek {
namespace {

enum class Form : uint8_t { kLetters, kMask, kBoth };

struct Config {
  std::string field;
  Form as = Form::kLetters;
  std::string to;
  std::string mask_to;
};

constexpr auto kOptions = options<Config>(
    option<&Config::field>(
        "field",
        "Column of the flags: text as nfdump prints it (8 or 6 characters, hex), "
        "a number, or letters.",
        {.type = "field", .fallback = "flg"}),
    option<&Config::as>("as", "What is made of them: letters, the number (mask), or both.",
                        {.fallback = "letters", .range = "letters|mask|both"}),
    option<&Config::to>("to", "Column that is made; by default it replaces the one that is read.",
                        {.fallback = ""}),
    option<&Config::mask_to>("mask_to",
                             "With both: column of the number; by default the name of the letters' "
                             "column and _mask.",
                             {.fallback = ""}));

// The letters of each mask, in nfdump's order; a mask is its own code.
std::vector<std::vector<std::string>> letters_of_masks() {
  std::vector<std::vector<std::string>> lists(256);
  for (size_t mask = 0; mask < lists.size(); mask++) {
    for (size_t bit = kTcpFlagLetters.size(); bit-- > 0;) {
      if (mask >> bit & 1) lists[mask].emplace_back(1, kTcpFlagLetters[bit]);
    }
  }
  return lists;
}

const nek_column& mask_column(const Call& call, std::span<const int16_t> masks) {
  const bool nulls = std::any_of(masks.begin(), masks.end(), [](int16_t mask) { return mask < 0; });
  nek_column& column = call.column(NEK_UINT64, {.nulls = nulls});
  Uint64Writer out(column);
  for (uint32_t row = 0; row < masks.size(); row++) {
    if (masks[row] >= 0) {
      out.set(row, static_cast<uint64_t>(masks[row]));
    } else {
      out.null(row);
    }
  }
  return column;
}

class Flags {
 public:
  using Lane = TcpFlagsReader;

  Flags(Host host, Config config) : host_(host), config_(std::move(config)) {
    if (config_.to.empty()) config_.to = config_.field;
    if (config_.mask_to.empty()) {
      config_.mask_to = config_.as == Form::kMask ? config_.to : config_.to + "_mask";
    }
  }

  Status setup(Shape& shape) {
    field_ = shape.read(config_.field, kTcpFlagsTypes);
    std::vector<Field> adds;
    if (config_.as != Form::kMask) adds.push_back({config_.to, NEK_DICT_LIST});
    if (config_.as != Form::kLetters) adds.push_back({config_.mask_to, NEK_UINT64});
    out_ = shape.pass("out", adds);
    return {};
  }

  Status start(Start start) {
    letters_wanted_ = start.wants(config_.to);
    mask_wanted_ = start.wants(config_.mask_to);
    letters_ = host_.dictionary(letters_of_masks());
    return {};
  }

  Status process(Call& call, Lane& lane) const {
    const nek_column& flags = call.read(field_);
    const auto masks = call.memory<int16_t>(call.rows());
    lane.read(flags, masks);
    refuse_bad(call, flags, masks);
    std::vector<const nek_column*> added;
    if (config_.as != Form::kMask)
      added.push_back(letters_wanted_ ? letters(call, masks) : nullptr);
    if (config_.as != Form::kLetters)
      added.push_back(mask_wanted_ ? &mask_column(call, masks) : nullptr);
    call.emit(out_, added);
    return {};
  }

 private:
  static void refuse_bad(const Call& call, const nek_column& flags,
                         std::span<const int16_t> masks) {
    int16_t least = 0;
    for (const int16_t mask : masks) least = std::min(least, mask);
    if (least != kBadTcpFlags) return;
    for (uint32_t row = 0; row < masks.size(); row++) {
      if (masks[row] == kBadTcpFlags) {
        call.refuse(row, "not_flags", tcp_flags_text(flags, row));
      }
    }
  }
  const nek_column* letters(const Call& call, std::span<const int16_t> masks) const {
    const auto codes = call.memory<int32_t>(masks.size());
    std::copy(masks.begin(), masks.end(), codes.begin());
    return &code_column(call, NEK_DICT_LIST, codes, letters_.get());
  }

  Host host_;
  Config config_;
  uint32_t field_ = 0, out_ = 0;
  bool letters_wanted_ = true, mask_wanted_ = true;
  Dictionary letters_;
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::filter<nek::Flags, nek::kOptions>({
    .name = "flags",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Makes a list of letters, or a number, of TCP flags.",
    .example = "flags: {field: flg}",
}));
