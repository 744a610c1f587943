// SPDX-License-Identifier: Apache-2.0
// What a plugin class is handed: Host and Shape when it is made, Call, Chunk and Encoded in steps.
// Thin values over the structs of plugin.h, with C++ types; c() gives the struct itself.
// Thread-safe: Host and Metric. The others belong to the thread and the call that got them.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "nek/batch.hpp"
#include "nek/config.hpp"
#include "nek/plugin.h"
#include "nek/status.hpp"
#include "nek/text.hpp"

namespace nek {

// ---- What create knows --------------------------------------------------------------------------

// A number that the host exports. Thread-safe.
class Metric {
 public:
  Metric() = default;
  Metric(const nek_host* host, nek_metric* metric) : host_(host), metric_(metric) {}
  void add(double value = 1) const { put(value); }  // counter
  void set(double value) const { put(value); }      // gauge
  void observe(double value) const { put(value); }  // histogram

 private:
  void put(double value) const {
    if (metric_) host_->metric_add(metric_, value);
  }
  const nek_host* host_ = nullptr;
  nek_metric* metric_ = nullptr;
};

struct RecordVerdict {
  uint32_t verdict = NEK_DELIVERED;
  std::string reason = {};
};
// How a request of `send` ended; nek_outcome says what the fields mean.
struct Outcome {
  uint32_t verdict = NEK_DELIVERED;
  std::string reason = {};
  uint64_t after_ms = 0;
  uint64_t max_bytes = 0;
  std::vector<RecordVerdict> records = {};  // one a record, or empty: `verdict` holds for all
  bool too_much = false;
};

// The host's services for one instance; copied freely, valid until the instance's end. Thread-safe.
class Host {
 public:
  Host(const nek_host* host, const nek_value* config) : host_(host), config_(config) {}
  const nek_host* c() const { return host_; }

  // Where an option stands, for fail_at(); the whole entry when it was not written.
  const nek_value* at(std::string_view option) const {
    const nek_value* value = find(*config_, option);
    return value ? value : config_;
  }
  const nek_value& config() const { return *config_; }
  // Whether a value stands in the file, or is a default, whose place is that of the whole entry.
  bool is_written(const nek_value& value) const {
    return value.line != config_->line || value.column != config_->column;
  }

  void log(int level, std::string_view line) const { host_->log(host_, level, to_text(line)); }
  int64_t now_ms() const { return host_->now_ms(host_); }
  const void* extension(const char* id) const { return host_->extension(host_, id); }

  // [main-thread]
  Metric counter(const char* name, const char* help) const {
    return metric(NEK_COUNTER, name, help);
  }
  // A counter of what was lost: the end of a run shows it when it is not 0, with `help`.
  Metric loss(const char* name, const char* help) const { return metric(NEK_LOSS, name, help); }
  Metric gauge(const char* name, const char* help) const { return metric(NEK_GAUGE, name, help); }
  Metric histogram(const char* name, const char* help) const {
    return metric(NEK_HISTOGRAM, name, help);
  }

  const nek_schema* schema(std::span<const nek_field> fields) const {
    return host_->schema(host_, fields.data(), static_cast<uint32_t>(fields.size()));
  }
  Dictionary dictionary(std::span<const std::string> texts) const {
    return Dictionary(host_, texts);
  }
  Dictionary dictionary(std::span<const std::vector<std::string>> lists) const {
    return Dictionary(host_, lists);
  }

