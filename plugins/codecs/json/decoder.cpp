// SPDX-License-Identifier: Apache-2.0
#include "decoder.h"

#include <algorithm>
#include <cstring>

#include "parse_time.h"

namespace nek {
namespace {

using Cell = JsonDecoder::Cell;
using Column = JsonDecoder::Column;
using Kind = JsonDecoder::Kind;
using Layout = JsonDecoder::Layout;
using Table = JsonDecoder::Table;

// Records of more forms than this are refused, because their schemas stay in memory.
constexpr size_t kMaxLayouts = 1000;
constexpr size_t kMaxMembers = 4096;
constexpr size_t kMaxDictionary = 65536;

// Reasons of dead letters.
constexpr const char* kNoJson = "json";
constexpr const char* kBadValue = "value";
constexpr const char* kBadKeys = "keys";
constexpr const char* kNotUtf8 = "utf8";

// Forms of members, as far as they decide about columns.
constexpr char kAnyForm = 'a', kTextForm = 't', kListForm = 'l', kJsonForm = 'j';

constexpr std::pair<std::string_view, Kind> kKinds[] = {
    {"text", Kind::kText},        {"dict", Kind::kDict},
    {"int64", Kind::kInt64},      {"uint64", Kind::kUint64},
    {"double", Kind::kDouble},    {"bool", Kind::kBool},
    {"time", Kind::kTime},        {"epoch_s", Kind::kEpochSeconds},
    {"epoch_ms", Kind::kEpochMs}, {"list", Kind::kList},
    {"json", Kind::kJson}};

const Kind* kind_of(std::string_view name) {
  for (const auto& [known, kind] : kKinds) {
    if (known == name) return &kind;
  }
  return nullptr;
}
std::string kind_names() {
  std::string names;
  for (const auto& [name, kind] : kKinds) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

nek_type type_of(Kind kind) {
  switch (kind) {
    case Kind::kText: return NEK_TEXT;
    case Kind::kDict: return NEK_DICT_TEXT;
    case Kind::kInt64: return NEK_INT64;
    case Kind::kUint64: return NEK_UINT64;
    case Kind::kDouble: return NEK_DOUBLE;
    case Kind::kBool: return NEK_BOOL;
    case Kind::kList: return NEK_LIST;
    case Kind::kJson: return NEK_JSON;
    default: return NEK_TIME;
  }
}

const char* expected(Kind kind) {
  switch (kind) {
    case Kind::kInt64: return "a whole number";
    case Kind::kUint64: return "a whole number from 0 to 18446744073709551615";
    case Kind::kDouble: return "a number";
    case Kind::kBool: return "true or false";
    case Kind::kTime: return "a time like 2023-01-25T18:35:43.884Z";
    case Kind::kEpochSeconds: return "seconds since 1970";
    case Kind::kEpochMs: return "milliseconds since 1970";
    case Kind::kList: return "a list of texts";
    default: return "a text";
  }
}

char form_of(JsonKind kind) {
  if (kind == JsonKind::kText || kind == JsonKind::kNull) return kTextForm;
  return kind == JsonKind::kTexts ? kListForm : kJsonForm;
}
Kind kind_of_form(char form) {
  if (form == kTextForm) return Kind::kText;
  return form == kListForm ? Kind::kList : Kind::kJson;
}

// ms of 1591367999.305988; what is below a millisecond is cut off.
std::optional<int64_t> parse_seconds(std::string_view text) {
  const size_t dot = std::min(text.find('.'), text.size());
  const auto seconds = parse_number<int64_t>(text.substr(0, dot));
  int64_t ms = 0;
  if (!seconds || __builtin_mul_overflow(*seconds, 1000, &ms)) return std::nullopt;
  int64_t scale = text.starts_with('-') ? -100 : 100;
  for (size_t i = dot + 1; i < text.size(); i++, scale /= 10) {
    if (!is_digit(text[i])) return std::nullopt;
    if (__builtin_add_overflow(ms, scale * (text[i] - '0'), &ms)) return std::nullopt;
  }
  return ms;
}

template <class T, class Member>
bool take(std::optional<T> value, Cell& cell, Member Cell::* member) {
  if (!value) return false;
  cell.*member = *value;
  return true;
}

bool is_scalar(JsonKind kind) { return kind != JsonKind::kTexts && kind != JsonKind::kOther; }

// Takes a value that is not null; false: it is not of this kind.
bool convert(const JsonMember& from, Kind kind, const char* chunk, Cell& cell) {
  cell.has = true;
  cell.escaped = from.escaped;
  const auto begin = static_cast<uint32_t>(from.value.data() - chunk);
  const auto size = static_cast<uint32_t>(from.value.size());
  const bool text = from.kind == JsonKind::kText;
  switch (kind) {
    case Kind::kText:
    case Kind::kDict: cell.text = {begin, size}; return is_scalar(from.kind);
    case Kind::kList: cell.text = {begin, size}; return from.kind == JsonKind::kTexts;
    case Kind::kJson:
      cell.text = text ? nek_span{begin - 1, size + 2} : nek_span{begin, size};
      return true;
    case Kind::kBool:
      cell.integer = from.kind == JsonKind::kTrue;
      return from.kind == JsonKind::kTrue || from.kind == JsonKind::kFalse;
    // Numbers may stand in quotes, as many programs write large ones.
    case Kind::kInt64: return take(parse_number<int64_t>(from.value), cell, &Cell::integer);
    case Kind::kUint64: return take(parse_number<uint64_t>(from.value), cell, &Cell::counter);
    case Kind::kDouble: return take(parse_number<double>(from.value), cell, &Cell::real);
    case Kind::kTime: return text && take(parse_time(from.value), cell, &Cell::integer);
    case Kind::kEpochSeconds: return take(parse_seconds(from.value), cell, &Cell::integer);
    case Kind::kEpochMs: return take(parse_number<int64_t>(from.value), cell, &Cell::integer);
  }
  return false;
}

// Makes one column of cells that lie `width` apart.
class ColumnMaker {
 public:
  ColumnMaker(const Call& call, const char* chunk, const Cell* cells, size_t width, uint32_t rows)
      : call_(call), chunk_(chunk), cells_(cells), width_(width), rows_(rows) {
    for (uint32_t row = 0; row < rows_; row++) nulls_ |= !cell(row).has;
  }

  const nek_column* make(const Column& column, SeenTexts* dictionary) {
    const nek_type type = type_of(column.kind);
    switch (type) {
      case NEK_TEXT: return text(type, true);
      case NEK_JSON: return text(type, false);
      case NEK_LIST: return list();
      case NEK_DICT_TEXT: return codes(*dictionary);
      case NEK_BOOL:
        return fill<BoolWriter>(type, [](const Cell& cell) { return cell.integer != 0; });
      case NEK_UINT64:
        return fill<Uint64Writer>(type, [](const Cell& cell) { return cell.counter; });
      case NEK_DOUBLE: return fill<DoubleWriter>(type, [](const Cell& cell) { return cell.real; });
      default: return fill<Int64Writer>(type, [](const Cell& cell) { return cell.integer; });
    }
  }

 private:
  const Cell& cell(uint32_t row) const { return cells_[row * width_]; }
  std::string_view view(const Cell& cell) const {
    return {chunk_ + cell.text.begin, cell.text.size};
  }
  // Without escapes; valid until the next call.
  std::string_view plain(const Cell& cell) {
    if (!cell.escaped) return view(cell);
    return plain(view(cell));
  }
  std::string_view plain(std::string_view escaped) {
    if (scratch_.size() < escaped.size()) scratch_.resize(escaped.size());
    const char* end = unescape_json(escaped, scratch_.data());
    return {scratch_.data(), static_cast<size_t>(end - scratch_.data())};
  }

  template <class Writer, class Take>
  const nek_column* fill(nek_type type, Take take) {
    Writer writer(call_.column(type, {.rows = rows_, .nulls = nulls_}));
    for (uint32_t row = 0; row < rows_; row++) {
      if (cell(row).has) {
        writer.set(row, take(cell(row)));
      } else {
        writer.null(row);
      }
    }
    return writer.column();
  }
  const nek_column* text(nek_type type, bool unescape) {
    size_t escaped = 0;
    for (uint32_t row = 0; unescape && row < rows_; row++)
      escaped += cell(row).has && cell(row).escaped ? cell(row).text.size : 0;
    TextWriter writer(call_.column(
        type, {.rows = rows_, .nulls = nulls_, .chunk_text = true, .text_bytes = escaped}));
    for (uint32_t row = 0; row < rows_; row++) {
      const Cell& from = cell(row);
      if (!from.has) {
        writer.null(row);
      } else if (unescape && from.escaped) {
        writer.set(row, plain(from));
      } else {
        writer.set_span(row, from.text.begin, from.text.size);
      }
    }
    return writer.column();
  }
  const nek_column* list() {
    uint32_t items = 0;
    size_t bytes = 0;
    for (uint32_t row = 0; row < rows_; row++) {
      if (!cell(row).has) continue;
      bytes += cell(row).text.size;
      each_json_text(view(cell(row)), [&](std::string_view, bool) { items++; });
    }
    nek_column& texts = call_.column(NEK_TEXT, {.rows = items, .text_bytes = bytes});
    ListWriter writer(call_.column(NEK_LIST, {.rows = rows_, .nulls = nulls_, .items = &texts}),
                      texts);
    for (uint32_t row = 0; row < rows_; row++) {
      if (!cell(row).has) {
        writer.null_row();
        continue;
      }
      each_json_text(view(cell(row)), [&](std::string_view text, bool escaped) {
        writer.add(escaped ? plain(text) : text);
      });
      writer.end_row();
    }
    return writer.column();
  }
  const nek_column* codes(SeenTexts& dictionary) {
    const auto codes = call_.memory<int32_t>(rows_);
    for (uint32_t row = 0; row < rows_; row++)
      codes[row] = cell(row).has ? dictionary.code(plain(cell(row))) : 0;
    CodeWriter writer(call_.column(
        NEK_DICT_TEXT, {.rows = rows_, .nulls = nulls_, .dictionary = dictionary.dictionary()}));
    for (uint32_t row = 0; row < rows_; row++) {
      if (cell(row).has) {
        writer.set(row, codes[row]);
      } else {
        writer.null(row);
      }
    }
    return writer.column();
  }

  const Call& call_;
  const char* chunk_;
  const Cell* cells_;
  size_t width_;
  uint32_t rows_;
  bool nulls_ = false;
  std::string scratch_;
};

}  // namespace

// One call of decode.
class JsonDecoder::Decoding {
 public:
  Decoding(const JsonDecoder& decoder, Call& call, const nek_chunk& chunk, Lane& lane)
      : decoder_(decoder),
        call_(call),
        chunk_(reinterpret_cast<const char*>(chunk.data)),
        utf8_(chunk.utf8),
        lane_(lane) {}

