// SPDX-License-Identifier: Apache-2.0
#include "columns.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "bad_values.h"
#include "even_ends.h"
#include "glance.h"
#include "nek/arena.hpp"
#include "numbers.h"
#include "parse.h"

namespace nek::csv {

namespace {

std::optional<bool> parse_bool(std::string_view text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return std::nullopt;
}

// Rows that a quick loop leaves to a slow one, which stays out of it: so the quick one keeps all
// that it needs in registers.
class RowsLeft {
 public:
  explicit RowsLeft(std::span<uint32_t> room) : room_(room) {}
  void add(uint32_t row) { room_[count_++] = row; }
  void add_all(uint32_t rows) {
    for (uint32_t row = 0; row < rows; row++) add(row);
  }
  std::span<const uint32_t> rows() const { return room_.first(count_); }

 private:
  std::span<uint32_t> room_;
  uint32_t count_ = 0;
};

// One column of one batch.
class ColumnParser {
 public:
  ColumnParser(Call& call, const Column& column, const Batch& batch, EvenEnds ends, Counts& counts,
               std::vector<BadValue>& bad)
      : call_(call),
        column_(column),
        batch_(batch),
        ends_(ends),
        rows_(static_cast<uint32_t>(batch.records.size())),
        counts_(counts),
        bad_(bad) {}

  const nek_column* parse(Scratch& scratch) {
    if (column_.field < 0) return all_null(scratch);
    return column_.flow == FlowKind::kNone ? parse_declared(scratch) : parse_flow(scratch);
  }

 private:
  const nek_column* parse_declared(Scratch& scratch) {
    switch (column_.type) {
      case ColumnType::kText: return parse_text(make_text(), nullptr);
      case ColumnType::kDict: return parse_codes(scratch.values_of(column_.name));
      case ColumnType::kInt64: return parse_numbers<int64_t>(parse_number<int64_t>);
      case ColumnType::kUint64: return parse_numbers<uint64_t>(parse_number<uint64_t>);
      case ColumnType::kDouble: return parse_slowly<double>(parse_number<double>);
      case ColumnType::kBool: return parse_bools();
      case ColumnType::kTime: return parse_times(parse_plain_time);
      case ColumnType::kEpochSeconds: return parse_slowly<int64_t>(parse_epoch_seconds);
      case ColumnType::kEpochMs: return parse_slowly<int64_t>(parse_number<int64_t>);
      case ColumnType::kList:
      case ColumnType::kJson: break;  // not of kFlatTypes
    }
    return nullptr;
  }
  const nek_column* parse_flow(Scratch& scratch) {
    switch (column_.flow) {
      case FlowKind::kNone: break;
      case FlowKind::kTime: return parse_times(parse_flow_time);
      case FlowKind::kAddress: return parse_text(make_text(), &counts_.shortened);
      case FlowKind::kWords: return parse_words();
      case FlowKind::kProtocol: return parse_codes(scratch.values_of(column_.name), is_protocol);
      case FlowKind::kFlags: return parse_codes(scratch.values_of(column_.name), is_flags);
      case FlowKind::kCount: return parse_numbers<uint64_t>(parse_count);
      case FlowKind::kInterface: return parse_numbers<uint64_t>(parse_interface);
      case FlowKind::kPort: return parse_port_column();
      case FlowKind::kIcmpType:
      case FlowKind::kIcmpCode: return parse_icmp();
    }
    return nullptr;
  }

  struct Span {
    uint32_t begin, end;
  };
  // Where one field lies in each row; a copy on the stack, so that loops keep it in registers.
  struct Spans {
    const uint32_t* ends;  // of this field in the first row
    size_t fields;         // from there to its end in the next row
    const Record* records;
    bool is_first;
    Span operator[](uint32_t row) const {
      const uint32_t* end = ends + row * fields;
      return {is_first ? records[row].begin : end[-1] + 1, *end};
    }
  };
  Spans spans(int field) const {
    return {ends_.first + field, ends_.fields, batch_.records.data(), field == 0};
  }
  std::string_view text(uint32_t row, int field) const {
    const Span span = spans(field)[row];
    return {batch_.bytes + span.begin, span.end - span.begin};
  }

