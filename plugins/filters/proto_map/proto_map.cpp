// SPDX-License-Identifier: Apache-2.0
// proto_map: names of IP protocols in place of numbers and of nfdump's abbreviations.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "code_column.h"
#include "nek/plugin.hpp"
#include "per_code.h"
#include "protocols.h"
#include "seen_texts.h"

namespace nek {
namespace {

struct Config {
  std::string field;
  std::string to;
  std::map<std::string, std::string> map;
};

constexpr auto kOptions = options<Config>(
    option<&Config::field>("field", "Column of the protocol: a number, or a name.",
                           {.type = "field", .fallback = "pr"}),
    option<&Config::to>("to", "Column of the name; by default it replaces the one that is read.",
                        {.fallback = ""}),
    option<&Config::map>("map",
                         "More names, or others: number or name, and what is written for it.",
                         {.fallback = "{}"}));

constexpr int32_t kNull = -1;

class ProtoMap {
 public:
  struct Lane {
    explicit Lane(const ProtoMap& map) : seen(map.host_.c(), map.names_, map.dictionary_.get()) {}
    PerCode<int32_t> by_code;
    SeenTexts seen;
  };

  ProtoMap(Host host, Config config) : host_(host), config_(std::move(config)) {
    if (config_.to.empty()) config_.to = config_.field;
    for (int number = 0; number < 256; number++) {
      names_.push_back(protocol_name(static_cast<uint8_t>(number)));
    }
    for (const auto& [from, name] : config_.map) {
      if (const auto number = protocol_number(from)) {
        names_[*number] = name;
      } else {
        own_names_[from] = static_cast<int32_t>(names_.size());
        names_.push_back(name);
      }
    }
  }

  Status setup(Shape& shape) {
    field_ = shape.read(config_.field, {NEK_INT64, NEK_UINT64, NEK_TEXT, NEK_DICT_TEXT});
    out_ = shape.pass("out", {{config_.to, NEK_DICT_TEXT}});
    return {};
  }

  Status start(Start start) {
    wanted_ = start.wants(config_.to);
    dictionary_ = host_.dictionary(names_);
    return {};
  }

  Status process(Call& call, Lane& lane) const {
    if (!wanted_) {
      call.emit(out_, {nullptr});
      return {};
    }
    if (lane.seen.seen() > kMaxSeen) lane = Lane(*this);
    const auto codes = call.memory<int32_t>(call.rows());
    read(call.read(field_), lane, codes);
    call.emit(out_, {&code_column(call, NEK_DICT_TEXT, codes, lane.seen.dictionary())});
    return {};
  }

 private:
  static constexpr size_t kMaxSeen =
      4096;  // unknown names, which data from outside may have many of

  // A code for each row.
  void read(const nek_column& from, Lane& lane, std::span<int32_t> codes) const {
    switch (from.type) {
      case NEK_INT64: read_numbers(Int64View(from), lane, codes); break;
      case NEK_UINT64: read_numbers(Uint64View(from), lane, codes); break;
      case NEK_TEXT: read_texts(TextView(from), lane, codes); break;
      default: read_codes(from, lane, codes); break;
    }
    if (!from.validity) return;
    for (uint32_t row = 0; row < codes.size(); row++) {
      if (!nek_has(&from, row)) codes[row] = kNull;
    }
  }
  template <class View>
  void read_numbers(const View& from, Lane& lane, std::span<int32_t> codes) const {
    for (uint32_t row = 0; row < codes.size(); row++) {
      const auto number = from[row];
      codes[row] = std::in_range<uint8_t>(number) ? static_cast<int32_t>(number)
                                                  : lane.seen.code(std::to_string(number));
    }
  }
  void read_texts(const TextView& from, Lane& lane, std::span<int32_t> codes) const {
    for (uint32_t row = 0; row < codes.size(); row++) {
      codes[row] = from.has(row) ? code_of(from[row], lane) : kNull;
    }
  }
  void read_codes(const nek_column& from, Lane& lane, std::span<int32_t> codes) const {
    const TextView values(*from.dictionary->values);
    const auto by_code = lane.by_code.of(*from.dictionary, [&](uint32_t code) {
      return values.has(code) ? code_of(values[code], lane) : kNull;
    });
    const CodeView from_codes(from);
    for (uint32_t row = 0; row < codes.size(); row++) {
      codes[row] = by_code[static_cast<uint32_t>(from_codes[row])];
    }
  }
  int32_t code_of(std::string_view text, Lane& lane) const {
    if (const auto number = protocol_number(text)) return *number;
    const auto own = own_names_.find(text);
    return own == own_names_.end() ? lane.seen.code(text) : own->second;
  }

  Host host_;
  Config config_;
  std::vector<std::string> names_;  // by code; the first 256 by number
  std::map<std::string, int32_t, std::less<>> own_names_;
  uint32_t field_ = 0, out_ = 0;
  bool wanted_ = true;
  Dictionary dictionary_;
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::filter<nek::ProtoMap, nek::kOptions>({
    .name = "proto_map",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Gives IP protocols their names.",
    .example = "proto_map: {field: pr}",
}));