  // Objects one after the other; from one that is none on, all is refused.
  void read(std::string_view text) {
    for (;;) {
      text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
      if (text.empty()) return;
      if (!utf8_ && !valid_utf8(text)) return refuse(text, kNotUtf8, "is not UTF-8");
      if (!lane_.reader.read_object(text)) {
        return refuse(text, kNoJson,
                      "at byte " + std::to_string(lane_.reader.position() + 1) + ": " +
                          lane_.reader.problem());
      }
      const std::string_view object = text.substr(0, lane_.reader.position());
      add(object, lane_.reader.members());
      text.remove_prefix(object.size());
    }
  }

  void hand_out() {
    if (lane_.raw.empty()) return;
    const auto& declared = lane_.table->columns;
    const auto rows = static_cast<uint32_t>(lane_.raw.size());
    std::vector<const nek_column*> columns;
    for (size_t i = 0; i < declared.size(); i++) {
      ColumnMaker maker(call_, chunk_, lane_.cells.data() + i, declared.size(), rows);
      columns.push_back(maker.make(declared[i], dictionary_of(declared[i])));
    }
    call_.decoded(lane_.table->schema, rows, columns, lane_.raw);
    lane_.cells.clear();
    lane_.raw.clear();
  }

 private:
  nek_span span_of(std::string_view text) const {
    return {static_cast<uint32_t>(text.data() - chunk_), static_cast<uint32_t>(text.size())};
  }
  void refuse(std::string_view text, const char* reason, const std::string& detail) {
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    call_.refuse(span_of(text), reason, detail);
  }