  // Inputs. [reader-thread]
  nek_source* open_source(nek_source_open open) const {
    open.size = sizeof open;
    return host_->source_open(host_, &open);
  }
  void end_source(nek_source* source) const { host_->source_end(host_, source); }
  // A host that is older than these does without: the source ends, nothing is kept or known.
  void leave_source(nek_source* source) const {
    (NEK_HAS(host_, source_leave) ? host_->source_leave : host_->source_end)(host_, source);
  }
  void mark_source(nek_source* source, std::string_view mark) const {
    if (NEK_HAS(host_, source_mark)) host_->source_mark(host_, source, to_text(mark));
  }
  static std::string_view mark_of(const nek_source& source) {
    return NEK_HAS(&source, mark) ? to_view(source.mark) : std::string_view();
  }
  // Calls each(const nek_known_source&).
  template <class Each>
  void known_sources(Each each) const {
    if (!NEK_HAS(host_, known_sources)) return;
    host_->known_sources(host_, &each, [](void* to, const nek_known_source* source) {
      (*static_cast<Each*>(to))(*source);
    });
  }
  // Nek is to end: what takes long and may be left out is not waited for. [any-thread]
  bool stopping() const { return NEK_HAS(host_, stopping) && host_->stopping(host_); }
  std::vector<uint64_t> revoke_sources(std::span<nek_source* const> sources,
                                       uint32_t wait_ms) const {
    std::vector<uint64_t> committed(sources.size(), NEK_NO_POSITION);
    host_->source_revoke(host_, sources.data(), static_cast<uint32_t>(sources.size()), wait_ms,
                         committed.data());
    return committed;
  }

  // Outputs. header: the codec's. [writer-thread]
  std::string_view header() const { return to_view(host_->header(host_)); }
  // What the codec puts behind every record. [any-thread]
  std::string_view record_end() const {
    return NEK_HAS(host_, record_end) ? to_view(host_->record_end(host_)) : std::string_view();
  }
  void complete(nek_token* token, const Outcome& outcome) const {
    std::vector<nek_result> records;
    records.reserve(outcome.records.size());
    for (const auto& r : outcome.records) records.push_back({r.verdict, to_text(r.reason)});
    nek_outcome c{};
    c.size = sizeof c;
    c.verdict = outcome.verdict;
    c.reason = to_text(outcome.reason);
    c.after_ms = outcome.after_ms;
    c.max_bytes = outcome.max_bytes;
    c.records = records.empty() ? nullptr : records.data();
    c.too_much = outcome.too_much;
    host_->complete(token, &c);
  }

  // In answer to NEK_SNAPSHOT, at once or later from another thread. [any-thread]
  void write_state(nek_snapshot* snapshot, std::string_view piece) const {
    host_->state_write(snapshot, to_text(piece));
  }
  void finish_state(nek_snapshot* snapshot, nek_status status = NEK_OK) const {
    host_->state_done(snapshot, status);
  }

 private:
  Metric metric(int kind, const char* name, const char* help) const {
    return {host_, host_->metric(host_, kind, name, help)};
  }
  const nek_host* host_;
  const nek_value* config_;
};

// A column that a stream adds, or that a derived stream has.
struct Field {
  std::string name;
  nek_type type;
  uint32_t flags = 0;  // NEK_EVENT_TIME
};

// What an instance, as configured, reads and makes. setup() fills it.
class Shape {
 public:
  Shape() { c_.size = sizeof c_; }
  Shape(const Shape&) = delete;
  Shape& operator=(const Shape&) = delete;

  // Returns the column's index for Call::read(). The lowest type is the one of an absent column.
  uint32_t read(std::string_view name, std::initializer_list<nek_type> types) {
    return need(name, types, false);
  }
  uint32_t read_optional(std::string_view name, std::initializer_list<nek_type> types) {
    return need(name, types, true);
  }
  void read_all() { c_.reads_all = true; }

  // Each returns the stream's index for Call::emit() and derive().
  uint32_t pass(std::string_view name = "out", const std::vector<Field>& adds = {}) {
    return stream(name, NEK_PASS, adds);
  }
  uint32_t subset(std::string_view name, const std::vector<Field>& adds = {}) {
    return stream(name, NEK_SUBSET, adds);
  }
  // Decoders and filters; without columns: they are known only when records come.
  uint32_t derived(std::string_view name = "out", const std::vector<Field>& columns = {}) {
    return stream(name, NEK_DERIVED, columns);
  }
  // Outputs with send or deliver: bounds; what it is between them is found from how requests end.
  void max_in_flight(uint32_t requests) { c_.max_in_flight = requests; }
  void max_request_bytes(uint64_t bytes) { c_.max_request_bytes = bytes; }

