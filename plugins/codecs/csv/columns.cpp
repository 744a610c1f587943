// SPDX-License-Identifier: Apache-2.0
#include "columns.h"

#include <algorithm>

#include "parse.h"

namespace nek::csv {

namespace {

// A dictionary is begun anew when it has more values, so that memory stays bounded.
constexpr size_t kMaxDictionary = 65536;

// Reasons of dead letters.
constexpr const char* kBadValue = "value";
constexpr const char* kBadQuote = "quote";

struct Bad {
  uint32_t row;
  const Column* column;
  const char* reason;
  std::string text;  // its beginning
};

// What a value was expected to be, for the dead letter's detail.
const char* expected(Kind kind) {
  switch (kind) {
    case Kind::kBool: return "true or false";
    case Kind::kTime: return "a time like 2023-01-25 18:35:43.884";
    case Kind::kCount: return "a number like 930 or 4.5 M";
    case Kind::kPort:
    case Kind::kIcmpType:
    case Kind::kIcmpCode: return "a port like 443, or an ICMP type and code like 3.10";
    case Kind::kDouble: return "a number";
    case Kind::kUint64: return "a whole number from 0 to 18446744073709551615";
    default: return "a whole number";
  }
}

std::optional<bool> parse_bool(std::string_view text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return std::nullopt;
}
std::optional<int64_t> parse_seconds(std::string_view text) {
  const auto seconds = parse_number<int64_t>(text);
  int64_t ms = 0;
  if (!seconds || __builtin_mul_overflow(*seconds, 1000, &ms)) return std::nullopt;
  return ms;
}
std::optional<uint64_t> parse_port_number(std::string_view text) {
  const auto port = parse_port(text);
  if (!port) return std::nullopt;
  return port->number;
}

class ColumnParser {
 public:
  ColumnParser(Call& call, const Column& column, const Batch& batch, std::vector<Bad>& bad)
      : call_(call), column_(column), batch_(batch), bad_(bad) {}

  const nek_column* parse(Dictionaries& dictionaries) {
    const nek_type type = type_of(column_.kind);
    if (type == NEK_DICT_TEXT) return parse_codes(dictionaries.of(column_.name));
    Make make = {.rows = rows(), .nulls = has_nulls()};
    if (type == NEK_TEXT) {
      make.chunk_text = true;
      make.text_bytes = escaped_bytes();
    }
    nek_column& made = call_.column(type, make);
    fill(made);
    return &made;
  }

 private:
  uint32_t rows() const { return static_cast<uint32_t>(batch_.records->size()); }
  bool has_nulls() const { return column_.empty_is_null || column_.field < 0; }

  void fill(nek_column& made) {
    switch (column_.kind) {
      case Kind::kText:
      case Kind::kDict: return fill_text(TextWriter(made));
      case Kind::kInt64: return fill(Int64Writer(made), parse_number<int64_t>);
      case Kind::kUint64: return fill(Uint64Writer(made), parse_number<uint64_t>);
      case Kind::kDouble: return fill(DoubleWriter(made), parse_number<double>);
      case Kind::kBool: return fill(BoolWriter(made), parse_bool);
      case Kind::kTime: return fill(TimeWriter(made), parse_time);
      case Kind::kEpochSeconds: return fill(TimeWriter(made), parse_seconds);
      case Kind::kEpochMs: return fill(TimeWriter(made), parse_number<int64_t>);
      case Kind::kCount: return fill(Uint64Writer(made), parse_count);
      case Kind::kPort: return fill(Uint64Writer(made), parse_port_number);
      case Kind::kIcmpType:
      case Kind::kIcmpCode: return fill_icmp(Uint64Writer(made));
    }
  }
  // take(row, text) says whether the text was what it should be.
  template <class Writer, class Take>
  void each(Writer& writer, Take take) {
    for (uint32_t row = 0; row < rows(); row++) {
      std::string_view text;
      if (column_.field >= 0 && !read(row, text)) {
        bad(row, kBadQuote, text);
      } else if (text.empty() && has_nulls()) {
        writer.null(row);
        continue;
      } else if (!take(row, text)) {
        bad(row, kBadValue, text);
      } else {
        continue;
      }
      writer.set(row, {});
    }
  }
  bool read(uint32_t row, std::string_view& text) {
    text = field(batch_.bytes, batch_.ends, (*batch_.records)[row],
                 static_cast<uint32_t>(column_.field));
    if (batch_.quoted && !unquote(text, scratch_)) return false;
    if (column_.trim) text = trim(text);
    return true;
  }
  template <class Writer, class Parse>
  void fill(Writer writer, Parse parse) {
    each(writer, [&](uint32_t row, std::string_view text) {
      const auto value = parse(trim(text));
      if (value) writer.set(row, *value);
      return value.has_value();
    });
  }
  void fill_icmp(Uint64Writer writer) {
    each(writer, [&](uint32_t row, std::string_view text) {
      const auto port = parse_port(trim(text));
      if (!port) return false;
      if (!port->code) {
        writer.null(row);
      } else {
        writer.set(row, column_.kind == Kind::kIcmpCode ? *port->code : port->number);
      }
      return true;
    });
  }
  bool is_utf8(std::string_view text) const { return batch_.utf8 || valid_utf8(text); }
  void fill_text(TextWriter writer) {
    const char* end = batch_.bytes + batch_.records->back().end;
    each(writer, [&](uint32_t row, std::string_view text) {
      if (!is_utf8(text)) return false;
      const bool in_chunk = text.data() >= batch_.bytes && text.data() <= end;
      if (!in_chunk) return writer.set(row, text);
      writer.set_span(row, static_cast<uint32_t>(text.data() - batch_.bytes),
                      static_cast<uint32_t>(text.size()));
      return true;
    });
  }
  // Room for the texts that do not stand in the chunk as they are, because of doubled quotes.
  size_t escaped_bytes() {
    if (!batch_.quoted || column_.field < 0) return 0;
    size_t bytes = 0;
    for (const Record& record : *batch_.records) {
      const auto text =
          field(batch_.bytes, batch_.ends, record, static_cast<uint32_t>(column_.field));
      if (text.find("\"\"") != std::string_view::npos) bytes += text.size();
    }
    return bytes;
  }
  // A column of the dictionary as it was, or of the next one when there are new values.
  const nek_column* parse_codes(Dictionaries::Values& values) {
    if (values.texts.size() > kMaxDictionary || !values.dictionary.get()) {
      values = {};
      values.dictionary = Dictionary(call_.c()->host, std::span(values.texts));
    }
    const size_t known = values.texts.size();
    const auto make = [&]() -> nek_column& {
      return call_.column(
          NEK_DICT_TEXT,
          {.rows = rows(), .nulls = has_nulls(), .dictionary = values.dictionary.get()});
    };
    nek_column& made = make();
    CodeWriter writer(made);
    each(writer, [&](uint32_t row, std::string_view text) {
      if (!is_utf8(text)) return false;
      writer.set(row, values.code(text));
      return true;
    });
    if (values.texts.size() == known) return &made;
    values.dictionary = Dictionary(call_.c()->host, std::span(values.texts));
    nek_column& larger = make();
    std::memcpy(larger.values, made.values, rows() * sizeof(int32_t));
    if (made.validity) std::memcpy(larger.validity, made.validity, (rows() + 7) / 8);
    return &larger;
  }
  void bad(uint32_t row, const char* reason, std::string_view text) {
    bad_.push_back({row, &column_, reason, std::string(text.substr(0, kShown))});
  }

