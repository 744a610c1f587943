// SPDX-License-Identifier: Apache-2.0
// syn_split: flows that only asked for a connection, beside all and beside the rest.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nek/plugin.hpp"
#include "tcp_flags.h"

namespace nek {
namespace {

struct Config {
  std::string field;
  std::vector<std::string> set, unset;
};

constexpr auto kOptions = options<Config>(
    option<&Config::field>("field",
                           "Column of the flags: letters (of the filter flags), a number, or text "
                           "as nfdump prints it.",
                           {.type = "field", .fallback = "flg"}),
    option<&Config::set>("set", "Flags that a flow of the stream syn has.", {.fallback = "[S]"}),
    option<&Config::unset>("unset", "Flags that a flow of the stream syn does not have.",
                           {.fallback = "[A, F, U, R, P]"}));

class SynSplit {
 public:
  using Lane = TcpFlagsReader;

  SynSplit(Host host, Config config) : host_(host), config_(std::move(config)) {}

  Status setup(Shape& shape) {
    if (Status s = read_letters("set", config_.set, set_); !s.ok()) return s;
    if (Status s = read_letters("unset", config_.unset, unset_); !s.ok()) return s;
    if (set_ & unset_) {
      return fail_at(host_.at("unset"), "a flag is in 'set' and in 'unset', so no flow matches");
    }
    field_ = shape.read(config_.field, kTcpFlagsTypes);
    syn_ = shape.subset("syn");
    all_ = shape.pass("all");
    rest_ = shape.subset("rest");
    return {};
  }

  Status process(Call& call, Lane& lane) const {
    const uint32_t rows = call.rows();
    const auto masks = call.memory<int16_t>(rows);
    lane.read(call.read(field_), masks);
    const auto syn = call.memory<uint64_t>(bitmap_words(rows));
    const auto rest = call.memory<uint64_t>(bitmap_words(rows));
    for (uint32_t begin = 0; begin < rows; begin += 64) {
      const uint32_t count = std::min(64u, rows - begin);
      uint64_t bits = 0;
      for (uint32_t i = 0; i < count; i++) bits |= uint64_t{is_syn(masks[begin + i])} << i;
      syn[begin / 64] = bits;
      rest[begin / 64] = ~bits & (~uint64_t{0} >> (64 - count));
    }
    if (rows > 0 && !any_flags_.load(std::memory_order_relaxed)) note_flags(masks);
    call.emit_rows(syn_, syn);
    call.emit(all_);
    call.emit_rows(rest_, rest);
    return {};
  }

  void summary(Summary& to) const {
    if (any_rows_ && !any_flags_)
      to.table(("syn is empty, as no flow has flags in '" + config_.field + "'").c_str(), {});
  }

 private:
  void note_flags(std::span<const int16_t> masks) const {
    any_rows_ = true;
    if (std::any_of(masks.begin(), masks.end(), [](int16_t mask) { return mask >= 0; }))
      any_flags_ = true;
  }
  bool is_syn(int16_t mask) const { return mask >= 0 && (mask & (set_ | unset_)) == set_; }

  Status read_letters(const char* option, const std::vector<std::string>& letters, uint8_t& mask) {
    for (const auto& text : letters) {
      const auto one = parse_tcp_flags(text);
      if (!one) {
        return fail_at(host_.at(option),
                       "'" + text + "' is no TCP flag; they are C, E, U, A, P, R, S and F");
      }
      mask |= *one;
    }
    return {};
  }

  Host host_;
  Config config_;
  uint8_t set_ = 0, unset_ = 0;
  uint32_t field_ = 0, syn_ = 0, all_ = 0, rest_ = 0;
  mutable std::atomic<bool> any_rows_ = false, any_flags_ = false;  // of the run
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::filter<nek::SynSplit, nek::kOptions>({
    .name = "syn_split",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Splits flows that only asked for a connection (SYN alone) from the rest.",
    .example = "syn_split: {id: split}",
}));
