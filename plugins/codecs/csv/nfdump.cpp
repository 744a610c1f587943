// SPDX-License-Identifier: Apache-2.0
#include "nfdump.h"

#include <algorithm>

#include "parse.h"

namespace nek::csv {

namespace {

enum Format : size_t { kOldCsv = 2, kNewCsv, kFastCsv, kPipe, kLine, kLong, kNsel, kFmtNoOut };

// Of lines without commas the fields are found one by one; every other one is what lies between.
constexpr NfdumpFormat kFormats[] = {
    // ts, sa, sp, da, dp, byte, pkt, out, pr, flg
    {10, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},                   // fmt with %flg
    {9, {0, 1, 2, 3, 4, 5, 6, 7, 8, -1}},                   // fmt without
    {48, {0, 3, 5, 4, 6, 12, 11, 16, 7, 8}, true},          // -o csv up to 1.7.4
    {10, {0, 3, 4, 5, 6, 8, 7, -1, 2, -1}},                 // -o csv from 1.7.5 on
    {17, {2, 5, 6, 7, 8, 16, 15, 12, 4, 13}, true},         // -o csv-fast
    {22, {1, 4, 8, 9, 13, 21, 20, 17, 3, 18}, true, true},  // -o pipe
    {16, {1, 5, 7, 9, 11, 15, 13, -1, 3, -1}},              // -o line, gline, biline
    {18, {1, 5, 7, 9, 11, 17, 15, -1, 3, 13}},              // -o long, extended, bilong
    {14, {1, 5, 7, 9, 11, 13, -1, -1, 3, -1}},              // -o nsel
    {9, {0, 1, 2, 3, 4, 5, 6, -1, 7, 8}},                   // fmt without %out
};

// The new csv has the duration, where fmt has an address behind blanks.
bool is_duration(std::string_view text) {
  return !text.starts_with(' ') && parse_number<double>(text) &&
         std::count(text.begin(), text.end(), '.') == 1;
}

bool is_no_flow(std::string_view line, uint32_t fields) {
  static constexpr std::string_view kBegins[] = {
      "Summary",           "Time window:", "Total flows processed:", "Sys:",
      "No matching flows", "Top ",         "flows,bytes,packets,",   "Aggregated flows"};
  for (const auto& begin : kBegins) {
    if (line.starts_with(begin)) return true;
  }
  // The totals below -o csv, and lines of blanks.
  const auto only = [&](std::string_view set) {
    return line.find_first_not_of(set) == std::string_view::npos;
  };
  return (fields == 6 && only("0123456789,")) || only(" \t");
}

bool is_header(std::string_view line) {
  for (const auto* begin :
       {"Date first seen", "Event time", "ts,te,td,", "firstSeen,", "cnt,af,"}) {
    if (line.starts_with(begin)) return true;
  }
  return line.find(" IP Addr") != std::string_view::npos &&
         line.find(',') == std::string_view::npos;
}

// Appends fields to an index that lie where they are told, in order.
class Fields {
 public:
  Fields(const char* bytes, Index& index)
      : bytes_(bytes), index_(index), first_(index.ends.size()) {}
  void add(std::string_view text) {
    const auto begin = static_cast<uint32_t>(text.data() - bytes_);
    index_.ends.push(begin - 1);
    index_.ends.push(begin + static_cast<uint32_t>(text.size()));
  }
  void put(Record& record) const {
    record.first = first_;
    record.fields = index_.ends.size() - first_;
  }
  void drop() { index_.ends.resize(first_); }

 private:
  const char* bytes_;
  Index& index_;
  uint32_t first_;
};

// Words between blanks. A unit belongs to its number: "4.5 M" is one word.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (size_t at = 0; (at = line.find_first_not_of(" \t", at)) != std::string_view::npos;) {
    const size_t end = std::min(line.find_first_of(" \t", at), line.size());
    const auto word = line.substr(at, end - at);
    const bool is_unit =
        word.size() == 1 && std::string_view("KMGTPE").find(word[0]) != std::string_view::npos;
    if (is_unit && !words.empty() && is_digit(words.back().front())) {
      words.back() = {words.back().data(),
                      static_cast<size_t>(word.data() + 1 - words.back().data())};
    } else {
      words.push_back(word);
    }
    at = end;
  }
  return words;
}

