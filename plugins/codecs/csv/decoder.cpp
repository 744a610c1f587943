// SPDX-License-Identifier: Apache-2.0
#include "decoder.h"

#include <algorithm>

#include "delimiter.h"
#include "option_error.h"
#include "parse.h"

namespace nek::csv {

namespace {

constexpr const char* kOtherHeader =
    "this header names other columns than those by which the rows are read; what nfdump printed "
    "in another way belongs into a file of its own, with its header first";
constexpr const char* kUnclear =
    "which columns it has cannot be told; let nfdump print its header (without -q), or all of "
    "%ts, %sa, %sp, %da, %dp, %byt, %pkt, %out, %pr, %flg in this order";

std::string_view without_bom(std::string_view head) {
  return head.starts_with(kBom) ? head.substr(kBom.size()) : head;
}

}  // namespace

Decoder::Decoder(Host host, DecoderConfig config)
    : host_(host),
      config_(std::move(config)),
      shortened_(host.counter("shortened_addresses",
                              "IPv6 addresses that nfdump shortened; with -6 it does not.")),
      ambiguous_(host.counter("ambiguous_times",
                              "Times of an hour that comes twice; the first is taken.")),
      flagless_(host.counter("flows_without_flags",
                             "Flows that nfdump printed without their TCP flags (%flg), though "
                             "something reads them.")) {}

Status Decoder::setup(Shape& shape) {
  auto zone = TimeZone::load(config_.timezone);
  if (!zone.ok()) return option_error(host_, "timezone", zone.status().message());
  zone_ = std::move(*zone);
  if (Status status = nfdump() ? set_nfdump() : set_plain(); !status.ok()) return status;
  std::vector<Field> fields;
  for (const nek_field& f : fields_of(columns_)) fields.push_back({f.name, f.type, f.flags});
  shape.derived("out", fields);
  return {};
}

Status Decoder::start(const Start& start) {
  const bool has_time = std::any_of(columns_.begin(), columns_.end(), [](const Column& column) {
    return column.type == ColumnType::kTime;
  });
  if (has_time) host_.log(NEK_INFO, "times without an offset are read in " + config_.timezone);
  if (!start.wants_all()) wanted_.emplace(start.wanted().begin(), start.wanted().end());
  std::erase_if(columns_, [&](const Column& column) { return !start.wants(column.name); });
  if (nfdump()) {
    for (const NfdumpFormat& format : nfdump_formats()) plans_.push_back(nfdump_plan(format));
  } else {
    plans_.push_back(plan_of(columns_, static_cast<uint32_t>(config_.columns.size())));
  }
  return {};
}

Status Decoder::open(Source& source, std::string_view head) const {
  const auto [first, first_at] = first_record(head);
  if (nfdump()) {
    source.header = nfdump_format_of(first);
    if (source.header) source.header_at = first_at;
    const auto names = source.header ? first : nfdump_header_in(head);
    if (!source.header) source.header = nfdump_format_of(names);
    source.refuses_words = !names.empty() && !source.header && !is_header_of_words(names);
    const bool is_usual = source.header == nfdump_formats()[kFmt];
    if (source.header && !is_usual) source.by_header = nfdump_plan(*source.header);
    source.is_fmt = !source.header || is_usual || source.header->fields != kNfdumpColumns;
    return {};
  }
  source.plan = &plans_[0];
  if (is_header(first)) {
    source.header_at = first_at;
    source.problem = plan_by_header(source, first);
  }
  if (!source.problem.empty() && !head.empty()) host_.log(NEK_WARN, source.problem);
  return {};
}

Status Decoder::decode(Call& call, const nek_chunk& chunk, Lane& lane) const {
  const auto* bytes = reinterpret_cast<const char*>(chunk.data);
  index_chunk(chunk, lane);
  // Records of one plan follow each other from `first` on; what is no row is left out in place.
  std::vector<Record>& records = lane.index.records;
  const Plan* plan = nullptr;
  size_t first = 0, kept = 0;
  const auto hand_out = [&] {
    if (first == kept) return;
    const Batch batch = {bytes,
                         lane.index.ends.data(),
                         std::span(records).subspan(first, kept - first),
                         lane.index.quoted,
                         chunk.utf8,
                         &zone_};
    decode_records(call, *plan, batch, lane.scratch, lane.refusals);
    first = kept;
  };
  for (uint32_t i = 0; i < chunk.segment_count; i++) {
    const Source& source = source_of<Source>(chunk.segments[i]);
    for (size_t at = lane.segments[i]; at < lane.segments[i + 1]; at++) {
      Record& record = records[at];
      const bool is_usual = source.is_fmt && is_fmt(bytes, lane.index.ends.data(), record);
      const Plan* its = is_usual ? &plans_[kFmt] : plan_for(source, bytes, record, lane);
      if (!its) continue;
      if (its != plan) hand_out();
      plan = its;
      if (kept < at) records[kept] = record;
      kept++;
    }
  }
  hand_out();
  lane.scratch.counts.refused += lane.refusals.size();
  refuse(call, lane.refusals);
  count(std::exchange(lane.scratch.counts, {}));
  return {};
}

void Decoder::stop() {
  if (const uint64_t shortened = all_shortened_) {
    host_.log(NEK_WARN, std::to_string(shortened) +
                            " IPv6 addresses were shortened by nfdump (2804:37..33:a1b5): they "
                            "have no country; call nfdump with -6 to get them whole");
  }
  if (const uint64_t ambiguous = all_ambiguous_) {
    host_.log(NEK_WARN, std::to_string(ambiguous) + " times are of an hour that comes twice in " +
                            config_.timezone + ": the first was taken");
  }
  if (nfdump() && all_rows_ == 0 && all_refused_ > 0) {
    host_.log(NEK_WARN,
              "none of " + std::to_string(all_refused_) +
                  " lines is a flow as nfdump prints it: -o csv is always understood, and -o "
                  "\"fmt:%ts, %sa, %sp, %da, %dp, %byt, %pkt, %out, %pr, %flg\" with -6 and -N");
  }
  if (const uint64_t flagless = all_flagless_) {
    host_.log(NEK_WARN, std::to_string(flagless) +
                            " flows were printed by nfdump without their TCP flags (%flg): what "
                            "needs them, as SYN flows and scans do, sees nothing in these");
  }
}

Status Decoder::set_nfdump() {
  static constexpr std::pair<const char*, const char*> kNotHere[] = {
      {"header", "knows nfdump's headers by itself"},
      {"delimiter", "reads what is separated by commas, as in nfdump's \"fmt:%ts, %sa, ...\""},
      {"trim", "always removes blanks"}};
  if (!config_.columns.empty())
    return option_error(host_, "columns", "'format: nfdump' has its own");
  for (const auto& [option, why] : kNotHere) {
    if (host_.at(option) != &host_.config())
      return option_error(host_, option, std::string("'format: nfdump' ") + why);
  }
  dialect_ = {',', false};
  for (const auto& field : kNfdumpFields) {
    add_flow_column(field.name, field.kind).empty_is_null = false;
  }
  if (config_.icmp) {
    add_flow_column("icmp_type", FlowKind::kIcmpType);
    add_flow_column("icmp_code", FlowKind::kIcmpCode);
  }
  return {};
}

Column& Decoder::add_flow_column(const char* name, FlowKind kind) {
  columns_.push_back({.name = name, .type = type_of(kind), .flow = kind, .trim = true});
  return columns_.back();
}

Status Decoder::set_plain() {
  if (config_.icmp) return option_error(host_, "icmp", "only with 'format: nfdump'");
  header_ = config_.header.value_or(Header::kAuto);
  if (header_ == Header::kNo && config_.columns.empty())
    return option_error(host_, "header", "without one, 'columns' must be given");
  const std::string delimiter = config_.delimiter.value_or(",");
  if (Status status = check_delimiter(host_, delimiter); !status.ok()) return status;
  dialect_ = {delimiter[0], true};
  for (const auto& [name, type] : config_.columns) {
    const auto found = find_column_type(host_, kFlatTypes, name, type);
    if (!found.ok()) return found.status();
    columns_.push_back({.name = name,
                        .type = *found,
                        .field = static_cast<int>(columns_.size()),
                        .trim = config_.trim.value_or(false)});
  }
  return {};
}

std::vector<nek_field> Decoder::fields_of(const std::vector<Column>& columns) {
  std::vector<nek_field> fields;
  uint32_t flags = NEK_EVENT_TIME;
  for (const Column& column : columns) {
    const nek_type type = type_of(column.type);
    fields.push_back({column.name.c_str(), type, type == NEK_TIME ? flags : 0});
    if (type == NEK_TIME) flags = 0;
  }
  return fields;
}

Plan Decoder::plan_of(std::vector<Column> columns, uint32_t fields) const {
  const auto schema = fields_of(columns);
  return {host_.schema(schema), fields, std::move(columns)};
}

Plan Decoder::nfdump_plan(const NfdumpFormat& format) const {
  std::vector<Column> columns = columns_;
  for (Column& column : columns) {
    size_t at = kDp;  // of icmp_type and icmp_code
    for (size_t i = 0; i < kNfdumpColumns; i++) {
      if (kNfdumpFields[i].name == column.name) at = i;
    }
    column.field = int{format.at[at]};
    if (format.icmp_is_a_number && at == kDp) column.protocol = int{format.at[kPr]};
    if (format.addresses_are_words && column.flow == FlowKind::kAddress)
      column.flow = FlowKind::kWords;
  }
  Plan plan = plan_of(std::move(columns), format.fields);
  plan.lacks_flags = std::any_of(plan.columns.begin(), plan.columns.end(), [](const auto& column) {
    return column.flow == FlowKind::kFlags && column.field < 0;
  });
  return plan;
}

std::pair<std::vector<std::string>, uint32_t> Decoder::first_record(std::string_view bytes) const {
  std::vector<std::string> texts;
  Index index;
  const auto begin = static_cast<uint32_t>(bytes.size() - without_bom(bytes).size());
  scan(bytes.data(), begin, static_cast<uint32_t>(bytes.size()), dialect_, unit_, index);
  if (index.records.empty()) return {texts, begin};
  const Record& record = index.records[0];
  for (uint32_t i = 0; i < record.fields; i++) {
    std::string scratch;
    std::string_view text = trim(field(bytes.data(), index.ends.data(), record, i));
    unquote(text, scratch);
    texts.emplace_back(text);
  }
  return {texts, record.begin};
}

std::vector<std::string> Decoder::nfdump_header_in(std::string_view head) const {
  const std::string_view bytes = without_bom(head);
  Index index;
  scan(bytes.data(), 0, static_cast<uint32_t>(bytes.size()), dialect_, unit_, index);
  for (Record record : index.records) {
    size_t format = 0;
    const NfdumpLine line = classify_nfdump(bytes.data(), record, index, format);
    if (line == NfdumpLine::kNoFlow) continue;
    if (line != NfdumpLine::kHeader) break;
    return nfdump_header(bytes.substr(record.begin, record.end - record.begin));
  }
  return {};
}

bool Decoder::is_expected(const Source& source, const std::vector<std::string>& names) {
  const auto format = nfdump_format_of(names);
  if (!format) return is_header_of_words(names) && !source.refuses_words;
  if (source.header && source.header->fields == format->fields) return format == source.header;
  const auto known = nfdump_formats();
  return std::find(known.begin(), known.end(), *format) != known.end();
}

bool Decoder::is_header(const std::vector<std::string>& first) const {
  if (header_ != Header::kAuto) return header_ == Header::kYes;
  return std::all_of(config_.columns.begin(), config_.columns.end(), [&](const auto& column) {
    return std::find(first.begin(), first.end(), column.first) != first.end();
  });
}

std::string Decoder::plan_by_header(Source& source, const std::vector<std::string>& names) const {
  if (names.empty()) return "there is no header, and no 'columns' are given";
  std::vector<Column> columns = columns_;
  for (Column& column : columns) {
    const auto at = std::find(names.begin(), names.end(), column.name);
    if (at == names.end()) return "the header has no column '" + column.name + "'";
    column.field = static_cast<int>(at - names.begin());
  }
  for (const auto& name : names) {
    if (!config_.columns.empty()) break;
    if (const std::string wrong = wrong_with_name(name); !wrong.empty()) return wrong;
    if (std::count(names.begin(), names.end(), name) > 1) {
      return "the header has column '" + name + "' twice";
    }
    if (wanted_ && !wanted_->contains(name)) continue;
    const auto at = std::find(names.begin(), names.end(), name);
    columns.push_back({.name = name,
                       .field = static_cast<int>(at - names.begin()),
                       .trim = config_.trim.value_or(false)});
  }
  source.by_header = plan_of(std::move(columns), static_cast<uint32_t>(names.size()));
  source.plan = &*source.by_header;
  return {};
}

std::string Decoder::wrong_with_name(std::string_view name) {
  if (name.empty()) return "the header has a column without a name";
  if (!valid_utf8(name)) {
    return "the header is not UTF-8; 'iconv -f ISO-8859-1 -t UTF-8' makes that of Latin-1";
  }
  if (name.find('\r') != std::string_view::npos) {
    return "the header has a carriage return in it: lines must end with a line feed, or both";
  }
  const bool has_control =
      std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < ' '; });
  return has_control ? "the header has a control character in a column's name" : "";
}

