// SPDX-License-Identifier: Apache-2.0
#include "decoder.h"

#include <algorithm>
#include <cstring>

#include "column_maker.h"
#include "eight_bytes.h"
#include "parse_time.h"

namespace nek {
namespace {

using Column = JsonDecoder::Column;
using Layout = JsonDecoder::Layout;
using Table = JsonDecoder::Table;
using Values = JsonDecoder::Values;
using Value = Values::Value;

// Records of more forms than this are refused, because their schemas stay in memory.
constexpr size_t kMaxLayouts = 1000;
constexpr size_t kMaxMembers = 4096;
constexpr size_t kShortCodes = 256;

// Reasons of dead letters.
constexpr const char* kNoJson = "json";
constexpr const char* kBadValue = "value";
constexpr const char* kBadKeys = "keys";
constexpr const char* kNotUtf8 = "utf8";

// Forms of members, as far as they decide about columns.
constexpr char kAnyForm = 'a', kTextForm = 't', kListForm = 'l', kJsonForm = 'j';

char form_of(JsonKind kind) {
  if (kind == JsonKind::kText || kind == JsonKind::kNull) return kTextForm;
  return kind == JsonKind::kTexts ? kListForm : kJsonForm;
}
ColumnType type_of_form(char form) {
  if (form == kTextForm) return ColumnType::kText;
  return form == kListForm ? ColumnType::kList : ColumnType::kJson;
}

template <class T, class Member>
bool take(std::optional<T> parsed, Value& value, Member Value::* member) {
  if (parsed) value.*member = *parsed;
  return parsed.has_value();
}

// Most integers are short; eight digits are taken at once. `text`: eight bytes can be read.
std::optional<uint64_t> parse_counter(std::string_view text) {
  if (text.empty() || text.size() > 8) return parse_number<uint64_t>(text);
  uint64_t digits = load<uint64_t>(text.data()) ^ '0' * kOnes;
  digits <<= 64 - 8 * text.size();  // leading zeros in front
  if (above_nine(digits)) return std::nullopt;
  return value_of_eight(digits);
}

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_scalar(JsonKind kind) { return kind != JsonKind::kTexts && kind != JsonKind::kOther; }

// Takes a value that is not null; false: it is not of this type.
bool convert(const JsonMember& from, ColumnType type, const char* chunk, Value& value) {
  const std::string_view text = from.value;
  const nek_span span = {static_cast<uint32_t>(text.data() - chunk),
                         static_cast<uint32_t>(text.size())};
  switch (type) {
    case ColumnType::kText:
    case ColumnType::kDict: value.text = span; return is_scalar(from.kind);
    case ColumnType::kList: value.text = span; return from.kind == JsonKind::kTexts;
    case ColumnType::kJson:
      value.text = span;
      if (from.kind == JsonKind::kText) value.text = {span.begin - 1, span.size + 2};
      return true;
    case ColumnType::kBool:
      value.integer = from.kind == JsonKind::kTrue;
      return from.kind == JsonKind::kTrue || from.kind == JsonKind::kFalse;
    // Numbers may stand in quotes, as many programs write large ones.
    case ColumnType::kInt64: return take(parse_number<int64_t>(text), value, &Value::integer);
    case ColumnType::kUint64: return take(parse_counter(text), value, &Value::counter);
    case ColumnType::kDouble: return take(parse_number<double>(text), value, &Value::real);
    case ColumnType::kTime:
      return from.kind == JsonKind::kText && take(parse_time(text), value, &Value::integer);
    case ColumnType::kEpochSeconds: return take(parse_epoch_seconds(text), value, &Value::integer);
    case ColumnType::kEpochMs: return take(parse_number<int64_t>(text), value, &Value::integer);
  }
  return false;
}

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
      while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
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
    columns.reserve(declared.size());
    for (size_t i = 0; i < declared.size(); i++) {
      columns.push_back(make_json_column(call_, chunk_, lane_.columns[i], rows, declared[i].type,
                                         codes_of(declared[i])));
    }
    call_.decoded(lane_.table->schema, rows, columns, lane_.raw);
    lane_.raw.clear();
  }

 private:
  using Members = std::span<const JsonMember>;

  nek_span span_of(std::string_view text) const {
    return {static_cast<uint32_t>(text.data() - chunk_), static_cast<uint32_t>(text.size())};
  }
  void refuse(std::string_view text, const char* reason, const std::string& detail) {
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    call_.refuse(span_of(text), reason, detail);
  }