  static constexpr size_t kShown = 40;
  Call& call_;
  const Column& column_;
  const Batch& batch_;
  std::vector<Bad>& bad_;
  std::string scratch_;
};

// Printable whatever the bytes were.
std::string shown(std::string text) {
  for (char& c : text) {
    if (c < ' ' || c == '\x7f') c = '?';
  }
  return text;
}
std::string explain(const Bad& bad) {
  const std::string what = bad.column->name + ": '" + shown(bad.text) + "' is ";
  if (bad.reason == kBadQuote) return what + "not closed by a quote at the field's end";
  const nek_type type = type_of(bad.column->kind);
  if (type == NEK_TEXT || type == NEK_DICT_TEXT) return what + "not UTF-8";
  return what + "not " + expected(bad.column->kind);
}

// Takes rows with a bad value out of the batch; the first bad column of each is told.
void remove(std::vector<Bad>& bad, std::vector<Record>& records, std::vector<Refusal>& refusals) {
  std::stable_sort(bad.begin(), bad.end(),
                   [](const Bad& a, const Bad& b) { return a.row < b.row; });
  std::vector<bool> is_bad(records.size());
  for (const Bad& one : bad) {
    if (is_bad[one.row]) continue;
    is_bad[one.row] = true;
    const Record& record = records[one.row];
    refusals.push_back({{record.begin, record.end - record.begin}, one.reason, explain(one)});
  }
  size_t row = 0;
  std::erase_if(records, [&](const Record&) { return is_bad[row++]; });
}

}  // namespace

bool unquote(std::string_view& text, std::string& scratch) {
  if (text.empty() || text.front() != '"') return true;
  text.remove_prefix(1);
  scratch.clear();
  for (;;) {
    const size_t quote = text.find('"');
    if (quote == std::string_view::npos) return false;
    if (quote + 1 == text.size() && scratch.empty()) {
      text.remove_suffix(1);
      return true;
    }
    scratch += text.substr(0, quote);
    text.remove_prefix(quote + 1);
    if (text.empty()) break;
    if (text.front() != '"') return false;
    scratch += '"';
    text.remove_prefix(1);
  }
  text = scratch;
  return true;
}

nek_type type_of(Kind kind) {
  switch (kind) {
    case Kind::kText: return NEK_TEXT;
    case Kind::kDict: return NEK_DICT_TEXT;
    case Kind::kInt64: return NEK_INT64;
    case Kind::kDouble: return NEK_DOUBLE;
    case Kind::kBool: return NEK_BOOL;
    case Kind::kTime:
    case Kind::kEpochSeconds:
    case Kind::kEpochMs: return NEK_TIME;
    default: return NEK_UINT64;
  }
}

int32_t Dictionaries::Values::code(std::string_view text) {
  const auto [at, is_new] =
      codes.try_emplace(std::string(text), static_cast<int32_t>(texts.size()));
  if (is_new) texts.emplace_back(text);
  return at->second;
}

void decode_records(Call& call, const Plan& plan, Batch batch, Dictionaries& dictionaries,
                    std::vector<Refusal>& refusals) {
  std::vector<const nek_column*> columns(plan.columns.size());
  for (bool again = true; again && !batch.records->empty();) {
    std::vector<Bad> bad;
    for (size_t i = 0; i < columns.size(); i++) {
      columns[i] = ColumnParser(call, plan.columns[i], batch, bad).parse(dictionaries);
    }
    again = !bad.empty();
    remove(bad, *batch.records, refusals);
  }
  if (batch.records->empty()) return;
  const auto rows = static_cast<uint32_t>(batch.records->size());
  std::vector<nek_span> raw;
  for (const Record& record : *batch.records) {
    raw.push_back({record.begin, record.end - record.begin});
  }
  call.decoded(plan.schema, rows, columns, raw);
}

}  // namespace nek::csv
