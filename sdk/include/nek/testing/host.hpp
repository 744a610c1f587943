// SPDX-License-Identifier: Apache-2.0
// Host: nek_host for one instance in a test; it shows afterwards what the plugin did through it.
// It takes the contract strictly: what a plugin does against it fails the test after the call.
// Thread-safe as plugin.h marks its functions; the rest is for one thread at a time.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nek/arena.hpp"
#include "nek/batch.hpp"
#include "nek/check.hpp"
#include "nek/plugin.h"
#include "nek/testing/table.hpp"
#include "nek/text.hpp"

namespace nek::testing {

class Host;

// Deep copy; dictionaries are shared.
inline nek_column* copy_column(Arena& arena, const nek_column& from) {
  nek_make make{};
  make.type = from.type;
  make.rows = from.rows;
  make.nulls = from.validity != nullptr;
  make.dictionary = from.dictionary;
  make.items = from.items ? copy_column(arena, *from.items) : nullptr;
  nek_column* to = make_column(arena, make);
  std::memcpy(to->values, from.values, value_bytes(from.type, from.rows));
  if (from.validity) std::memcpy(to->validity, from.validity, (from.rows + 7) / 8);
  to->text_count = from.text_count;
  to->text = from.text_count ? arena.array<nek_buffer>(from.text_count) : nullptr;
  for (uint32_t i = 0; i < from.text_count; i++) {
    to->text[i] = {arena.array<uint8_t>(from.text[i].size), from.text[i].size};
    if (from.text[i].size) std::memcpy(to->text[i].data, from.text[i].data, from.text[i].size);
  }
  return to;
}

// What one call of a step emitted and refused, as text.
struct Emitted {
  // Of a stream by its index: a table, see table.hpp; "" when it got nothing at all.
  std::vector<std::string> streams;
  // One line each: {"row":3,"reason":"address","detail":"no address"}; decoders: "raw" instead of
  // "row".
  std::string refused;
  // Decoders: the raw bytes of each row, in the order of the rows.
  std::vector<std::string> raw;
};

struct Verdict {
  uint32_t verdict = NEK_DELIVERED;
  std::string reason;
};
// How a send ended.
struct Completed {
  Host* owner = nullptr;
  bool done = false;
  uint32_t verdict = 0;
  std::string reason;
  uint64_t after_ms = 0, max_bytes = 0;
  std::vector<Verdict> records;  // as many as were sent
};

class Host {
 public:
  Host() { fill_table(); }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  const nek_host* c() const { return &table_; }

  // ---- What the plugin did
  std::string error() const {  // of the last fail(): "LINE:COLUMN: text", or the text
    std::lock_guard lock(mutex_);
    return error_;
  }
  std::vector<std::string> logs() const {
    std::lock_guard lock(mutex_);
    return logs_;
  }
  // Counters: the sum; gauges and histograms: the last value.
  double metric(const std::string& name) const {
    std::lock_guard lock(mutex_);
    const auto found = metrics_.find(name);
    if (found == metrics_.end()) throw std::runtime_error("no metric '" + name + "'");
    return found->second.value;
  }
  int open_dictionaries() const {
    std::lock_guard lock(mutex_);
    return open_dictionaries_;
  }

  // ---- What the test sets
  int64_t now = 1'767'323'045'678;         // 2026-01-02T03:04:05.678Z
  std::map<std::string, uint64_t> resume;  // by a source's key: its position is known
  std::set<std::string> ended;             // of these: it was read to its end
  // By key, of earlier runs; source_mark() sets it.
  std::map<std::string, std::string> marks;
  std::map<std::string, uint64_t> committed;  // by identity: what source_revoke() answers
  std::atomic<bool> stopping = false;         // nek is to end
  bool no_ids = false;                        // records have none, as a filter may derive them
  std::map<std::string, const void*> extensions;
  struct Codec {
    const nek_plugin* plugin = nullptr;  // NULL: one JSON object a line
    void* self = nullptr;
    const nek_shape* shape = nullptr;
    void* lane = nullptr;
  };
  Codec codec;  // of an output