// 1.2.3.4:80, 2001:db8::1.80, with ICMP 1.2.3.4:3.10 and fe80::1.135.0, with a
// country 1.2.3.4(CH):80
bool split_address(std::string_view word, std::string_view& address, std::string_view& port) {
  const size_t country = word.find('('), country_end = word.find(')');
  if (country != std::string_view::npos && country_end != std::string_view::npos) {
    if (country > country_end || country_end + 2 > word.size()) return false;
    address = word.substr(0, country);
    port = word.substr(country_end + 2);
    return true;
  }
  const size_t colon = word.rfind(':');
  if (colon == std::string_view::npos) return false;
  size_t separator = colon;
  if (word.find(':') != colon) {  // IPv6
    const auto tail = word.substr(colon);
    separator = word.find('.', colon);
    const bool is_mapped = std::count(tail.begin(), tail.end(), '.') >= 4;  // ::ffff:1.2.3.4.80
    for (int i = 0; is_mapped && i < 3; i++) separator = word.find('.', separator + 1);
    if (separator == std::string_view::npos) return false;
  }
  address = word.substr(0, separator);
  port = word.substr(separator + 1);
  return true;
}

// TIME DURATION PROTO ADDRESS -> ADDRESS [FLAGS TOS] PACKETS BYTES ...
// TIME DURATION PROTO ADDRESS <-> ADDRESS [FLAGS TOS] OUT-PACKETS PACKETS OUT-BYTES BYTES ...
// TIME EVENT XEVENT PROTO ADDRESS -> ADDRESS ADDRESS -> ADDRESS BYTES ...
std::optional<size_t> split_line(std::string_view line, Fields& fields) {
  const auto words = words_of(line);
  size_t arrow = 0;
  while (arrow < words.size() && words[arrow] != "->" && words[arrow] != "<->") arrow++;
  if (arrow < 4 || arrow + 1 >= words.size()) return std::nullopt;
  const std::string_view time = {words[0].data(), words[1].data() + words[1].size()};
  fields.add(time);
  fields.add(words[arrow - 2]);
  for (const auto& word : {words[arrow - 1], words[arrow + 1]}) {
    std::string_view address, port;
    if (!split_address(word, address, port)) return std::nullopt;
    fields.add(address);
    fields.add(port);
  }
  size_t at = arrow + 2;
  size_t format = kLine;
  if (at + 2 < words.size() && words[at + 1] == "->") {
    format = kNsel;
    at += 3;
  } else if (at + 2 < words.size() &&
             (words[at].starts_with("0x") || has_flag_letters(words[at]))) {
    format = kLong;
    fields.add(words[at]);
    at += 2;
  }
  const size_t step = words[arrow] == "<->" ? 2 : 1;
  const size_t counters = format == kNsel ? 1 : 2;
  for (size_t i = 0; i < counters; i++) {
    const size_t counter = at + step * (i + 1) - 1;
    if (counter >= words.size()) return std::nullopt;
    fields.add(words[counter]);
  }
  return format;
}

// 2|1674671743884|...: the delimiter is the only difference.
void split_pipe(std::string_view line, const char* bytes, Record& record, Index& index) {
  record.first = index.ends.size();
  for (size_t i = 0; i < line.size(); i++) {
    if (line[i] == '|') index.ends.push(static_cast<uint32_t>(line.data() + i - bytes));
  }
  index.ends.push(record.end);
  record.fields = index.ends.size() - record.first;
}

// All columns but a protocol's have their blanks in front, of the numbers.
bool is_right_aligned(std::string_view text) {
  return text.starts_with("  ") && is_digit(text.back());
}
bool is_left_aligned(std::string_view text, bool is_padded) {
  if (!parse_number<uint64_t>(trim(text))) return true;  // a name
  return !text.starts_with(is_padded ? " " : "  ") || text.ends_with(' ');
}
bool may_be_protocol(std::string_view text, bool is_padded) {
  return is_protocol(trim(text)) && is_left_aligned(text, is_padded);
}
bool may_be_address(std::string_view text) {
  return text.find_first_of(".:") != std::string_view::npos;
}
// Packets are padded to 8 characters, interfaces to 6, so that blanks in front of 8 tell.
bool is_padded_counter(std::string_view text) { return text.size() >= 8 && is_right_aligned(text); }