  nek_column& make(Make make) {
    make.rows = rows_;
    make.nulls = column_.empty_is_null || column_.field < 0;
    nek_column& made = call_.column(type_of(column_.type), make);
    if (made.validity) mark_all(made);
    return made;
  }
  void mark_all(nek_column& made) const {
    std::memset(made.validity, 0xff, rows_ / 8);
    if (rows_ % 8) made.validity[rows_ / 8] = static_cast<uint8_t>((1u << rows_ % 8) - 1);
  }
  static void unmark(nek_column& made, uint32_t row) {
    made.validity[row >> 3] &= static_cast<uint8_t>(~(1u << (row & 7)));
  }
  const nek_column* all_null(Scratch& scratch) {
    Make all;
    if (type_of(column_.type) == NEK_DICT_TEXT)
      all.dictionary = known(scratch.values_of(column_.name));
    nek_column& made = make(all);
    std::memset(made.values, 0, value_bytes(made.type, rows_));
    std::memset(made.validity, 0, (rows_ + 7) / 8);
    return &made;
  }

  // The row's value is written already, as 0; it stays null when it is empty and may be, and the
  // row is left out unless take(text) makes something of it.
  template <class Take>
  void read_slowly(nek_column& made, uint32_t row, Take take) {
    std::string_view value = text(row, column_.field);
    // Quotes without anything between them are an empty text, but no number.
    const bool may_be_null = column_.empty_is_null && !(is_text() && value.starts_with('"'));
    if (batch_.quoted && !unquote(value, unquoted_)) return bad(row, kBadQuote, value);
    if (column_.trim) value = trim(value);
    if (value.empty() && may_be_null) return unmark(made, row);
    if (!take(value)) bad(row, kBadValue, value);
  }
  template <class T, class Parse>
  void read_slowly(nek_column& made, uint32_t row, T& value, Parse parse) {
    value = {};
    read_slowly(made, row, [&](std::string_view text) {
      const auto parsed = parse(trim(text));
      if (parsed) value = *parsed;
      return parsed.has_value();
    });
  }
  template <class T, class Parse>
  const nek_column* parse_slowly(Parse parse) {
    nek_column& made = make({});
    auto* values = static_cast<T*>(made.values);
    for (uint32_t row = 0; row < rows_; row++) read_slowly(made, row, values[row], parse);
    return &made;
  }
  RowsLeft rows_left() const { return RowsLeft(call_.memory<uint32_t>(rows_)); }
  // read_number knows the usual, many rows at a time; parse(text) all that is right. kMost is one
  // less than a power of two.
  template <class T, uint64_t kMostValue = UINT64_MAX, class Parse>
  const nek_column* parse_numbers(Parse parse) {
    static const NumbersReader read_numbers = numbers_readers().back();
    constexpr uint32_t kMost = 128;
    nek_column& made = make({});
    const Spans at = spans(column_.field);
    const char* const bytes = batch_.bytes;
    uint64_t texts[kMost], wrong[kMost];
    for (uint32_t first = 0; first < rows_; first += kMost) {
      const uint32_t count = std::min(rows_ - first, kMost);
      for (uint32_t i = 0; i < count; i++) {
        const Span s = at[first + i];
        texts[i] = number_text(bytes, s.begin, s.end);
      }
      T* const to = static_cast<T*>(made.values) + first;
      const uint64_t any_wrong = read_numbers(texts, count, reinterpret_cast<uint64_t*>(to), wrong);
      uint64_t all = 0;
      for (uint32_t i = 0; kMostValue != UINT64_MAX && i < count; i++) all |= to[i];
      if (!any_wrong && all <= kMostValue) [[likely]]
        continue;
      for (uint32_t i = 0; i < count; i++) {
        const bool is_large = static_cast<uint64_t>(to[i]) > kMostValue;
        if (wrong[i] || is_large) read_slowly(made, first + i, to[i], parse);
      }
    }
    return &made;
  }
  template <class Parse>
  const nek_column* parse_times(Parse parse) {
    nek_column& made = make({});
    auto* values = static_cast<int64_t*>(made.values);
    RowsLeft left = rows_left();
    glance_times(values, left);
    TimeZone::Span zone;
    for (const uint32_t row : left.rows()) {
      read_slowly(made, row, values[row], [&](std::string_view text) -> std::optional<int64_t> {
        const auto time = parse(text);
        if (!time) return std::nullopt;
        return time->is_local ? to_utc(time->ms, zone) : time->ms;
      });
    }
    return &made;
  }
  [[gnu::noinline]] void glance_times(int64_t* values, RowsLeft& into) {
    const char* const bytes = batch_.bytes;
    const Spans at = spans(column_.field);
    MinuteCache minutes;
    TimeZone::Span zone;
    for (uint32_t row = 0, rows = rows_; row < rows; row++) {
      const Span s = at[row];
      int64_t value = 0;
      const bool is_known = glance_time(bytes + s.begin, s.end - s.begin, minutes, value);
      if (!is_known) [[unlikely]] {
        into.add(row);
        continue;
      }
      values[row] = to_utc(value, zone);
    }
  }
  int64_t to_utc(int64_t local, TimeZone::Span& zone) {
    if (!zone.holds(local)) [[unlikely]]
      zone = batch_.zone->of_local(local);
    if (local >= zone.twice_from_ms) [[unlikely]]
      counts_.ambiguous++;
    return local - zone.offset_ms;
  }
  const nek_column* parse_bools() {
    nek_column& made = make({});
    auto* bits = static_cast<uint8_t*>(made.values);
    std::memset(bits, 0, (rows_ + 7) / 8);
    for (uint32_t row = 0; row < rows_; row++) {
      read_slowly(made, row, [&](std::string_view text) {
        const auto value = parse_bool(trim(text));
        if (value && *value) bits[row >> 3] |= static_cast<uint8_t>(1u << (row & 7));
        return value.has_value();
      });
    }
    return &made;
  }