  // Inputs whose sources cannot be read again.
  void once() { c_.once = true; }

  const nek_shape& c() {
    c_.need_count = static_cast<uint32_t>(needs_.size());
    c_.reads = needs_.data();
    c_.stream_count = static_cast<uint32_t>(streams_.size());
    c_.streams = streams_.data();
    return c_;
  }

 private:
  const char* keep(std::string_view name) { return names_.emplace_back(name).c_str(); }
  uint32_t need(std::string_view name, std::initializer_list<nek_type> types, bool optional) {
    uint32_t bits = 0;
    for (const nek_type type : types) bits |= NEK_TYPE_BIT(type);
    needs_.push_back({keep(name), bits, optional});
    return static_cast<uint32_t>(needs_.size() - 1);
  }
  uint32_t stream(std::string_view name, uint32_t kind, const std::vector<Field>& adds) {
    auto& fields = fields_.emplace_back();
    for (const auto& f : adds) fields.push_back({keep(f.name), f.type, f.flags});
    streams_.push_back({keep(name), kind, static_cast<uint32_t>(fields.size()),
                        fields.empty() ? nullptr : fields.data()});
    return static_cast<uint32_t>(streams_.size() - 1);
  }

  nek_shape c_{};
  std::deque<std::string> names_;
  std::vector<nek_need> needs_;
  std::deque<std::vector<nek_field>> fields_;
  std::vector<nek_stream> streams_;
};

// What start() gets; valid for the call.
class Start {
 public:
  explicit Start(const nek_start& start) : c_(start) {}
  // Whether anyone reads this column that the instance makes.
  bool wants(std::string_view column) const {
    if (!c_.wanted) return true;
    for (uint32_t i = 0; i < c_.wanted_count; i++) {
      if (c_.wanted[i] == column) return true;
    }
    return false;
  }
  bool wants_all() const { return !c_.wanted; }
  // Their names, for columns that are known only when records come; empty where all are wanted.
  std::span<const char* const> wanted() const {
    return {c_.wanted, c_.wanted ? c_.wanted_count : 0};
  }
  // What this instance wrote in the last complete snapshot, or empty.
  std::string_view restored() const { return to_view(c_.restored); }

 private:
  const nek_start& c_;
};

// ---- What steps get -----------------------------------------------------------------------------

// A column to make; rows: those of the call's batch unless said otherwise. See nek_make.
struct Make {
  uint32_t rows = UINT32_MAX;
  bool nulls = false;
  bool chunk_text = false;
  size_t text_bytes = 0;
  const nek_column* like = nullptr;
  const nek_column* items = nullptr;
  const nek_dictionary* dictionary = nullptr;
};

class Encoded;

// One call of a step: its batch and the host's services for it. Valid for the call; one thread's.
class Call {
 public:
  explicit Call(nek_call* call) : c_(call) {}
  nek_call* c() const { return c_; }

  uint32_t rows() const { return c_->batch ? c_->batch->rows : 0; }
  const nek_batch& batch() const { return *c_->batch; }
  // The column that Shape::read() returned this index for.
  const nek_column& read(uint32_t index) const { return *c_->reads[index]; }
  const nek_id* ids() const { return c_->host->ids(c_); }

  // Uninitialised; freed after the component's last step on this batch.
  template <class T>
    requires std::is_trivially_destructible_v<T>
  std::span<T> memory(size_t count) const {
    return {static_cast<T*>(c_->host->memory(c_, count * sizeof(T))), count};
  }
  // A bit for each row, all 0.
  std::span<uint64_t> bitmap() const {
    auto words = memory<uint64_t>(bitmap_words(rows()));
    std::fill(words.begin(), words.end(), 0);
    return words;
  }
  // What process leaves for commit: memory() of this call, or nullptr.
  void prepare(void* prepared) const { c_->prepared = prepared; }
  template <class T>
  T* prepared() const {
    return static_cast<T*>(c_->prepared);
  }