void Decoder::index_chunk(const nek_chunk& chunk, Lane& lane) const {
  lane.index.clear();
  lane.segments.clear();
  lane.refusals.clear();
  for (uint32_t i = 0; i < chunk.segment_count; i++) {
    lane.segments.push_back(lane.index.records.size());
    index_segment(reinterpret_cast<const char*>(chunk.data), chunk.segments[i], lane.index);
  }
  lane.segments.push_back(lane.index.records.size());
}

void Decoder::index_segment(const char* bytes, const nek_segment& segment, Index& index) const {
  uint32_t begin = segment.begin;
  const uint32_t end = segment.begin + segment.size;
  const bool is_message = (segment.source->flags & NEK_MESSAGES) != 0;
  if (segment.position == 0 && !is_message) {
    const std::string_view all{bytes + begin, segment.size};
    begin += static_cast<uint32_t>(all.size() - without_bom(all).size());
  }
  const auto first = static_cast<std::ptrdiff_t>(index.records.size());
  scan(bytes, begin, end, dialect_, unit_, index);
  const auto header_at = source_of<Source>(segment).header_at;
  const bool has_header = header_at && !is_message && *header_at >= segment.position &&
                          *header_at - segment.position < segment.size;
  const bool is_empty = first == static_cast<std::ptrdiff_t>(index.records.size());
  if (has_header && !is_empty) index.records.erase(index.records.begin() + first);
}

