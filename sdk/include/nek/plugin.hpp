// SPDX-License-Identifier: Apache-2.0
// The C++20 layer over plugin.h: a plugin is a class, found out by its members and registered by
// one line. It writes the C tables, keeps exceptions inside and makes parallel steps const, so that
// a class shows its work. Thread-safety: members are called as plugin.h's marks say; what runs in
// parallel is const here.
//
//   kind       steps                                                       optional
//   input      Status read(Chunk&, milliseconds wait)                      void
//   committed(nek_source&, uint64_t)
//                                                                          Progress progress()
//                                                                          const
//   decoder    Status decode(Call&, const nek_chunk&) const                size_t
//   frame(string_view, bool at_end) const
//              with a type Source: Status open(Source&, string_view head) const, and frame(const
//              Source&, ...)
//   filter     Status process(Call&) const                                 Status commit(Call&)
//   encoder    Status encode(Call&, Encoded&) const                        string_view header()
//   const output     Status write(span<const nek_encoded* const>), or            Status
//   encode(Call&, Encoded&) const
//              Outcome deliver(span<const nek_record>) which waits, or
//              void send(nek_token*, span<const nek_record>) which doesn't
//   all        a constructor (Host, Config), or (Host) without options     Status setup(Shape&),
//   Status start(Start)
//              with a type Lane, decode, process and                       void stop()
//              encode take a Lane& more                                    Status control(Call&,
//              const nek_control&)
//                                                                            with a constant
//                                                                            uint32_t kControls
#pragma once
#include <array>
#include <chrono>
#include <concepts>
#include <cstring>
#include <deque>
#include <exception>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
  std::string reason;
};
// How a request of `send` ended; nek_outcome says what the fields mean.
struct Outcome {
  uint32_t verdict = NEK_DELIVERED;
  std::string reason;
  uint64_t after_ms = 0;
  uint64_t max_bytes = 0;
  std::vector<RecordVerdict> records;  // one a record, or empty: `verdict` holds for all
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

  void log(int level, std::string_view line) const { host_->log(host_, level, to_text(line)); }
  int64_t now_ms() const { return host_->now_ms(host_); }
  const void* extension(const char* id) const { return host_->extension(host_, id); }

  // [main-thread]
  Metric counter(const char* name, const char* help) const {
    return metric(NEK_COUNTER, name, help);
  }
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
  std::vector<uint64_t> revoke_sources(std::span<nek_source* const> sources,
                                       uint32_t wait_ms) const {
    std::vector<uint64_t> committed(sources.size(), NEK_NO_POSITION);
    host_->source_revoke(host_, sources.data(), static_cast<uint32_t>(sources.size()), wait_ms,
                         committed.data());
    return committed;
  }

  // Outputs. header: the codec's. [writer-thread]
  std::string_view header() const { return to_view(host_->header(host_)); }
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
  void max_in_flight(uint32_t requests) { c_.max_in_flight = requests; }

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

// How far an input is, in bytes; total 0: unknown.
struct Progress {
  uint64_t done = 0, total = 0;
};

// ---- Registration -------------------------------------------------------------------------------

// What `nek plugins` shows.
struct About {
  const char* name = "";
  const char* version = "";
  const char* vendor = "";
  const char* licence = "";
  const char* summary = "";       // one sentence
  const char* example = nullptr;  // its entry in a pipeline, as YAML
  const char* codec = nullptr;    // inputs, outputs: the default one
};

namespace detail {

template <class T>
struct Instance {
  template <class... Args>
  explicit Instance(const nek_host* host, Args&&... args)
      : host(host), plugin(std::forward<Args>(args)...) {}
  const nek_host* host;
  Shape shape;
  T plugin;
};

inline nek_status report(const nek_host* host, const Status& status) noexcept {
  if (!status.message().empty() || status.at()) {
    host->fail(host, status.code(), to_text(status.message()), status.at());
  }
  return status.code();
}
inline nek_status report_exception(const nek_host* host) noexcept {
  try {
    throw;
  } catch (const std::exception& e) {
    return host->fail(host, NEK_FAIL, to_text(e.what()), nullptr);
  } catch (...) {
    return host->fail(host, NEK_FAIL, to_text("an exception of unknown type"), nullptr);
  }
}
// The barrier: no exception crosses the C boundary.
template <class F>
nek_status guarded(const nek_host* host, F&& f) noexcept {
  try {
    return report(host, f());
  } catch (...) {
    return report_exception(host);
  }
}

template <class T>
concept HasLane = requires { typename T::Lane; };
template <class T>
concept HasSource = requires { typename T::Source; };

// f(), or f(lane) where T has one.
template <class T, class F>
Status with_lane(nek_call* call, F&& f) {
  if constexpr (HasLane<T>) {
    return f(*static_cast<typename T::Lane*>(call->lane));
  } else {
    return f();
  }
}

// The C functions of a plugin class T.
template <class T, const auto& kOptions>
struct Thunks {
  using Config = typename std::remove_cvref_t<decltype(kOptions)>::Config;
  using Self = Instance<T>;
  static Self& instance(void* self) { return *static_cast<Self*>(self); }
  static T& plugin(void* self) { return instance(self).plugin; }
  static const T& shared(void* self) { return instance(self).plugin; }  // in parallel steps