  nek_column& column(nek_type type, const Make& make = {}) const {
    const uint32_t rows_made = make.rows == UINT32_MAX ? rows() : make.rows;
    const nek_make c = {type,      rows_made,  make.nulls,     make.chunk_text, make.text_bytes,
                        make.like, make.items, make.dictionary};
    return *c_->host->column(c_, &c);
  }

  // The whole batch to a stream, with the columns it adds (nullptr: not wanted).
  void emit(uint32_t stream, std::span<const nek_column* const> added) const {
    c_->host->emit(c_, stream, nullptr, data(added));
  }
  void emit(uint32_t stream, std::initializer_list<const nek_column*> added = {}) const {
    emit(stream, std::span(added.begin(), added.size()));
  }
  // Those rows whose bit is set.
  void emit_rows(uint32_t stream, std::span<const uint64_t> keep,
                 std::span<const nek_column* const> added = {}) const {
    c_->host->emit(c_, stream, keep.data(), data(added));
  }
  // New records; ids from their content, or nullptr.
  void derive(uint32_t stream, uint32_t rows, std::span<const nek_column* const> columns,
              const nek_id* ids = nullptr) const {
    c_->host->derive(c_, stream, rows, columns.data(), ids);
  }
  // Decoders: records of one schema, raw[i]: the bytes of row i, increasing.
  void decoded(const nek_schema* schema, uint32_t rows, std::span<const nek_column* const> columns,
               std::span<const nek_span> raw) const {
    c_->host->decoded(c_, schema, rows, columns.data(), raw.data());
  }
  // To the dead letters; `reason`: static, one of few.
  void refuse(uint32_t row, const char* reason, std::string_view detail) const {
    c_->host->refuse_row(c_, row, reason, to_text(detail));
  }
  void refuse(nek_span bytes, const char* reason, std::string_view detail) const {
    c_->host->refuse_bytes(c_, bytes, reason, to_text(detail));
  }
  // Outputs: by the codec, before[i] in front of record i. Its error has its text already.
  inline Status encode(std::span<const nek_text> before, Encoded& out) const;

 private:
  static const nek_column* const* data(std::span<const nek_column* const> columns) {
    return columns.empty() ? nullptr : columns.data();
  }
  nek_call* c_;
};

// The bytes of a segment.
inline std::string_view bytes_of(const nek_chunk& chunk, const nek_segment& segment) {
  return {reinterpret_cast<const char*>(chunk.data) + segment.begin, segment.size};
}
// What the decoder's open() filled for the segment's source.
template <class Source>
const Source& source_of(const nek_segment& segment) {
  return *static_cast<const Source*>(segment.source->of_decoder);
}

// The chunk that read() fills.
class Chunk {
 public:
  explicit Chunk(nek_chunk* chunk) : c_(chunk) {}
  nek_chunk* c() const { return c_; }

  // Serve the connection, hand out nothing.
  bool memory_full() const { return c_->capacity == 0; }
  bool empty() const { return c_->used == 0; }
  // Free bytes to read into; took() says what they became.
  std::span<uint8_t> room() const {
    if (c_->segment_count == c_->segment_capacity) return {};
    return {c_->data + c_->used, c_->capacity - c_->used};
  }
  void took(nek_source* source, uint64_t position, uint32_t size) {
    if (nek_segment* last = continued(source, position)) {
      last->size += size;
    } else {
      c_->segments[c_->segment_count++] = {source, position, c_->used, size};
    }
    c_->used += size;
  }
  // Copies; false when there is no room.
  bool add(nek_source* source, uint64_t position, std::string_view bytes) {
    if (room().size() < bytes.size() || c_->segment_count == c_->segment_capacity) return false;
    if (!bytes.empty()) std::memcpy(c_->data + c_->used, bytes.data(), bytes.size());
    took(source, position, static_cast<uint32_t>(bytes.size()));
    return true;
  }
  // The id that the last message has wherever it came from.
  void set_id(const nek_id& id) {
    // NOLINTNEXTLINE(bugprone-sizeof-expression): of a pointer, as it must be
    if (NEK_HAS(c_, ids) && c_->ids) c_->ids[c_->segment_count - 1] = id;
  }
  // A message of this size waits: where a chunk does not hold it, the next one does.
  void need(size_t bytes) {
    if (NEK_HAS(c_, need)) c_->need = static_cast<uint32_t>(bytes);
  }
  uint32_t segments() const { return c_->segment_count; }
  // Columns with one value a segment; they stay the input's until the next read.
  void columns(const nek_schema* schema, const nek_column** columns) {
    c_->schema = schema;
    c_->columns = columns;
  }