const Plan* Decoder::plan_for(const Source& source, const char* bytes, Record& record,
                              Lane& lane) const {
  const auto refuse = [&](const char* reason, std::string detail) {
    lane.refusals.push_back({{record.begin, record.end - record.begin}, reason, std::move(detail)});
    return nullptr;
  };
  if (source.is_fmt && !source.by_header &&
      is_fmt_without_flags(bytes, lane.index.ends.data(), record))
    return &plans_[kFmtNoFlags];
  if (!nfdump()) {
    if (!source.problem.empty()) return refuse("header", source.problem);
    if (source.plan->fields == record.fields) return source.plan;
    return refuse("columns", "has " + std::to_string(record.fields) + " fields, not " +
                                 std::to_string(source.plan->fields));
  }
  const uint32_t fields = record.fields;
  size_t format = 0;
  const NfdumpLine line = classify_nfdump(bytes, record, lane.index, format);
  if (line == NfdumpLine::kNoFlow) return nullptr;
  if (line == NfdumpLine::kHeader) {
    const std::string_view text = {bytes + record.begin, record.end - record.begin};
    if (is_expected(source, nfdump_header(text))) return nullptr;
    return refuse("header", kOtherHeader);
  }
  if (source.by_header && source.by_header->fields == fields) return &*source.by_header;
  if (line == NfdumpLine::kFlow && !(source.refuses_words && fields == 1)) return &plans_[format];
  if (line == NfdumpLine::kUnclear) return refuse("format", kUnclear);
  return refuse("format", "is no line of nfdump's that holds a flow; it has " +
                              std::to_string(fields) + " fields");
}

void Decoder::refuse(Call& call, std::vector<Refusal>& refusals) {
  std::stable_sort(refusals.begin(), refusals.end(), [](const Refusal& a, const Refusal& b) {
    return a.bytes.begin < b.bytes.begin;
  });
  for (const Refusal& r : refusals) call.refuse(r.bytes, r.reason, r.detail);
}

void Decoder::count(const Counts& counts) const {
  if (counts.shortened) shortened_.add(static_cast<double>(counts.shortened));
  if (counts.ambiguous) ambiguous_.add(static_cast<double>(counts.ambiguous));
  if (counts.flagless) flagless_.add(static_cast<double>(counts.flagless));
  all_shortened_.fetch_add(counts.shortened, std::memory_order_relaxed);
  all_ambiguous_.fetch_add(counts.ambiguous, std::memory_order_relaxed);
  all_flagless_.fetch_add(counts.flagless, std::memory_order_relaxed);
  all_rows_.fetch_add(counts.rows, std::memory_order_relaxed);
  all_refused_.fetch_add(counts.refused, std::memory_order_relaxed);
}

}  // namespace nek::csv