  static std::unique_ptr<Self> make(const nek_host* host, const nek_value* value, Config config) {
    if constexpr (std::constructible_from<T, Host, Config>) {
      return std::make_unique<Self>(host, Host(host, value), std::move(config));
    } else {
      return std::make_unique<Self>(host, Host(host, value));
    }
  }
  static nek_status create(const nek_host* host, const nek_value* value, void** self) noexcept {
    return guarded(host, [&] {
      Config config;
      Status status = kOptions.bind(config, *value);
      if (!status.ok()) return status;
      auto made = make(host, value, std::move(config));
      if constexpr (requires { made->plugin.setup(made->shape); }) {
        status = made->plugin.setup(made->shape);
        if (!status.ok()) return status;
      }
      *self = made.release();
      return status;
    });
  }
  static const nek_shape* shape(void* self) noexcept { return &instance(self).shape.c(); }
  static nek_status start(void* self, const nek_start* start) noexcept {
    return guarded(instance(self).host, [&] { return plugin(self).start(Start(*start)); });
  }
  static void* lane_new(void* self) noexcept {
    void* lane = nullptr;
    (void)guarded(instance(self).host, [&] {
      using Lane = typename T::Lane;
      if constexpr (std::constructible_from<Lane, const T&>) {
        lane = std::make_unique<Lane>(shared(self)).release();
      } else {
        lane = std::make_unique<Lane>().release();
      }
      return Status();
    });
    return lane;
  }
  static void lane_free(void*, void* lane) noexcept {
    std::unique_ptr<typename T::Lane>(static_cast<typename T::Lane*>(lane)).reset();
  }
  static void stop(void* self) noexcept {
    (void)guarded(instance(self).host, [&] {
      plugin(self).stop();
      return Status();
    });
  }
  static void destroy(void* self) noexcept { std::unique_ptr<Self>(&instance(self)).reset(); }

  // Extensions.
  static nek_status control(void* self, nek_call* c, const nek_control* control) noexcept {
    return guarded(c->host, [&] {
      Call call(c);
      return plugin(self).control(call, *control);
    });
  }
  static void progress(void* self, uint64_t* done, uint64_t* total) noexcept {
    (void)guarded(instance(self).host, [&] {
      const Progress progress = shared(self).progress();
      *done = progress.done;
      *total = progress.total;
      return Status();
    });
  }
  static const void* extension(void* self, const char* id) noexcept {
    const std::string_view wanted = id;
    if constexpr (requires { T::kControls; }) {
      static constexpr nek_control_extension kTable = {sizeof kTable, T::kControls, min_interval(),
                                                       control};
      if (wanted == NEK_CONTROL) return &kTable;
    }
    if constexpr (requires { shared(self).progress(); }) {
      static constexpr nek_progress_extension kTable = {sizeof kTable, progress};
      if (wanted == NEK_PROGRESS) return &kTable;
    }
    if constexpr (requires { shared(self).extension(id); }) return shared(self).extension(id);
    return nullptr;
  }
  static consteval uint32_t min_interval() {
    if constexpr (requires { T::kMinIntervalMs; }) return T::kMinIntervalMs;
    return 0;
  }

  // Inputs.
  static nek_status read(void* self, nek_chunk* c, uint32_t wait_ms) noexcept {
    return guarded(instance(self).host, [&] {
      Chunk chunk(c);
      return plugin(self).read(chunk, std::chrono::milliseconds(wait_ms));
    });
  }
  static void committed(void* self, nek_source* source, uint64_t position) noexcept {
    (void)guarded(instance(self).host, [&] {
      plugin(self).committed(*source, position);
      return Status();
    });
  }

