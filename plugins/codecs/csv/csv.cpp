// SPDX-License-Identifier: Apache-2.0
// Decoder `csv`: rows of RFC 4180, or nfdump's text output, to typed columns.
// Decoder `nfdump`: the same with `format: nfdump`, as a codec for any input.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "columns.h"
#include "nek/plugin.hpp"
#include "nfdump.h"
#include "parse.h"
#include "scan.h"

namespace nek::csv {

namespace {

enum class Format : uint8_t { kPlain, kNfdump };
enum class Header : uint8_t { kAuto, kYes, kNo };

struct Config {
  Format format = Format::kPlain;
  Header header = Header::kAuto;
  StringPairs columns;
  std::string delimiter;
  bool trim = false;
  bool icmp = false;
};

constexpr auto kIcmp =
    option<&Config::icmp>("icmp", "With nfdump: adds icmp_type and icmp_code, of a port like 3.10.",
                          {.fallback = "false"});
constexpr auto kOptions = options<Config>(
    option<&Config::format>("format", "What the rows are: of any program, or flows of nfdump.",
                            {.fallback = "plain", .range = "plain|nfdump"}),
    option<&Config::columns>("columns",
                             "Name and type of each column: text, dict, int64, uint64, double, "
                             "bool, time, epoch_s, epoch_ms. Left out: all of the header, as text.",
                             {.fallback = "{}"}),
    option<&Config::header>("header",
                            "Whether the first line names the columns; auto: it does when there "
                            "are no columns given, or it holds their names.",
                            {.fallback = "auto", .range = "auto|yes|no"}),
    option<&Config::delimiter>("delimiter", "What separates fields: one character.",
                               {.fallback = "','"}),
    option<&Config::trim>("trim", "Removes blanks around texts; those around numbers never matter.",
                          {.fallback = "false"}),
    kIcmp);
constexpr auto kNfdumpOptions = options<Config>(kIcmp);

std::optional<Kind> kind_of(std::string_view type) {
  static constexpr std::pair<std::string_view, Kind> kKinds[] = {
      {"text", Kind::kText},       {"dict", Kind::kDict},
      {"int64", Kind::kInt64},     {"uint64", Kind::kUint64},
      {"double", Kind::kDouble},   {"bool", Kind::kBool},
      {"time", Kind::kTime},       {"epoch_s", Kind::kEpochSeconds},
      {"epoch_ms", Kind::kEpochMs}};
  for (const auto& [name, kind] : kKinds) {
    if (name == type) return kind;
  }
  return std::nullopt;
}

std::string_view without_bom(std::string_view head) {
  static constexpr std::string_view kBom = "\xef\xbb\xbf";
  return head.starts_with(kBom) ? head.substr(kBom.size()) : head;
}

class Decoder {
 public:
  struct Source {
    const Plan* plan = nullptr;  // of plain rows; nullptr: they can't be read
    std::string problem;         // why not
    Plan own;                    // by the header
    bool skip_first = false;     // the header
  };
  struct Lane {
    Index index;
    std::vector<Record> records;
    std::vector<Refusal> refusals;
    Dictionaries dictionaries;
  };

  Decoder(Host host, Config config) : host_(host), config_(std::move(config)) {}

  Status setup(Shape& shape) {
    Status status = nfdump() ? set_nfdump() : set_plain();
    if (!status.ok()) return status;
    std::vector<Field> fields;
    for (const nek_field& f : fields_of(columns_)) fields.push_back({f.name, f.type, f.flags});
    shape.derived("out", fields);
    return {};
  }

  Status start(const Start& start) {
    std::erase_if(columns_, [&](const Column& column) { return !start.wants(column.name); });
    if (nfdump()) {
      for (const NfdumpFormat& format : nfdump_formats()) plans_.push_back(nfdump_plan(format));
    } else {
      plans_.push_back(plan_of(columns_, static_cast<uint32_t>(config_.columns.size())));
    }
    return {};
  }

  // Bytes must not stop a pipeline: a header that is wrong makes dead letters of its rows.
  Status open(Source& source, std::string_view head) const {
    if (nfdump()) return {};
    const auto names = first_record(without_bom(head));
    source.skip_first = is_header(names);
    if (!source.skip_first) {
      source.plan = &plans_[0];
      return {};
    }
    source.problem = plan_by_header(source, names);
    if (!source.problem.empty() && !head.empty()) host_.log(NEK_WARN, source.problem);
    return {};
  }

  size_t frame(const Source&, std::string_view bytes, bool at_end) const {
    return at_end ? bytes.size() : last_record_end(bytes, dialect_);
  }