  // ---- For the runners of run.hpp
  struct Source : nek_source {
    std::string identity, key, head, name, mark_text;
    bool at_end = false, left = false, revoked = false;
    bool ends_now = false;  // in the read under way: what known_sources() tells as no position
  };
  struct SnapshotOf {
    Host* owner = nullptr;
    std::string state;
    std::optional<nek_status> done;
  };
  struct CallOf : nek_call {
    Host* owner = nullptr;
    Arena arena;
    const nek_shape* shape = nullptr;
    const nek_chunk* chunk = nullptr;  // of a decode
    uint32_t first_row = 0;            // number of its first row in the text of refusals
    struct Out {
      uint32_t stream, rows;
      const nek_schema* schema;
      const nek_column* const* columns;
      const uint64_t* keep;  // NULL: all
      bool derived;
    };
    std::vector<Out> outs;
    std::vector<std::string> raw;
    std::vector<bool> refused_rows;
    std::string refused;
  };

  std::unique_ptr<CallOf> begin_call(const nek_shape* shape, void* lane) {
    auto call = std::make_unique<CallOf>();
    call->size = sizeof(nek_call);
    call->host = c();
    call->lane = lane;
    call->owner = this;
    call->shape = shape;
    return call;
  }
  const nek_batch* batch(CallOf& call, std::string_view table) {
    return parse_table(
        {call.arena, [&](const nek_column& values) { return make_dictionary(values); },
         [&](const std::vector<nek_field>& fields) {
           return intern(fields.data(), static_cast<uint32_t>(fields.size()));
         }},
        table);
  }
  // Sets call.batch and finds the columns that the shape reads.
  void bind(CallOf& call, const nek_batch* batch) {
    auto** reads = call.arena.array<const nek_column*>(call.shape->need_count + 1);
    for (uint32_t i = 0; i < call.shape->need_count; i++) {
      reads[i] = bound_column(call, *batch, call.shape->reads[i]);
    }
    call.batch = batch;
    call.reads = reads;
    call.refused_rows.assign(batch->rows, false);
  }
  // Throws what the plugin did against the contract since the last time.
  void check() {
    std::lock_guard lock(mutex_);
    if (problems_.empty()) return;
    throw std::runtime_error("against the contract: " + std::exchange(problems_, {}));
  }
  // For a filter without state, once all its steps are over: where all records pass, all must.
  void check_passed(const CallOf& call) {
    const auto& refused = call.refused_rows;
    if (std::count(refused.begin(), refused.end(), false) == 0) return;
    for (uint32_t i = 0; i < call.shape->stream_count; i++) {
      const nek_stream& stream = call.shape->streams[i];
      const bool sent = std::any_of(call.outs.begin(), call.outs.end(),
                                    [i](const CallOf::Out& out) { return out.stream == i; });
      if (stream.kind == NEK_PASS && !sent)
        broken(std::string("nothing is sent on to stream '") + stream.name + "', which passes all");
    }
  }
  // What was emitted, once all steps of the call are over.
  Emitted finish_call(const CallOf& call) {
    check();
    Emitted all;
    all.refused = call.refused;
    all.raw = call.raw;
    all.streams.resize(call.shape ? call.shape->stream_count : 1);
    std::vector<const nek_schema*> last(all.streams.size());
    for (const auto& out : call.outs) {
      std::string& text = all.streams[out.stream];
      if (last[out.stream] != out.schema) text += format_types(*out.schema);
      last[out.stream] = out.schema;
      for (uint32_t row = 0; row < out.rows; row++) {
        if (out.keep && !(out.keep[row / 64] >> (row % 64) & 1)) continue;
        if (!out.derived && call.refused_rows[row]) continue;
        text += format_row(*out.schema, out.columns, row);
      }
    }
    return all;
  }
  std::deque<Source>& sources() { return sources_; }
  nek_source* open(const nek_source_open& open) {
    Source& s = sources_.emplace_back();
    s.size = sizeof(nek_source);
    s.identity = to_view(open.identity);
    s.key = open.key.size ? to_view(open.key) : to_view(open.identity);
    s.head = to_view(open.head);
    s.flags = open.flags;
    s.of_input = open.of_input;
    if (NEK_HAS(&open, name)) s.name = to_view(open.name);
    if (const auto mark = marks.find(s.key); mark != marks.end()) s.mark_text = mark->second;
    s.mark = to_text(s.mark_text);
    const auto at = resume.find(s.key);
    s.resume = at == resume.end() ? NEK_NO_POSITION : at->second;
    s.ended = at != resume.end() && ended.contains(s.key);
    return &s;
  }
  // Waits for complete(); none within ten seconds is an error.
  void wait_for(const Completed& token) {
    std::unique_lock lock(mutex_);
    if (!completed_.wait_for(lock, std::chrono::seconds(10), [&] { return token.done; })) {
      throw std::runtime_error("send was not completed within ten seconds");
    }
  }
  void wait_for(const SnapshotOf& snapshot) {
    std::unique_lock lock(mutex_);
    if (!completed_.wait_for(lock, std::chrono::seconds(10),
                             [&] { return snapshot.done.has_value(); })) {
      throw std::runtime_error("snapshot was not answered within ten seconds");
    }
  }
  const nek_dictionary* make_dictionary(const nek_column& values) {
    if (Status s = check_column(values); !s.ok()) broken("dictionary: " + s.message());
    std::lock_guard lock(mutex_);
    const nek_column* copy = copy_column(dictionary_arena_, values);
    open_dictionaries_++;
    return &dictionaries_.emplace_back(nek_dictionary{dictionaries_.size() + 1, copy});
  }