  // Decoders.
  static nek_status source_open(void* self, nek_source* source, nek_text head) noexcept {
    return guarded(instance(self).host, [&] {
      auto state = std::make_unique<typename T::Source>();
      Status status = shared(self).open(*state, to_view(head));
      if (status.ok()) source->of_decoder = state.release();
      return status;
    });
  }
  static void source_close(void*, nek_source* source) noexcept {
    std::unique_ptr<typename T::Source>(static_cast<typename T::Source*>(source->of_decoder))
        .reset();
    source->of_decoder = nullptr;
  }
  static size_t frame(void* self, nek_source* source, nek_text bytes, bool at_end) noexcept {
    size_t whole = 0;
    (void)guarded(instance(self).host, [&] {
      if constexpr (HasSource<T>) {
        whole = shared(self).frame(*static_cast<const typename T::Source*>(source->of_decoder),
                                   to_view(bytes), at_end);
      } else {
        (void)source;
        whole = shared(self).frame(to_view(bytes), at_end);
      }
      return Status();
    });
    return whole;
  }
  static nek_status decode(void* self, nek_call* c, const nek_chunk* chunk) noexcept {
    return guarded(c->host, [&] {
      Call call(c);
      return with_lane<T>(
          c, [&](auto&... lane) { return shared(self).decode(call, *chunk, lane...); });
    });
  }

  // Filters.
  static nek_status process(void* self, nek_call* c) noexcept {
    return guarded(c->host, [&] {
      Call call(c);
      return with_lane<T>(c, [&](auto&... lane) { return shared(self).process(call, lane...); });
    });
  }
  static nek_status commit(void* self, nek_call* c) noexcept {
    return guarded(c->host, [&] {
      Call call(c);
      return plugin(self).commit(call);
    });
  }