  SeenTexts* dictionary_of(const Column& column) {
    if (column.kind != Kind::kDict) return nullptr;
    auto& all = lane_.dictionaries;
    const auto begun = all.find(column.name);
    if (begun != all.end() && begun->second.seen() > kMaxDictionary) all.erase(begun);
    return &all.try_emplace(column.name, decoder_.host_.c(), decoder_.no_texts_,
                            decoder_.empty_.get())
                .first->second;
  }

  void add(std::string_view object, const std::vector<JsonMember>& members) {
    if (members.size() > kMaxMembers) return refuse(object, kBadKeys, "has more than 4096 keys");
    const char* problem = nullptr;
    if (!lane_.layout || !matches(*lane_.layout, members))
      lane_.layout = find_layout(members, problem);
    if (!lane_.layout) return refuse(object, kBadKeys, problem);
    const Layout& layout = *lane_.layout;
    if (lane_.table && lane_.table->schema != layout.table->schema) hand_out();
    lane_.table = layout.table;
    const size_t begin = lane_.cells.size();
    lane_.cells.resize(begin + layout.table->columns.size());
    for (size_t i = 0; i < members.size(); i++) {
      if (layout.members[i].column < 0) continue;
      const auto at = static_cast<size_t>(layout.members[i].column);
      const Column& column = layout.table->columns[at];
      Cell& cell = lane_.cells[begin + at];
      cell = Cell{};
      if (members[i].kind == JsonKind::kNull) continue;
      if (convert(members[i], column.kind, chunk_, cell)) continue;
      lane_.cells.resize(begin);
      return refuse(object, kBadValue,
                    column.name + ": expected " + expected(column.kind) + ", not " +
                        std::string(members[i].value.substr(0, 100)));
    }
    lane_.raw.push_back(span_of(object));
  }