// fmt without one of its columns: which one is told where it is certain.
NfdumpLine classify_nine(const std::array<std::string_view, 9>& fields, size_t& format) {
  if (!may_be_address(fields[kSa]) || !may_be_address(fields[kDa])) return NfdumpLine::kUnclear;
  const auto last = trim(fields[8]);
  const bool is_padded = is_right_aligned(fields[kByte]);
  if (!has_flag_letters(last) && !last.starts_with("0x")) {
    format = kFmtNoFlags;
    return may_be_protocol(fields[8], is_padded) ? NfdumpLine::kFlow : NfdumpLine::kUnclear;
  }
  format = kFmtNoOut;
  const bool is_it = is_padded_counter(fields[kPkt]) && may_be_protocol(fields[7], is_padded) &&
                     !fields[7].starts_with("  ");
  return is_it ? NfdumpLine::kFlow : NfdumpLine::kUnclear;
}

NfdumpLine classify_csv(const char* bytes, const Record& record, const Index& index,
                        size_t& format) {
  const auto at = [&](uint32_t i) { return field(bytes, index.ends.data(), record, i); };
  switch (record.fields) {
    case 9: {
      std::array<std::string_view, 9> fields;
      for (uint32_t i = 0; i < fields.size(); i++) fields[i] = at(i);
      return classify_nine(fields, format);
    }
    case 10:
      format = is_duration(at(1)) ? kNewCsv : kFmt;
      if (format == kFmt && !is_left_aligned(at(kPr), is_right_aligned(at(kByte))))
        return NfdumpLine::kUnclear;
      return NfdumpLine::kFlow;
    case 17: format = kFastCsv; return NfdumpLine::kFlow;
    case 48: format = kOldCsv; return NfdumpLine::kFlow;
    default: return NfdumpLine::kUnknown;
  }
}

}  // namespace

ColumnType type_of(FlowKind kind) {
  switch (kind) {
    case FlowKind::kTime: return ColumnType::kTime;
    case FlowKind::kNone:
    case FlowKind::kAddress:
    case FlowKind::kWords: return ColumnType::kText;
    case FlowKind::kProtocol:
    case FlowKind::kFlags: return ColumnType::kDict;
    default: return ColumnType::kUint64;
  }
}

std::span<const NfdumpFormat> nfdump_formats() { return kFormats; }

NfdumpLine classify_nfdump(const char* bytes, Record& record, Index& index, size_t& format) {
  const std::string_view line = {bytes + record.begin, record.end - record.begin};
  if (begins_with_time(line.data(), record.end - record.begin)) {
    if (record.fields > 1) return classify_csv(bytes, record, index, format);
    Fields fields(bytes, index);
    const auto found = split_line(line, fields);
    if (!found) {
      fields.drop();
      return NfdumpLine::kUnknown;
    }
    fields.put(record);
    format = *found;
    return NfdumpLine::kFlow;
  }
  if (is_no_flow(line, record.fields)) return NfdumpLine::kNoFlow;
  if (is_header(line)) return NfdumpLine::kHeader;
  if (record.fields == kFormats[kFastCsv].fields) return classify_csv(bytes, record, index, format);
  if (record.fields > 1 || line.find('|') == std::string_view::npos) return NfdumpLine::kUnknown;
  split_pipe(line, bytes, record, index);
  format = kPipe;
  return record.fields == kFormats[kPipe].fields ? NfdumpLine::kFlow : NfdumpLine::kUnknown;
}