  // Encoders and outputs.
  static nek_text header(void* self) noexcept { return to_text(shared(self).header()); }
  static nek_status encode(void* self, nek_call* c, const nek_text* before,
                           nek_encoded* out) noexcept {
    return guarded(c->host, [&] {
      Call call(c);
      Encoded encoded(c->host, out, before);
      return with_lane<T>(
          c, [&](auto&... lane) { return shared(self).encode(call, encoded, lane...); });
    });
  }
  static nek_status encode_output(void* self, nek_call* c, nek_encoded* out) noexcept {
    return encode(self, c, nullptr, out);
  }
  static nek_status write(void* self, const nek_encoded* const* blocks, uint32_t count) noexcept {
    return guarded(instance(self).host,
                   [&] { return plugin(self).write(std::span(blocks, count)); });
  }
  // An exception of send() means that it has not kept the token.
  static void send(void* self, nek_token* token, const nek_record* records,
                   uint32_t count) noexcept {
    const auto all = std::span(records, count);
    const nek_status status = guarded(instance(self).host, [&] {
      if constexpr (requires { plugin(self).deliver(all); }) {
        Host(instance(self).host, nullptr).complete(token, plugin(self).deliver(all));
      } else {
        plugin(self).send(token, all);
      }
      return Status();
    });
    if (status == NEK_OK) return;
    nek_outcome again{};
    again.size = sizeof again;
    again.verdict = NEK_AGAIN;
    again.reason = to_text("an exception in the output");
    instance(self).host->complete(token, &again);
  }
};

template <class T, const auto& kOptions>
consteval nek_plugin describe(const About& about) {
  using To = Thunks<T, kOptions>;
  nek_plugin p{};
  p.size = sizeof p;
  p.name = about.name;
  p.version = about.version;
  p.vendor = about.vendor;
  p.licence = about.licence;
  p.summary = about.summary;
  p.example = about.example;
  p.codec = about.codec;
  p.options = kTable<kOptions>.data();
  p.create = To::create;
  p.shape = To::shape;
  if constexpr (requires(T t, Start s) { t.start(s); }) p.start = To::start;
  if constexpr (HasLane<T>) {
    p.lane_new = To::lane_new;
    p.lane_free = To::lane_free;
  }
  if constexpr (requires(T t) { t.stop(); }) p.stop = To::stop;
  p.destroy = To::destroy;
  p.extension = To::extension;
  return p;
}

template <class T, const auto& kOptions>
consteval nek_input input_table() {
  using To = Thunks<T, kOptions>;
  nek_input table{sizeof(nek_input), To::read, nullptr};
  if constexpr (requires(T t, nek_source& s) { t.committed(s, uint64_t{}); })
    table.committed = To::committed;
  return table;
}
template <class T, const auto& kOptions>
consteval nek_decoder decoder_table() {
  using To = Thunks<T, kOptions>;
  nek_decoder table{sizeof(nek_decoder), nullptr, nullptr, nullptr, To::decode};
  if constexpr (HasSource<T>) {
    table.source_open = To::source_open;
    table.source_close = To::source_close;
  }
  if constexpr (requires { &T::frame; }) table.frame = To::frame;
  return table;
}
template <class T, const auto& kOptions>
consteval nek_filter filter_table() {
  using To = Thunks<T, kOptions>;
  nek_filter table{sizeof(nek_filter), To::process, nullptr};
  if constexpr (requires(T t, Call& call) { t.commit(call); }) table.commit = To::commit;
  return table;
}
template <class T, const auto& kOptions>
consteval nek_encoder encoder_table() {
  using To = Thunks<T, kOptions>;
  nek_encoder table{sizeof(nek_encoder), nullptr, To::encode};
  if constexpr (requires(const T& t) { t.header(); }) table.header = To::header;
  return table;
}
template <class T, const auto& kOptions>
consteval nek_output output_table() {
  using To = Thunks<T, kOptions>;
  constexpr bool kWrites =
      requires(T t, std::span<const nek_encoded* const> blocks) { t.write(blocks); };
  constexpr bool kSends = requires { &T::send; } || requires { &T::deliver; };
  static_assert(kWrites != kSends, "an output has exactly one of write, deliver and send");
  nek_output table{sizeof(nek_output), nullptr, nullptr, nullptr};
  if constexpr (requires { &T::encode; }) table.encode = To::encode_output;
  if constexpr (kWrites) table.write = To::write;
  if constexpr (kSends) table.send = To::send;
  return table;
}
template <class T, const auto& kOptions>
inline constexpr nek_input kInput = input_table<T, kOptions>();
template <class T, const auto& kOptions>
inline constexpr nek_decoder kDecoder = decoder_table<T, kOptions>();
template <class T, const auto& kOptions>
inline constexpr nek_filter kFilter = filter_table<T, kOptions>();
template <class T, const auto& kOptions>
inline constexpr nek_encoder kEncoder = encoder_table<T, kOptions>();
template <class T, const auto& kOptions>
inline constexpr nek_output kOutput = output_table<T, kOptions>();

template <const auto& kPlugins>
inline constexpr auto kPluginList = std::apply(
    [](const auto&... p) {
      return std::array<const nek_plugin*, sizeof...(p) + 1>{&p..., nullptr};
    },
    kPlugins);
template <const auto& kPlugins>
const void* get_factory(const char* id) noexcept {
  return std::string_view(id) == NEK_PLUGINS
             ? static_cast<const void*>(kPluginList<kPlugins>.data())
             : nullptr;
}

}  // namespace detail

// Plugin classes as nek_plugin, for NEK_EXPORT_PLUGINS; kOptions: what options() returned, a
// constant of the namespace.
template <class T, const auto& kOptions = kNoOptions>
consteval nek_plugin input(const About& about) {
  nek_plugin p = detail::describe<T, kOptions>(about);
  p.input = &detail::kInput<T, kOptions>;
  return p;
}
template <class T, const auto& kOptions = kNoOptions>
consteval nek_plugin decoder(const About& about) {
  nek_plugin p = detail::describe<T, kOptions>(about);
  p.decoder = &detail::kDecoder<T, kOptions>;
  return p;
}
template <class T, const auto& kOptions = kNoOptions>
consteval nek_plugin filter(const About& about) {
  nek_plugin p = detail::describe<T, kOptions>(about);
  p.filter = &detail::kFilter<T, kOptions>;
  return p;
}
template <class T, const auto& kOptions = kNoOptions>
consteval nek_plugin encoder(const About& about) {
  nek_plugin p = detail::describe<T, kOptions>(about);
  p.encoder = &detail::kEncoder<T, kOptions>;
  return p;
}
template <class T, const auto& kOptions = kNoOptions>
consteval nek_plugin output(const About& about) {
  nek_plugin p = detail::describe<T, kOptions>(about);
  p.output = &detail::kOutput<T, kOptions>;
  return p;
}

// Once in a shared object, outside of namespaces: its plugins, and the only symbol that it exports.
#define NEK_EXPORT_PLUGINS(...)                                                   \
  namespace {                                                                     \
  constexpr auto nek_exported_plugins = std::to_array<nek_plugin>({__VA_ARGS__}); \
  }                                                                               \
  const nek_entry nek_plugin_entry = {sizeof(nek_entry), NEK_ABI,                 \
                                      nek::detail::get_factory<nek_exported_plugins>}

}  // namespace nek