  static bool matches(const Layout& layout, const std::vector<JsonMember>& members) {
    if (layout.members.size() != members.size()) return false;
    for (size_t i = 0; i < members.size(); i++) {
      const Layout::Member& known = layout.members[i];
      if (known.key != members[i].key) return false;
      if (known.form != kAnyForm && known.form != form_of(members[i].kind)) return false;
    }
    return true;
  }

  // How the member's value decides about columns: not at all, where it is declared or left out.
  char form_in(const std::string& name, JsonKind kind) const {
    const bool any = !decoder_.keeps_others() || !decoder_.wants(name) ||
                     decoder_.declared_index_.contains(name);
    return any ? kAnyForm : form_of(kind);
  }
  static std::string name_of(const JsonMember& member) {
    return member.key_escaped ? unescape_json(member.key) : std::string(member.key);
  }

  const Layout* find_layout(const std::vector<JsonMember>& members, const char*& problem) {
    std::string& signature = lane_.signature;
    signature.clear();
    for (const JsonMember& member : members) {
      signature += form_in(name_of(member), member.kind);
      signature += member.key;
      signature += '\n';  // stands in no key
    }
    const auto known = lane_.layouts.find(signature);
    if (known != lane_.layouts.end()) return known->second.get();
    if (lane_.layouts.size() >= kMaxLayouts) {
      problem = "is of one form too many; say with 'columns' what is to be read";
      if (decoder_.keeps_others()) return nullptr;
      lane_.layouts.clear();  // they share a table that stays
    }
    if (decoder_.keeps_others() && has_zero_byte(members)) {
      problem = "a key holds a zero byte";
      return nullptr;
    }
    return lane_.layouts.emplace(signature, make_layout(members)).first->second.get();
  }

  static bool has_zero_byte(const std::vector<JsonMember>& members) {
    return std::any_of(members.begin(), members.end(), [](const JsonMember& member) {
      return member.key_escaped && name_of(member).find('\0') != std::string::npos;
    });
  }