std::vector<std::string> nfdump_header(std::string_view line) {
  // Those with a blank; others end where one is.
  static constexpr std::string_view kNames[] = {"Date first seen",
                                                "Date last seen",
                                                "Date flow received",
                                                "Event time",
                                                "Src IP Addr:Port",
                                                "Dst IP Addr:Port",
                                                "Src IP Addr(..):Port",
                                                "Dst IP Addr(..):Port",
                                                "X-Src IP Addr:Port",
                                                "X-Dst IP Addr:Port",
                                                "Src IP Addr",
                                                "Dst IP Addr",
                                                "X-late Src IP",
                                                "X-late Dst IP",
                                                "Router IP",
                                                "Next-hop IP",
                                                "BGP next-hop IP",
                                                "Src Pt",
                                                "Dst Pt",
                                                "In Pkt",
                                                "Out Pkt",
                                                "In Byte",
                                                "Out Byte",
                                                "Src AS",
                                                "Dst AS",
                                                "Next AS",
                                                "Prev AS",
                                                "Src Network",
                                                "Dst Network",
                                                "Exp ID",
                                                "In src MAC Addr",
                                                "Out dst MAC Addr",
                                                "In dst MAC Addr",
                                                "Out src MAC Addr",
                                                "C Latency",
                                                "S latency",
                                                "A latency"};
  std::vector<std::string> names;
  while (!(line = trim(line)).empty()) {
    size_t size = std::min({line.find(' '), line.find(','), line.size()});
    for (const auto& name : kNames) {
      if (line.starts_with(name)) size = std::max(size, name.size());
    }
    const auto name = line.substr(0, size);
    if (name.starts_with('(') && !names.empty()) {  // Date first seen (raw)
      names.back().append(" ").append(name);
    } else {
      names.emplace_back(name);
    }
    line.remove_prefix(line.substr(size).starts_with(',') ? size + 1 : size);
  }
  return names;
}

bool is_header_of_words(const std::vector<std::string>& header) {
  const auto is = [&](size_t at, std::string_view name) {
    return at < header.size() && header[at] == name;
  };
  size_t at = 0;
  while (at < header.size() && !header[at].starts_with("Src IP Addr")) at++;
  if (at < 2 || !is(at - 1, "Proto") || at + 2 >= header.size()) return false;
  if (!header[at].ends_with("Port") || !header[at + 1].starts_with("Dst IP Addr")) return false;
  at += 2;
  if (is(at, "X-Src IP Addr:Port")) return is(at + 2, "In Byte");
  if (is(at, "Flags")) at += 2;
  if (is(at, "Packets")) return is(at + 1, "Bytes");
  return is(at, "Out Pkt") && is(at + 1, "In Pkt") && is(at + 2, "Out Byte") &&
         is(at + 3, "In Byte");
}

std::optional<NfdumpFormat> nfdump_format_of(const std::vector<std::string>& header) {
  static constexpr std::array<std::array<std::string_view, 6>, kNfdumpColumns> kNames = {{
      {"ts", "firstSeen", "Date first seen", "Date first seen (raw)"},
      {"sa", "srcAddr", "Src IP Addr"},
      {"sp", "srcPort", "Src Pt"},
      {"da", "dstAddr", "Dst IP Addr"},
      {"dp", "dstPort", "Dst Pt"},
      {"ibyt", "bytes", "inBytes", "byt", "Bytes", "In Byte"},
      {"ipkt", "packets", "inPackets", "pkt", "Packets", "In Pkt"},
      {"out", "output", "Output"},
      {"pr", "proto", "Proto"},
      {"flg", "flags", "Flags"},
  }};
  NfdumpFormat format = {static_cast<uint32_t>(header.size()), {}};
  for (size_t column = 0; column < kNfdumpColumns; column++) {
    format.at[column] = -1;
    for (size_t i = header.size(); i-- > 0;) {
      const auto& names = kNames[column];
      const bool is_it = std::find(names.begin(), names.end(), header[i]) != names.end();
      if (is_it && !header[i].empty()) format.at[column] = static_cast<int8_t>(i);
    }
  }
  if (header.size() > 127 || format.at[kTs] < 0 || format.at[kSa] < 0) return std::nullopt;
  format.icmp_is_a_number =
      header[0] == "ts" || header[0] == "cnt";  // -o csv before 1.7.5, csv-fast
  return format;
}

}  // namespace nek::csv