  // ---- Ports
  bool is_icmp(uint32_t row) const {
    if (column_.protocol < 0) return false;
    const auto protocol = trim(text(row, column_.protocol));
    return protocol == "1" || protocol == "58" || protocol == "ICMP" || protocol == "ICMP6";
  }
  std::optional<Port> port(uint32_t row, std::string_view text) const {
    const auto port = parse_port(trim(text));
    if (port && !port->code && is_icmp(row)) return icmp_port(port->number);
    return port;
  }
  const nek_column* parse_port_column() {
    if (column_.protocol < 0) {
      return parse_numbers<uint64_t, kMostPort>(
          [](std::string_view text) -> std::optional<uint64_t> {
            const auto port = parse_port(text);
            if (!port) return std::nullopt;
            return port->number;
          });
    }
    return parse_ports([](const Port& port) { return std::optional(port.number); });
  }
  const nek_column* parse_icmp() {
    const bool wants_code = column_.flow == FlowKind::kIcmpCode;
    return parse_ports([&](const Port& port) {
      return port.code && !wants_code ? std::optional(port.number) : port.code;
    });
  }
  template <class Choose>
  const nek_column* parse_ports(Choose choose) {
    nek_column& made = make({});
    auto* values = static_cast<uint64_t*>(made.values);
    for (uint32_t row = 0; row < rows_; row++) {
      values[row] = 0;
      read_slowly(made, row, [&](std::string_view text) {
        const auto found = port(row, text);
        if (!found) return false;
        const std::optional<uint64_t> value = choose(*found);
        if (value) {
          values[row] = *value;
        } else {
          unmark(made, row);
        }
        return true;
      });
    }
    return &made;
  }