  Codes* codes_of(const Column& column) {
    if (column.type != ColumnType::kDict) return nullptr;
    auto& all = lane_.codes;
    const auto begun = all.find(column.name);
    if (begun != all.end() && begun->second.seen.seen() <= kMaxDictionary) return &begun->second;
    if (begun != all.end()) all.erase(begun);
    Codes codes = {{decoder_.host_.c(), decoder_.no_texts_, decoder_.empty_.get()},
                   std::vector<Codes::Short>(kShortCodes)};
    return &all.emplace(column.name, std::move(codes)).first->second;
  }

  void add(std::string_view object, Members members) {
    if (members.size() > kMaxMembers) return refuse(object, kBadKeys, "has more than 4096 keys");
    const char* problem = nullptr;
    const bool same = lane_.layout && lane_.reader.same_keys() && matches(*lane_.layout, members);
    if (!same) lane_.layout = find_layout(members, problem);
    if (!lane_.layout) return refuse(object, kBadKeys, problem);
    const Layout& layout = *lane_.layout;
    if (!lane_.table || lane_.table->schema != layout.table->schema) begin(*layout.table);
    const size_t row = lane_.raw.size();
    if (row == lane_.room) make_room(row);
    for (const uint32_t column : layout.missing) set_null(lane_.columns[column], row);
    for (size_t i = 0; i < members.size(); i++) {
      const int32_t column = layout.members[i].column;
      if (column < 0) continue;
      const Column& as = layout.table->columns[static_cast<size_t>(column)];
      if (!set(lane_.columns[static_cast<size_t>(column)], row, members[i], as.type))
        return refuse(object, kBadValue, wrong_value(as, members[i]));
    }
    lane_.raw.push_back(span_of(object));
  }
  void begin(const Table& table) {
    hand_out();
    lane_.table = &table;
    lane_.room = 0;
    if (lane_.columns.size() < table.columns.size()) lane_.columns.resize(table.columns.size());
  }
  void make_room(size_t row) {
    lane_.room = std::max<size_t>(64, row * 2);
    for (size_t i = 0; i < lane_.table->columns.size(); i++) {
      Values& values = lane_.columns[i];
      values.values.resize(std::max(values.values.size(), lane_.room));
      values.flags.resize(values.values.size());
    }
  }
  bool set(Values& to, size_t row, const JsonMember& member, ColumnType type) const {
    if (member.kind == JsonKind::kNull) return set_null(to, row);
    to.flags[row] = static_cast<uint8_t>(Values::kHas | (member.escaped ? Values::kEscaped : 0));
    return convert(member, type, chunk_, to.values[row]);
  }
  static bool set_null(Values& to, size_t row) {
    to.values[row] = {};
    to.flags[row] = Values::kNull;
    return true;
  }
  static std::string wrong_value(const Column& column, const JsonMember& member) {
    return column.name + ": expected " + info_of(column.type).expected + ", not " +
           std::string(member.value.substr(0, 100));
  }

  // Whether records of these members, whose keys are those of the layout, have its columns.
  static bool matches(const Layout& layout, Members members) {
    for (size_t i = 0; i < members.size() && !layout.any_form; i++) {
      const char form = layout.members[i].form;
      if (form != kAnyForm && form != form_of(members[i].kind)) return false;
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

  // nullptr: there is none, and `problem` says why.
  const Layout* find_layout(Members members, const char*& problem) {
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
  static bool has_zero_byte(Members members) {
    return std::any_of(members.begin(), members.end(), [](const JsonMember& member) {
      return member.key_escaped && name_of(member).find('\0') != std::string::npos;
    });
  }

  std::unique_ptr<Layout> make_layout(Members members) const {
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
      layout->members.push_back({form, column});
      layout->any_form &= form == kAnyForm;
    }
    if (decoder_.keeps_others()) {
      layout->own = decoder_.table_of(std::move(columns));
    } else {
      layout->table = &decoder_.fixed_;
      find_missing(*layout);
    }
    return layout;
  }
  static void find_missing(Layout& layout) {
    std::vector<bool> there(layout.table->columns.size());
    for (const Layout::Member& member : layout.members) {
      if (member.column >= 0) there[static_cast<size_t>(member.column)] = true;
    }
    for (uint32_t i = 0; i < there.size(); i++) {
      if (!there[i]) layout.missing.push_back(i);
    }
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
    return {name, type_of_form(form)};
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
    const auto found = find_column_type(host_, kAllTypes, name, type);
    if (!found.ok()) return found.status();
    const nek_type made = type_of(*found);
    const bool is_event_time = made == NEK_TIME && !has_event_time;  // the first
    has_event_time |= is_event_time;
    declared_index_.emplace(name, static_cast<uint32_t>(declared_.size()));
    declared_.push_back({name, *found, is_event_time ? uint32_t{NEK_EVENT_TIME} : 0});
    fields.push_back({name, made, declared_.back().flags});
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
    fields.push_back({column.name.c_str(), type_of(column.type), column.flags});
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