 private:
  struct Table : nek_host {
    Host* owner;
  };
  static Host& of(const nek_host* host) { return *static_cast<const Table*>(host)->owner; }
  static CallOf& of(nek_call* call) { return *static_cast<CallOf*>(call); }
  void broken(const std::string& what) {
    std::lock_guard lock(mutex_);
    problems_ += (problems_.empty() ? "" : "; ") + what;
  }

  const nek_column* bound_column(CallOf& call, const nek_batch& batch, const nek_need& need) {
    for (uint32_t c = 0; c < batch.schema->count; c++) {
      const nek_field& field = batch.schema->fields[c];
      if (std::string_view(field.name) != need.name) continue;
      if (need.types & NEK_TYPE_BIT(field.type)) return batch.columns[c];
      throw std::runtime_error(std::string("column '") + need.name + "' is read, but not as " +
                               std::string(type_name(field.type)));
    }
    nek_type type = NEK_BOOL;
    while (!(need.types & NEK_TYPE_BIT(type))) type++;
    return null_column(call.arena, type, batch.rows);
  }

 public:
  const nek_column* null_column(Arena& arena, nek_type type, uint32_t rows) {
    nek_column* empty =
        make_column(arena, {NEK_TEXT, 0, false, false, 0, nullptr, nullptr, nullptr});
    nek_make make{};
    make.type = type;
    make.rows = rows;
    make.nulls = true;
    if (type == NEK_LIST) make.items = empty;
    if (type == NEK_DICT_TEXT) make.dictionary = make_dictionary(*empty);
    if (type == NEK_DICT_LIST)
      make.dictionary = make_dictionary(testing::detail::list_column(arena, {}));
    nek_column* column = make_column(arena, make);
    std::memset(column->values, 0, value_bytes(type, rows));
    return column;
  }