  Status decode(Call& call, const nek_chunk& chunk, Lane& lane) const {
    const auto* bytes = reinterpret_cast<const char*>(chunk.data);
    lane.index.clear();
    lane.refusals.clear();
    lane.records.clear();
    const Plan* plan = nullptr;
    const auto hand_out = [&] {
      if (lane.records.empty()) return;
      const Batch batch = {bytes, lane.index.ends.data(), &lane.records, lane.index.quoted,
                           chunk.utf8};
      decode_records(call, *plan, batch, lane.dictionaries, lane.refusals);
      lane.records.clear();
    };
    std::vector<size_t> first_of;  // record of each segment
    for (uint32_t i = 0; i < chunk.segment_count; i++) {
      first_of.push_back(lane.index.records.size());
      scan_segment(bytes, chunk.segments[i], lane.index);
    }
    first_of.push_back(lane.index.records.size());
    for (uint32_t i = 0; i < chunk.segment_count; i++) {
      const Source& source = source_of<Source>(chunk.segments[i]);
      for (size_t at = first_of[i]; at < first_of[i + 1]; at++) {
        const Record& record = lane.index.records[at];
        const Plan* of_record = plan_for(source, bytes, record, lane.refusals);
        if (!of_record) continue;
        if (of_record != plan) hand_out();
        plan = of_record;
        lane.records.push_back(record);
      }
    }
    hand_out();
    std::stable_sort(
        lane.refusals.begin(), lane.refusals.end(),
        [](const Refusal& a, const Refusal& b) { return a.bytes.begin < b.bytes.begin; });
    for (const Refusal& r : lane.refusals) call.refuse(r.bytes, r.reason, r.detail);
    return {};
  }

 private:
  bool nfdump() const { return config_.format == Format::kNfdump; }

  Status set_nfdump() {
    if (!config_.columns.empty()) {
      return fail_at(host_.at("columns"), "columns: 'format: nfdump' has its own");
    }
    dialect_ = {',', false};
    for (const auto& f : kNfdumpFields)
      columns_.push_back({std::string(f.name), f.kind, 0, true, false});
    if (config_.icmp) {
      columns_.push_back({"icmp_type", Kind::kIcmpType, 0, true, true});
      columns_.push_back({"icmp_code", Kind::kIcmpCode, 0, true, true});
    }
    return {};
  }
  Status set_plain() {
    if (config_.icmp) return fail_at(host_.at("icmp"), "icmp: only with 'format: nfdump'");
    if (config_.header == Header::kNo && config_.columns.empty()) {
      return fail_at(host_.at("header"), "header: without one, 'columns' must be given");
    }
    const std::string& delimiter = config_.delimiter;
    if (delimiter.size() != 1 || static_cast<unsigned char>(delimiter[0]) > 127 ||
        delimiter == "\"" || delimiter == "\n" || delimiter == "\r") {
      return fail_at(host_.at("delimiter"), "delimiter: must be one ASCII character, no quote");
    }
    dialect_ = {delimiter[0], true};
    for (const auto& [name, type] : config_.columns) {
      const auto kind = kind_of(type);
      if (!kind) {
        return fail_at(
            find(*host_.at("columns"), name),
            "columns: '" + name + "' has unknown type '" + type +
                "'; there are text, dict, int64, uint64, double, bool, time, epoch_s, epoch_ms");
      }
      columns_.push_back({name, *kind, static_cast<int>(columns_.size()), config_.trim, true});
    }
    return {};
  }

  // The first time is the event's.
  static std::vector<nek_field> fields_of(const std::vector<Column>& columns) {
    std::vector<nek_field> fields;
    uint32_t flags = NEK_EVENT_TIME;
    for (const Column& column : columns) {
      const nek_type type = type_of(column.kind);
      fields.push_back({column.name.c_str(), type, type == NEK_TIME ? flags : 0});
      if (type == NEK_TIME) flags = 0;
    }
    return fields;
  }
  Plan plan_of(std::vector<Column> columns, uint32_t fields) const {
    const auto schema = fields_of(columns);
    return {host_.schema(schema), fields, std::move(columns)};
  }
  Plan nfdump_plan(const NfdumpFormat& format) const {
    std::vector<Column> columns = columns_;
    for (Column& column : columns) {
      const auto* found = std::find_if(kNfdumpFields.begin(), kNfdumpFields.end(),
                                       [&](const NfdumpField& f) { return f.name == column.name; });
      const size_t at = found == kNfdumpFields.end()
                            ? size_t{kDp}
                            : static_cast<size_t>(found - kNfdumpFields.begin());
      column.field = format.at[at];
    }
    return plan_of(std::move(columns), format.fields);
  }