  std::unique_ptr<Layout> make_layout(const std::vector<JsonMember>& members) const {
    auto layout = std::make_unique<Layout>();
    std::vector<Column> columns;
    for (const JsonMember& member : members) {
      const std::string name = name_of(member);
      const char form = form_in(name, member.kind);
      int32_t column = -1;
      if (!decoder_.keeps_others()) {
        column = index_of(decoder_.fixed_.columns, name);
      } else if (decoder_.wants(name)) {
        column = index_of(columns, name);  // a key may be there twice: the last counts
        if (column < 0) {
          column = static_cast<int32_t>(columns.size());
          columns.push_back(new_column(name, form));
        }
      }
      layout->members.push_back({std::string(member.key), form, column});
    }
    if (decoder_.keeps_others()) {
      layout->own = decoder_.table_of(std::move(columns));
    } else {
      layout->table = &decoder_.fixed_;
    }
    return layout;
  }
  static int32_t index_of(const std::vector<Column>& columns, const std::string& name) {
    for (size_t i = 0; i < columns.size(); i++) {
      if (columns[i].name == name) return static_cast<int32_t>(i);
    }
    return -1;
  }
  Column new_column(const std::string& name, char form) const {
    const auto declared = decoder_.declared_index_.find(name);
    if (declared != decoder_.declared_index_.end()) return decoder_.declared_[declared->second];
    return {name, kind_of_form(form)};
  }

  const JsonDecoder& decoder_;
  Call& call_;
  const char* chunk_;
  const bool utf8_;
  Lane& lane_;
};

// ---- The decoder --------------------------------------------------------------------------------

Status JsonDecoder::setup(Shape& shape) {
  std::vector<Field> fields;
  bool has_event_time = false;
  for (const auto& [name, type] : config_.columns) {
    const Kind* kind = kind_of(type);
    if (!kind) {
      return fail_at(find(*host_.at("columns"), name), "'" + name + "' has the unknown type '" +
                                                           type + "'; there are " + kind_names());
    }
    const bool is_event_time = type_of(*kind) == NEK_TIME && !has_event_time;  // the first
    has_event_time |= is_event_time;
    declared_index_.emplace(name, static_cast<uint32_t>(declared_.size()));
    declared_.push_back({name, *kind, is_event_time ? uint32_t{NEK_EVENT_TIME} : 0});
    fields.push_back({name, type_of(*kind), declared_.back().flags});
  }
  if (keeps_others()) fields.clear();  // known only when records come
  shape.derived("out", fields);
  return {};
}

Status JsonDecoder::start(const Start& start) {
  wants_all_ = start.wants_all();
  for (const char* name : start.wanted()) wanted_.insert(name);
  std::vector<Column> columns;
  for (const Column& column : declared_) {
    if (wants(column.name)) columns.push_back(column);
  }
  fixed_ = table_of(std::move(columns));
  empty_ = host_.dictionary(no_texts_);
  return {};
}

JsonDecoder::Table JsonDecoder::table_of(std::vector<Column> columns) const {
  std::vector<nek_field> fields;
  fields.reserve(columns.size());
  for (const Column& column : columns)
    fields.push_back({column.name.c_str(), type_of(column.kind), column.flags});
  return {host_.schema(fields), std::move(columns)};
}

size_t JsonDecoder::frame(std::string_view bytes, bool at_end) const {
  return at_end ? bytes.size() : bytes.rfind('\n') + 1;
}

Status JsonDecoder::decode(Call& call, const nek_chunk& chunk, Lane& lane) const {
  Decoding decoding(*this, call, chunk, lane);
  for (uint32_t i = 0; i < chunk.segment_count; i++) {
    const nek_segment& segment = chunk.segments[i];
    std::string_view text = bytes_of(chunk, segment);
    if (segment.source->flags & NEK_MESSAGES) {
      decoding.read(text);
      continue;
    }
    while (!text.empty()) {
      const size_t line = std::min(text.find('\n'), text.size() - 1) + 1;
      decoding.read(text.substr(0, line));
      text.remove_prefix(line);
    }
  }
  decoding.hand_out();
  return {};
}

}  // namespace nek