 private:
  const nek_schema* intern(const nek_field* fields, uint32_t count) {
    std::lock_guard lock(mutex_);
    std::vector<std::pair<std::string, std::pair<nek_type, uint32_t>>> key;
    key.reserve(count);
    for (uint32_t i = 0; i < count; i++) {
      key.push_back({fields[i].name, {fields[i].type, fields[i].flags}});
    }
    auto [at, is_new] = schemas_.try_emplace(std::move(key));
    if (is_new) {
      for (const auto& [name, type] : at->first) {
        at->second.fields.push_back({name.c_str(), type.first, type.second});
      }
      at->second.schema = {count, at->second.fields.data()};
    }
    return &at->second.schema;
  }

  bool fits(const std::string& where, const nek_column& column, nek_type type, uint32_t rows) {
    std::string what;
    if (column.type != type) what = "is not of the declared type";
    if (column.rows < rows) what = "has too few rows";
    if (what.empty()) what = check_column(column).message();
    if (!what.empty()) broken(where + ": " + what);
    return what.empty();
  }
  // Why this emit is against the contract, or "".
  static std::string emit_problem(const CallOf& call, uint32_t index, const uint64_t* keep,
                                  const nek_column* const* added) {
    if (index >= call.shape->stream_count) return "emit to a stream that is not in its shape";
    const nek_stream& stream = call.shape->streams[index];
    if (stream.kind == NEK_DERIVED) return "emit to a derived stream";
    if (stream.kind == NEK_PASS && keep) return "emit with keep to a stream that passes all";
    if (stream.add_count && !added) return "emit without the columns that the stream adds";
    for (const auto& out : call.outs) {
      if (out.stream == index) return "a second emit to a stream";
    }
    return {};
  }
  static size_t place_of(std::string_view name, const std::vector<nek_field>& fields) {
    size_t at = 0;
    while (at < fields.size() && name != fields[at].name) at++;
    return at;
  }
  // The batch's columns and those that the stream adds; one of the same name is replaced at its
  // place.
  void emitted(CallOf& call, uint32_t index, const uint64_t* keep, const nek_column* const* added) {
    if (const auto what = emit_problem(call, index, keep, added); !what.empty())
      return broken(what);
    const nek_stream& stream = call.shape->streams[index];
    const nek_schema& schema = *call.batch->schema;
    std::vector<nek_field> fields(schema.fields, schema.fields + schema.count);
    auto** columns = call.arena.array<const nek_column*>(schema.count + stream.add_count + 1);
    std::copy_n(call.batch->columns, schema.count, columns);
    for (uint32_t i = 0; i < stream.add_count; i++) {
      const nek_field& field = stream.adds[i];
      if (!added[i] || !fits(field.name, *added[i], field.type, call.batch->rows)) continue;
      const size_t at = place_of(field.name, fields);
      if (at == fields.size()) fields.emplace_back();
      fields[at] = field;
      columns[at] = added[i];
    }
    uint64_t* kept = nullptr;
    if (keep) {
      kept = call.arena.array<uint64_t>(bitmap_words(call.batch->rows) + 1);
      std::copy_n(keep, bitmap_words(call.batch->rows), kept);
    }
    const auto* out = intern(fields.data(), static_cast<uint32_t>(fields.size()));
    call.outs.push_back({index, call.batch->rows, out, columns, kept, false});
  }
  void derived(CallOf& call, uint32_t index, uint32_t rows, const nek_column* const* columns) {
    if (index >= call.shape->stream_count || call.shape->streams[index].kind != NEK_DERIVED) {
      return broken("derive to a stream that is not declared as derived");
    }
    const nek_stream& stream = call.shape->streams[index];
    add_derived(call, index, intern(stream.adds, stream.add_count), rows, columns);
  }
  void add_derived(CallOf& call, uint32_t stream, const nek_schema* schema, uint32_t rows,
                   const nek_column* const* columns) {
    auto** kept = call.arena.array<const nek_column*>(schema->count + 1);
    for (uint32_t c = 0; c < schema->count; c++) {
      if (!fits(schema->fields[c].name, *columns[c], schema->fields[c].type, rows)) return;
      kept[c] = columns[c];
    }
    call.outs.push_back({stream, rows, schema, kept, nullptr, true});
  }
  void decoded(CallOf& call, const nek_schema* schema, uint32_t rows,
               const nek_column* const* columns, const nek_span* raw) {
    if (!call.chunk) return broken("decoded() outside of decode");
    uint32_t end = 0;
    for (uint32_t row = 0; row < rows; row++) {
      if (raw[row].begin < end) return broken("raw spans of rows do not increase");
      end = raw[row].begin + raw[row].size;
      if (end > call.chunk->used) return broken("a row's raw span is outside of the chunk");
      call.raw.emplace_back(reinterpret_cast<const char*>(call.chunk->data) + raw[row].begin,
                            raw[row].size);
    }
    add_derived(call, 0, schema, rows, columns);
  }
  static void refuse(CallOf& call, const char* key, const std::string& value, const char* reason,
                     nek_text detail) {
    call.refused += std::string("{\"") + key + "\":" + value + ",\"reason\":";
    append_string(call.refused, reason);
    call.refused += ",\"detail\":";
    append_string(call.refused, to_view(detail));
    call.refused += "}\n";
  }
  nek_status encode(nek_call* call, const nek_text* before, nek_encoded* out) {
    if (codec.plugin) {
      auto own = begin_call(codec.shape, codec.lane);  // a codec reads columns of its own
      bind(*own, call->batch);
      return codec.plugin->encoder->encode(codec.self, own.get(), before, out);
    }
    for (uint32_t row = 0; row < call->batch->rows; row++) {
      const std::string line = (before ? std::string(to_view(before[row])) : std::string()) +
                               format_row(*call->batch->schema, call->batch->columns, row);
      grow(out, line.size());
      std::memcpy(out->data + out->used, line.data(), line.size());
      out->used += line.size();
      out->ends[row] = static_cast<uint32_t>(out->used);
    }
    return NEK_OK;
  }
  static void grow(nek_encoded* out,
                   size_t more) {  // moves always, so that kept pointers are found
    const size_t capacity = out->used + more;
    auto bytes = std::make_unique<uint8_t[]>(capacity);
    if (out->used) std::memcpy(bytes.get(), out->data, out->used);
    std::unique_ptr<uint8_t[]>(out->data).reset();
    out->data = bytes.release();
    out->capacity = capacity;
  }