 private:
  nek_segment* continued(nek_source* source, uint64_t position) const {
    if (c_->segment_count == 0 || source->flags & NEK_MESSAGES) return nullptr;
    nek_segment& last = c_->segments[c_->segment_count - 1];
    return last.source == source && last.position + last.size == position ? &last : nullptr;
  }
  nek_chunk* c_;
};

// Where encoded records go. One thread's, valid for the call.
class Encoded {
 public:
  Encoded(const nek_host* host, nek_encoded* out, const nek_text* before = nullptr)
      : host_(host), c_(out), before_(before) {}
  nek_encoded* c() const { return c_; }

  // What goes in front of the record, mostly nothing.
  std::string_view before(uint32_t row) const {
    return before_ ? to_view(before_[row]) : std::string_view();
  }
  // At least `bytes` free bytes; write from the pointer on, then say where you stopped.
  char* room(size_t bytes) {
    if (c_->capacity - c_->used < bytes) host_->reserve(c_, bytes);
    return reinterpret_cast<char*>(c_->data) + c_->used;
  }
  void wrote_to(const char* end) {
    c_->used = static_cast<size_t>(end - reinterpret_cast<const char*>(c_->data));
  }
  void append(std::string_view text) {
    char* at = room(text.size());
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    c_->used += text.size();
  }
  // Records end in row order; one that nothing was written for is left out.
  void end_row(uint32_t row) { c_->ends[row] = static_cast<uint32_t>(c_->used); }

 private:
  const nek_host* host_;
  nek_encoded* c_;
  const nek_text* before_;
};

Status Call::encode(std::span<const nek_text> before, Encoded& out) const {
  return Status(c_->host->encode(c_, before.empty() ? nullptr : before.data(), out.c()));
}

// What `nek check --connect` is told, a line each. Valid for the call.
class Findings {
 public:
  Findings(void* to, void (*tell)(void* to, int level, nek_text line)) : to_(to), tell_(tell) {}
  void good(std::string_view line) const { tell_(to_, NEK_INFO, to_text(line)); }
  void warn(std::string_view line) const { tell_(to_, NEK_WARN, to_text(line)); }
  void error(std::string_view line) const { tell_(to_, NEK_ERROR, to_text(line)); }

 private:
  void* to_;
  void (*tell_)(void* to, int level, nek_text line);
};

// Tables for people, at the end of a run.
class Summary {
 public:
  explicit Summary(nek_summary* to) : to_(to) {}
  void table(const char* title, std::initializer_list<nek_summary_column> columns) {
    to_->table(to_, title, columns.begin(), static_cast<uint32_t>(columns.size()));
  }
  // As many cells as the last table has columns.
  void row(std::initializer_list<std::string_view> cells) {
    std::vector<nek_text> texts;
    texts.reserve(cells.size());
    for (const std::string_view cell : cells) texts.push_back(to_text(cell));
    to_->row(to_, texts.data());
  }

 private:
  nek_summary* to_;
};

// How far an input is, in bytes; total 0: unknown.
struct Progress {
  uint64_t done = 0, total = 0;
};

}  // namespace nek