  // ---- Texts
  bool is_text() const {
    return column_.flow == FlowKind::kNone &&
           (column_.type == ColumnType::kText || column_.type == ColumnType::kDict);
  }
  bool is_utf8(std::string_view text) const { return batch_.utf8 || valid_utf8(text); }
  // Whether fields can be taken as they are, except for blanks.
  bool plain() const { return batch_.utf8 && !batch_.quoted; }
  static constexpr uint32_t kShortened = 16;  // characters of a shortened address
  static bool is_shortened(const char* text) { return text[7] == '.' && text[8] == '.'; }
  nek_column& make_text() {
    Make text;
    text.chunk_text = true;
    text.text_bytes = escaped_bytes();
    return make(text);
  }
  const nek_column* parse_text(nek_column& made, uint64_t* shortened) {
    TextWriter writer(made);  // its last buffer is for what can't stand in the chunk
    auto* views = static_cast<nek_view*>(made.values);
    RowsLeft left = rows_left();
    const uint64_t short_ones = glance_texts(views, left);
    for (const uint32_t row : left.rows()) {
      views[row] = {};
      read_slowly(made, row, [&](std::string_view text) { return set(writer, row, text); });
    }
    if (shortened) *shortened += short_ones;
    return &made;
  }
  // Returns how many look like shortened addresses.
  [[gnu::noinline]] uint64_t glance_texts(nek_view* views, RowsLeft& into) const {
    const char* const bytes = batch_.bytes;
    const Spans at = spans(column_.field);
    const bool trims = column_.trim;
    if (!plain()) {
      into.add_all(rows_);
      return 0;
    }
    uint64_t short_ones = 0;
    for (uint32_t row = 0, rows = rows_; row < rows; row++) {
      Span s = at[row];
      if (trims) glance_trim(bytes, s.begin, s.end);
      const uint32_t size = s.end - s.begin;
      views[row] = view_of_chunk(bytes, s.begin, size);
      if (size == 0) [[unlikely]]
        into.add(row);
      if (size == kShortened) short_ones += is_shortened(bytes + s.begin);
    }
    return short_ones;
  }
  bool set(TextWriter& writer, uint32_t row, std::string_view text) {
    if (!is_utf8(text)) return false;
    if (!is_in_chunk(text)) return writer.set(row, text);
    writer.set_span(row, static_cast<uint32_t>(text.data() - batch_.bytes),
                    static_cast<uint32_t>(text.size()));
    return true;
  }
  bool is_in_chunk(std::string_view text) const {
    const char* end = batch_.bytes + batch_.records.back().end;
    return !std::less<>()(text.data(), batch_.bytes) && !std::less<>()(end, text.data());
  }
  // Room for the texts that do not stand in the chunk as they are, because of doubled quotes.
  size_t escaped_bytes() const {
    size_t bytes = 0;
    for (uint32_t row = 0; batch_.quoted && row < rows_; row++) {
      const auto value = text(row, column_.field);
      if (value.find("\"\"") != std::string_view::npos) bytes += value.size();
    }
    return bytes;
  }
  // A column of the dictionary as it was, or of the next one when there are new values.
  const nek_column* parse_codes(Scratch::Values& values, TextCodes::Accepts accepts = nullptr) {
    if (values.known == 0 || values.known > kMaxDictionary) values = {TextCodes(accepts), 0, {}};
    Make with_codes;
    with_codes.dictionary = known(values);
    nek_column& made = make(with_codes);
    auto* codes = static_cast<int32_t*>(made.values);
    RowsLeft left = rows_left();
    glance_codes(values.codes, codes, left);
    for (const uint32_t row : left.rows()) {
      codes[row] = 0;
      read_slowly(made, row, [&](std::string_view text) {
        if (!is_utf8(text) || (accepts && !accepts(text))) return false;
        codes[row] = values.codes.code(text);
        return true;
      });
    }
    if (values.codes.texts().size() == values.known) return &made;
    with_codes.dictionary = known(values);
    nek_column& larger = make(with_codes);
    std::memcpy(larger.values, codes, rows_ * sizeof *codes);
    if (made.validity) std::memcpy(larger.validity, made.validity, (rows_ + 7) / 8);
    return &larger;
  }
  [[gnu::noinline]] void glance_codes(TextCodes& known, int32_t* codes, RowsLeft& into) const {
    const char* const bytes = batch_.bytes;
    const Spans at = spans(column_.field);
    const bool trims = column_.trim;
    if (!plain()) return into.add_all(rows_);
    for (uint32_t row = 0, rows = rows_; row < rows; row++) {
      const Span s = at[row];
      codes[row] = known.code_of_field(bytes + s.begin, s.end - s.begin, trims);
      if (codes[row] == TextCodes::kNone) [[unlikely]]
        into.add(row);
    }
  }
  // The dictionary of all values so far.
  const nek_dictionary* known(Scratch::Values& values) const {
    const auto& texts = values.codes.texts();
    if (!values.dictionary.get() || values.known < texts.size()) {
      values.dictionary = Dictionary(call_.c()->host, std::span(texts));
      values.known = texts.size();
    }
    return values.dictionary.get();
  }