  std::vector<std::string> first_record(std::string_view bytes) const {
    std::vector<std::string> texts;
    Index index;
    scan(bytes.data(), 0, static_cast<uint32_t>(bytes.size()), dialect_, index);
    if (index.records.empty()) return texts;
    const Record& record = index.records[0];
    for (uint32_t i = 0; i < record.fields; i++) {
      std::string scratch;
      std::string_view text = trim(field(bytes.data(), index.ends.data(), record, i));
      unquote(text, scratch);
      texts.emplace_back(text);
    }
    return texts;
  }
  bool is_header(const std::vector<std::string>& first) const {
    if (config_.header != Header::kAuto) return config_.header == Header::kYes;
    return std::all_of(config_.columns.begin(), config_.columns.end(), [&](const auto& column) {
      return std::find(first.begin(), first.end(), column.first) != first.end();
    });
  }
  // What is wrong with the header, or "".
  std::string plan_by_header(Source& source, const std::vector<std::string>& names) const {
    if (names.empty()) return "there is no header, and no 'columns' are given";
    std::vector<Column> columns = columns_;
    for (Column& column : columns) {
      const auto at = std::find(names.begin(), names.end(), column.name);
      if (at == names.end()) return "the header has no column '" + column.name + "'";
      column.field = static_cast<int>(at - names.begin());
    }
    for (const auto& name : names) {
      if (!config_.columns.empty()) break;
      if (!is_name(name)) return "the header has a column without a name";
      if (std::count(names.begin(), names.end(), name) > 1) {
        return "the header has column '" + name + "' twice";
      }
      columns.push_back({name, Kind::kText, static_cast<int>(columns.size()), config_.trim, true});
    }
    source.own = plan_of(std::move(columns), static_cast<uint32_t>(names.size()));
    source.plan = &source.own;
    return {};
  }
  static bool is_name(std::string_view text) {
    return !text.empty() && valid_utf8(text) &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= ' '; });
  }

  void scan_segment(const char* bytes, const nek_segment& segment, Index& index) const {
    uint32_t begin = segment.begin;
    const uint32_t end = segment.begin + segment.size;
    const bool at_start = segment.position == 0 && !(segment.source->flags & NEK_MESSAGES);
    if (at_start) {
      const std::string_view all{bytes + begin, segment.size};
      begin += static_cast<uint32_t>(all.size() - without_bom(all).size());
    }
    const size_t first = index.records.size();
    scan(bytes, begin, end, dialect_, index);
    const bool has_header = at_start && source_of<Source>(segment).skip_first;
    if (has_header && index.records.size() > first) {
      index.records.erase(index.records.begin() + static_cast<std::ptrdiff_t>(first));
    }
  }

  // How to read a record; nullptr where it is none, with a refusal unless it is meant to be
  // skipped.
  const Plan* plan_for(const Source& source, const char* bytes, const Record& record,
                       std::vector<Refusal>& refusals) const {
    const nek_span span = {record.begin, record.end - record.begin};
    if (!nfdump()) {
      if (source.plan && source.plan->fields == record.fields) return source.plan;
      refusals.push_back(source.plan ? Refusal{span, "columns", wrong_count(record, *source.plan)}
                                     : Refusal{span, "header", source.problem});
      return nullptr;
    }
    size_t format = 0;
    switch (classify_nfdump({bytes + span.begin, span.size}, record.fields, format)) {
      case NfdumpLine::kFlow: return &plans_[format];
      case NfdumpLine::kNoFlow: return nullptr;
      case NfdumpLine::kUnknown: break;
    }
    refusals.push_back({span, "format",
                        "is no line of a known format of nfdump; it has " +
                            std::to_string(record.fields) + " fields"});
    return nullptr;
  }

  static std::string wrong_count(const Record& record, const Plan& plan) {
    return "has " + std::to_string(record.fields) + " fields, not " + std::to_string(plan.fields);
  }

  Host host_;
  Config config_;
  Dialect dialect_;
  std::vector<Column> columns_;  // declared; once started: those of them that anyone reads
  std::vector<Plan> plans_;      // nfdump: of each format; plain: of the declared columns in order
};

class NfdumpDecoder : public Decoder {
 public:
  NfdumpDecoder(Host host, Config config) : Decoder(host, as_nfdump(std::move(config))) {}

 private:
  static Config as_nfdump(Config config) {
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
         .example = "csv: { path: flows.csv, codec: nfdump }"}));