  void failed(nek_text what, const nek_value* at) {
    std::lock_guard lock(mutex_);
    error_ = to_view(what);
    if (at) error_ = std::to_string(at->line) + ":" + std::to_string(at->column) + ": " + error_;
  }
  void complete(Completed& token, const nek_outcome& outcome) {
    if (token.done) return broken("a token was completed twice");
    std::lock_guard lock(mutex_);
    token.verdict = outcome.verdict;
    token.reason = to_view(outcome.reason);
    token.after_ms = outcome.after_ms;
    token.max_bytes = outcome.max_bytes;
    for (size_t i = 0; i < token.records.size(); i++) {
      token.records[i] =
          outcome.records
              ? Verdict{outcome.records[i].verdict, std::string(to_view(outcome.records[i].reason))}
              : Verdict{outcome.verdict, std::string(to_view(outcome.reason))};
    }
    token.done = true;
    completed_.notify_all();
  }
  void fill_table();

  Table table_{};
  mutable std::mutex mutex_;
  std::condition_variable completed_;
  std::string error_, problems_;
  std::vector<std::string> logs_;
  struct Metric {
    Host* owner;
    int kind;
    double value;
  };
  std::map<std::string, Metric> metrics_;
  struct Interned {
    std::vector<nek_field> fields;
    nek_schema schema;
  };
  std::map<std::vector<std::pair<std::string, std::pair<nek_type, uint32_t>>>, Interned> schemas_;
  Arena dictionary_arena_;
  std::deque<nek_dictionary> dictionaries_;
  int open_dictionaries_ = 0;
  std::deque<Source> sources_;
};

// Opaque to plugins: nek_token is a Completed, nek_snapshot a SnapshotOf, nek_metric a Metric.
inline void Host::fill_table() {
  Table& t = table_;
  t.size = sizeof(nek_host);
  t.owner = this;
  t.extension = [](const nek_host* h, const char* id) -> const void* {
    const auto found = of(h).extensions.find(id);
    return found == of(h).extensions.end() ? nullptr : found->second;
  };
  t.fail = [](const nek_host* h, nek_status status, nek_text what, const nek_value* at) {
    of(h).failed(what, at);
    return status;
  };
  t.log = [](const nek_host* h, int, nek_text line) {
    std::lock_guard lock(of(h).mutex_);
    of(h).logs_.emplace_back(to_view(line));
  };
  t.now_ms = [](const nek_host* h) { return of(h).now; };
  t.stopping = [](const nek_host* h) { return of(h).stopping.load(); };
  t.metric = [](const nek_host* h, int kind, const char* name, const char*) {
    std::lock_guard lock(of(h).mutex_);
    Metric& metric = of(h).metrics_.try_emplace(name, Metric{&of(h), kind, 0}).first->second;
    return reinterpret_cast<nek_metric*>(&metric);
  };
  t.metric_add = [](nek_metric* metric, double value) {
    Metric& m = *reinterpret_cast<Metric*>(metric);
    std::lock_guard lock(m.owner->mutex_);
    m.value = m.kind == NEK_COUNTER || m.kind == NEK_LOSS ? m.value + value : value;
  };
  t.schema = [](const nek_host* h, const nek_field* fields, uint32_t count) {
    return of(h).intern(fields, count);
  };
  t.dictionary = [](const nek_host* h, const nek_column* values) {
    return of(h).make_dictionary(*values);
  };
  t.dictionary_free = [](const nek_host* h, const nek_dictionary*) {
    std::lock_guard lock(of(h).mutex_);
    of(h).open_dictionaries_--;
  };
  t.source_open = [](const nek_host* h, const nek_source_open* open) { return of(h).open(*open); };
  t.source_end = [](const nek_host*, nek_source* source) {
    auto& own = *static_cast<Source*>(source);
    own.at_end = own.ends_now = true;
  };
  t.source_leave = [](const nek_host*, nek_source* source) {
    auto& own = *static_cast<Source*>(source);
    own.left = own.ends_now = true;
  };
  t.source_mark = [](const nek_host* h, nek_source* source, nek_text mark) {
    auto& own = *static_cast<Source*>(source);
    own.mark_text = of(h).marks[own.key] = to_view(mark);
    own.mark = to_text(own.mark_text);
  };
  t.known_sources = [](const nek_host* h, void* to, void (*each)(void*, const nek_known_source*)) {
    std::map<std::string, uint64_t> positions = of(h).resume;
    for (const Source& source : of(h).sources_)
      if (source.ends_now) positions[source.key] = NEK_NO_POSITION;
    for (const auto& [key, position] : positions) {
      const auto mark = of(h).marks.find(key);
      nek_known_source known{};
      known.size = sizeof known;
      known.key = known.identity = to_text(key);
      if (mark != of(h).marks.end()) known.mark = to_text(mark->second);
      known.position = position;
      each(to, &known);
    }
  };
  t.source_revoke = [](const nek_host* h, nek_source* const* sources, uint32_t count,
                       uint32_t wait_ms, uint64_t* committed) {
    for (uint32_t i = 0; i < count; i++) {
      auto& source = *static_cast<Source*>(sources[i]);
      source.revoked = true;
      of(h).resume.erase(source.key);
      of(h).marks.erase(source.key);
      of(h).ended.erase(source.key);
      const auto at = of(h).committed.find(source.identity);
      const bool known = wait_ms > 0 && at != of(h).committed.end();
      committed[i] = known ? at->second : NEK_NO_POSITION;
    }
  };
  t.memory = [](nek_call* c, size_t bytes) { return of(c).arena.allocate(bytes); };
  t.column = [](nek_call* c, const nek_make* make) {
    const nek_chunk* chunk = of(c).chunk;
    return make_column(of(c).arena, *make,
                       chunk ? nek_buffer{chunk->data, chunk->used} : nek_buffer{});
  };
  t.emit = [](nek_call* c, uint32_t stream, const uint64_t* keep, const nek_column* const* added) {
    of(c).owner->emitted(of(c), stream, keep, added);
  };
  t.derive = [](nek_call* c, uint32_t stream, uint32_t rows, const nek_column* const* columns,
                const nek_id*) { of(c).owner->derived(of(c), stream, rows, columns); };
  t.decoded = [](nek_call* c, const nek_schema* schema, uint32_t rows,
                 const nek_column* const* columns,
                 const nek_span* raw) { of(c).owner->decoded(of(c), schema, rows, columns, raw); };
  t.refuse_row = [](nek_call* c, uint32_t row, const char* reason, nek_text detail) {
    if (row >= of(c).refused_rows.size() || !reason)
      return of(c).owner->broken(
          "refuse_row of a row that is not in the batch, or without a reason");
    of(c).refused_rows[row] = true;
    refuse(of(c), "row", std::to_string(of(c).first_row + row), reason, detail);
  };
  t.refuse_bytes = [](nek_call* c, nek_span bytes, const char* reason, nek_text detail) {
    const auto* data = reinterpret_cast<const char*>(of(c).chunk->data);
    std::string raw;
    append_string(raw, {data + bytes.begin, bytes.size});
    refuse(of(c), "raw", raw, reason, detail);
  };
  t.ids = [](nek_call* c) -> const nek_id* {  // row i has the number i + 1
    const uint32_t rows = c->batch->rows;
    auto* ids = of(c).arena.zeroed<nek_id>(rows);
    for (uint32_t i = 0; i < rows && !of(c).owner->no_ids; i++) {
      ids[i].bytes[14] = static_cast<uint8_t>((i + 1) >> 8);
      ids[i].bytes[15] = static_cast<uint8_t>(i + 1);
    }
    return ids;
  };
  t.encode = [](nek_call* c, const nek_text* before, nek_encoded* out) {
    return of(c).owner->encode(c, before, out);
  };
  t.header = [](const nek_host* h) {
    const Codec& codec = of(h).codec;
    if (!codec.plugin || !codec.plugin->encoder->header) return nek_text{"", 0};
    return codec.plugin->encoder->header(codec.self);
  };
  t.record_end = [](const nek_host* h) {
    const Codec& codec = of(h).codec;
    if (!codec.plugin) return to_text("\n");
    const nek_encoder& encoder = *codec.plugin->encoder;
    if (!NEK_HAS(&encoder, record_end) || !encoder.record_end) return nek_text{"", 0};
    return encoder.record_end(codec.self);
  };
  t.reserve = [](nek_encoded* out, size_t more) { grow(out, more); };
  t.complete = [](nek_token* token, const nek_outcome* outcome) {
    Completed& completed = *reinterpret_cast<Completed*>(token);
    completed.owner->complete(completed, *outcome);
  };
  t.state_write = [](nek_snapshot* snapshot, nek_text piece) {
    reinterpret_cast<SnapshotOf*>(snapshot)->state += to_view(piece);
  };
  t.state_done = [](nek_snapshot* snapshot, nek_status status) {
    auto& s = *reinterpret_cast<SnapshotOf*>(snapshot);
    std::lock_guard lock(s.owner->mutex_);
    s.done = status;
    s.owner->completed_.notify_all();
  };
}

}  // namespace nek::testing