  // ---- Addresses of -o pipe: four words, of which IPv4 has only the last; field 0 is the family
  const nek_column* parse_words() {
    Make text;
    text.text_bytes = size_t{rows_} * INET6_ADDRSTRLEN;
    nek_column& made = make(text);
    TextWriter writer(made);
    for (uint32_t row = 0; row < rows_; row++) {
      std::array<uint32_t, 4> words;
      char address[INET6_ADDRSTRLEN];
      if (read_words(row, words)) {
        print_address(is_ipv6(row), words, address);
        writer.set(row, address);
      } else {
        writer.set(row, {});
        bad(row, kBadValue, text_of_words(row));
      }
    }
    return &made;
  }
  bool read_words(uint32_t row, std::array<uint32_t, 4>& words) const {
    for (int i = 0; i < 4; i++) {
      const auto word = parse_number<uint32_t>(text(row, column_.field + i));
      if (!word) return false;
      words[static_cast<size_t>(i)] = htonl(*word);
    }
    return true;
  }
  std::string_view text_of_words(uint32_t row) const {
    const auto first = text(row, column_.field), last = text(row, column_.field + 3);
    return {first.data(), static_cast<size_t>(last.data() + last.size() - first.data())};
  }
  bool is_ipv6(uint32_t row) const { return text(row, 0) == "10"; }
  static void print_address(bool ipv6, const std::array<uint32_t, 4>& words, char* to) {
    if (ipv6) {
      inet_ntop(AF_INET6, words.data(), to, INET6_ADDRSTRLEN);
    } else {
      inet_ntop(AF_INET, &words[3], to, INET6_ADDRSTRLEN);
    }
  }

  void bad(uint32_t row, const char* reason, std::string_view text) {
    bad_.push_back({row, &column_, reason, std::string(text.substr(0, BadValue::kShown))});
  }

  Call& call_;
  const Column& column_;
  const Batch& batch_;
  const EvenEnds ends_;
  const uint32_t rows_;
  Counts& counts_;
  std::vector<BadValue>& bad_;
  std::string unquoted_;
};

}  // namespace

void decode_records(Call& call, const Plan& plan, Batch batch, Scratch& scratch,
                    std::vector<Refusal>& refusals) {
  std::vector<const nek_column*> columns(plan.columns.size());
  Counts counts;
  for (bool again = true; again && !batch.records.empty();) {
    std::vector<BadValue> bad;
    counts = {};
    const EvenEnds ends = EvenEnds::of(call, batch);
    for (size_t i = 0; i < columns.size(); i++) {
      columns[i] = ColumnParser(call, plan.columns[i], batch, ends, counts, bad).parse(scratch);
    }
    again = !bad.empty();
    if (again) batch.records = refuse_bad(bad, batch.records, refusals);
  }
  if (batch.records.empty()) return;
  scratch.counts.shortened += counts.shortened;
  scratch.counts.ambiguous += counts.ambiguous;
  const auto rows = static_cast<uint32_t>(batch.records.size());
  scratch.counts.rows += rows;
  if (plan.lacks_flags) scratch.counts.flagless += rows;
  const auto raw = call.memory<nek_span>(rows);
  for (uint32_t row = 0; row < rows; row++) {
    const Record& record = batch.records[row];
    raw[row] = {record.begin, record.end - record.begin};
  }
  call.decoded(plan.schema, rows, columns, raw);
}

}  // namespace nek::csv
