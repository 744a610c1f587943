// SPDX-License-Identifier: Apache-2.0
// The table of services that plugins get: plugin.h, struct nek_host.
#include <algorithm>
#include <cstring>
#include <map>
#include <string_view>

#include "host/intern.h"
#include "host/texts.h"
#include "nek/arrow.hpp"
#include "nek/text.hpp"
#include "runtime/call.h"
#include "runtime/origin.h"
#include "runtime/output.h"
#include "runtime/route.h"
#include "runtime/snapshot.h"
#include "util/log.h"

namespace nek {
namespace {

thread_local Failure last_failure;

Instance& instance_of(const nek_host* host) {
  return *const_cast<Instance*>(static_cast<const Instance*>(host));
}
HostCall& call_of(nek_call* call) { return *static_cast<HostCall*>(call); }

nek_status on_fail(const nek_host*, nek_status status, nek_text what, const nek_value* at) {
  last_failure.text.assign(what.data, what.size);
  last_failure.at = at;
  return status;
}
void on_log(const nek_host* host, int level, nek_text line) {
  log_line(level, instance_of(host).id, to_view(line));
}
int64_t on_now(const nek_host* host) { return instance_of(host).env.now_ms(); }

nek_metric* on_metric(const nek_host* host, int kind, const char* name, const char* help) {
  Instance& instance = instance_of(host);
  return instance.metrics.make(kind, instance.id, name, help);
}
void on_metric_add(nek_metric* metric, double value) { Metrics::add(*metric, value); }

const nek_schema* on_schema(const nek_host*, const nek_field* fields, uint32_t count) {
  return intern_schema({fields, count});
}
const nek_dictionary* on_dictionary(const nek_host*, const nek_column* values) {
  return make_dictionary(*values);
}
void on_dictionary_free(const nek_host*, const nek_dictionary* dictionary) {
  release(static_cast<const HostDictionary*>(dictionary));
}

nek_source* on_source_open(const nek_host* host, const nek_source_open* request) {
  return instance_of(host).sources->open(*request);
}
void on_source_end(const nek_host* host, nek_source* source) {
  instance_of(host).sources->end(*static_cast<Source*>(source));
}
void on_source_leave(const nek_host* host, nek_source* source) {
  instance_of(host).sources->leave(*static_cast<Source*>(source));
}
void on_source_mark(const nek_host* host, nek_source* source, nek_text mark) {
  instance_of(host).sources->mark(*static_cast<Source*>(source), to_view(mark));
}
void on_known_sources(const nek_host* host, void* to,
                      void (*each)(void* to, const nek_known_source*)) {
  instance_of(host).sources->known([&](const nek_known_source& source) { each(to, &source); });
}
void on_source_revoke(const nek_host* host, nek_source* const* sources, uint32_t count,
                      uint32_t wait_ms, uint64_t* committed) {
  std::vector<Source*> own(count);
  std::transform(sources, sources + count, own.begin(),
                 [](nek_source* source) { return static_cast<Source*>(source); });
  instance_of(host).sources->revoke(own.data(), count, wait_ms, committed);
}

// Keeps the first fault: the plugin is told at the end of the call, and its batch does not count.
bool is_broken(HostCall& call, std::string defect) {
  if (!defect.empty() && call.fault.empty()) call.fault = std::move(defect);
  return !call.fault.empty();
}

// A batch is being worked on; in decode and control there is none.
bool has_batch(const HostCall& call) { return call.visit && call.visit->in; }

void on_refuse_row(nek_call* c, uint32_t row, const char* reason, nek_text detail);
void on_refuse_bytes(nek_call* c, nek_span bytes, const char* reason, nek_text detail);

constexpr const char* kNotUtf8 = "utf8";  // as decoders say it

std::string not_utf8(const char* column) {
  return std::string("column '") + column + "' is not UTF-8";
}

// Records that a filter adds text to which is none go no further. `keep`: those that are sent on.
void refuse_texts(nek_call* call, const char* name, const nek_column& column,
                  const uint64_t* keep) {
  for (const uint32_t row : rows_not_utf8(column, call->batch->rows))
    if (!keep || bit(keep, row)) on_refuse_row(call, row, kNotUtf8, to_text(not_utf8(name)));
}

// A derived record has no bytes that it could be made of again: its text is mended.
const nek_column* mended_texts(HostCall& call, const char* name, const nek_column& column,
                               uint32_t rows) {
  if (rows_not_utf8(column, rows).empty()) return &column;
  if (!call.instance.told_of_texts.exchange(true))
    log_line(NEK_WARN, call.instance.id,
             not_utf8(name) +
                 " in a record that this filter made: U+FFFD takes the place of what "
                 "is none, here and in all that follow");
  Arena& arena = call.task.arena;
  if (!column.dictionary) return column_as_utf8(arena, column);
  auto* mended = arena.array<nek_column>(1);
  *mended = column;
  const HostDictionary* made = make_dictionary(*column_as_utf8(arena, *column.dictionary->values));
  call.task.hold_dictionary(made);
  release(made);  // the task's hold stays
  mended->dictionary = made;
  return mended;
}

void* on_memory(nek_call* call, size_t bytes) { return call_of(call).task.arena.allocate(bytes); }

nek_column* on_column(nek_call* call, const nek_make* make) {
  Task& task = call_of(call).task;
  if (make->dictionary) task.hold_dictionary(make->dictionary);
  nek_buffer chunk{};
  if (make->chunk_text && task.chunk) chunk = {task.chunk->c.data, task.chunk->c.used};
  return make_column(task.arena, *make, chunk);
}

void on_emit(nek_call* c, uint32_t stream, const uint64_t* keep, const nek_column* const* added) {
  HostCall& call = call_of(c);
  const nek_shape& shape = *call.instance.shape;
  if (!has_batch(call) || stream >= shape.stream_count ||
      shape.streams[stream].kind == NEK_DERIVED) {
    is_broken(call, "emit() without a batch, or to a stream that takes none");
    return;
  }
  for (const Emission& before : call.visit->emissions)
    if (!before.derived && before.stream == stream) {
      is_broken(call, "emit() twice to one stream for one batch");
      return;
    }
  Emission emission;
  emission.stream = stream;
  const uint32_t rows = call.batch->rows;
  if (keep) {
    auto* copy = call.task.arena.array<uint64_t>((size_t{rows} + 63) / 64);
    std::memcpy(copy, keep, (size_t{rows} + 63) / 64 * 8);
    emission.keep = copy;
  }
  if (added) {
    const uint32_t count = shape.streams[stream].add_count;
    emission.added = call.task.arena.array<const nek_column*>(count);
    for (uint32_t i = 0; i < count; i++) {
      emission.added[i] = added[i];
      const nek_field& field = shape.streams[stream].adds[i];
      if (!added[i]) continue;
      const nek_schema one{1, &field};
      if (is_broken(call, column_defect(one, rows, &added[i], call.strict))) return;
      refuse_texts(c, field.name, *added[i], emission.keep);
    }
  }
  call.visit->emissions.push_back(emission);
}

void on_derive(nek_call* c, uint32_t stream, uint32_t rows, const nek_column* const* columns,
               const nek_id* ids) {
  HostCall& call = call_of(c);
  const nek_shape& shape = *call.instance.shape;
  if (!call.visit || call.mute || stream >= shape.stream_count ||
      shape.streams[stream].kind != NEK_DERIVED) {
    is_broken(call, "derive() at COMMITTED, or to a stream that is not a derived one");
    return;
  }
  if (rows == 0) return;
  const nek_stream& declared = shape.streams[stream];
  const nek_schema* schema = intern_schema({declared.adds, declared.add_count});
  auto* own = call.task.arena.array<const nek_column*>(schema->count);
  for (uint32_t i = 0; i < schema->count; i++)
    own[i] = columns[i] ? columns[i] : null_column(call.task.arena, schema->fields[i].type, rows);
  if (is_broken(call, column_defect(*schema, rows, own, call.strict))) return;
  for (uint32_t i = 0; i < schema->count; i++)
    own[i] = mended_texts(call, schema->fields[i].name, *own[i], rows);
  Batch& batch = call.task.batches.emplace_back();
  batch.c = {schema, rows, own};
  if (ids) {
    auto* copy = call.task.arena.array<nek_id>(rows);
    std::memcpy(copy, ids, rows * sizeof *ids);
    batch.ids = copy;
  }
  Emission emission;
  emission.stream = stream;
  emission.derived = &batch;
  call.visit->emissions.push_back(emission);
}

// Columns with one value a segment, repeated for each row.
void add_segment_columns(Task& task, Batch& batch, std::vector<nek_field>& fields,
                         std::vector<const nek_column*>& columns) {
  const nek_chunk& chunk = task.chunk->c;
  std::vector<uint32_t> segment_of(batch.c.rows);
  size_t segment = 0;
  for (uint32_t row = 0; row < batch.c.rows; row++) {
    while (segment + 1 < task.chunk->segments.size() &&
           task.chunk->segments[segment + 1].begin <= batch.raw[row].begin)
      segment++;
    segment_of[row] = static_cast<uint32_t>(segment);
  }
  for (uint32_t i = 0; i < chunk.schema->count; i++) {
    fields.push_back(chunk.schema->fields[i]);
    columns.push_back(gather_column(task.arena, *chunk.columns[i], segment_of));
  }
}

// The first row from `row` on that begins at `end` or behind it: mostly a near one.
uint32_t row_behind(const Batch& batch, uint32_t row, uint32_t end) {
  const uint32_t rows = batch.c.rows;
  uint32_t step = 1;
  for (; step <= rows - row && batch.raw[row + step - 1].begin < end; step *= 2) row += step;
  const auto* past =
      std::lower_bound(batch.raw + row, batch.raw + row + std::min(step, rows - row), end,
                       [](nek_span span, uint32_t at) { return span.begin < at; });
  return static_cast<uint32_t>(past - batch.raw);
}

void count_records(Task& task, const Batch& batch) {
  const auto& segments = task.chunk->segments;
  uint32_t row = 0;
  for (size_t s = 0; s < segments.size() && row < batch.c.rows;) {
    const Source& source = *task.chunk->source(s);
    for (s++; s < segments.size() && segments[s].source == &source;) s++;
    const uint32_t past =
        s < segments.size() ? row_behind(batch, row, segments[s].begin) : batch.c.rows;
    if (past > row) task.records[source.key] += past - row;
    row = past;
  }
}

bool looks_at_texts(const nek_decoder& decoder) {
  return NEK_HAS(&decoder, texts_are_utf8) && decoder.texts_are_utf8;
}

// Records with text which is none, in columns from `first` on, go to the dead letters instead.
void leave_out_texts(nek_call* call, Batch& batch, uint32_t first) {
  std::map<uint32_t, const char*> bad;  // row: column
  for (uint32_t i = first; i < batch.c.schema->count; i++)
    for (const uint32_t row : rows_not_utf8(*batch.c.columns[i], batch.c.rows))
      bad.emplace(row, batch.c.schema->fields[i].name);
  if (bad.empty()) return;
  for (const auto& [row, column] : bad)
    on_refuse_bytes(call, batch.raw[row], kNotUtf8, to_text(not_utf8(column)));
  std::vector<uint32_t> good;
  for (uint32_t row = 0; row < batch.c.rows; row++)
    if (!bad.contains(row)) good.push_back(row);
  Arena& arena = call_of(call).task.arena;
  auto* columns = arena.array<const nek_column*>(batch.c.schema->count);
  for (uint32_t i = 0; i < batch.c.schema->count; i++)
    columns[i] = gather_column(arena, *batch.c.columns[i], good);
  auto* raw = arena.array<nek_span>(good.size());
  std::transform(good.begin(), good.end(), raw, [&](uint32_t row) { return batch.raw[row]; });
  batch.raw = raw;
  batch.c = {batch.c.schema, static_cast<uint32_t>(good.size()), columns};
}

void on_decoded(nek_call* c, const nek_schema* schema, uint32_t rows,
                const nek_column* const* columns, const nek_span* raw) {
  HostCall& call = call_of(c);
  Task& task = call.task;
  if (rows == 0) return;
  if (is_broken(call, column_defect(*schema, rows, columns, call.strict))) return;
  const uint32_t own_columns = schema->count, used = task.chunk->c.used;
  for (uint32_t row = 0; row < rows; row++) {
    if (raw[row].begin > used || used - raw[row].begin < raw[row].size ||
        (row && raw[row].begin < raw[row - 1].begin)) {
      is_broken(call, "decoded() with raw bytes that are not the chunk's, or not in order");
      return;
    }
  }
  Batch& batch = task.batches.emplace_back();
  auto* spans = task.arena.array<nek_span>(rows);
  std::memcpy(spans, raw, rows * sizeof *raw);
  batch.raw = spans;
  batch.c.rows = rows;
  std::vector<nek_field> fields(schema->fields, schema->fields + schema->count);
  std::vector<const nek_column*> all(columns, columns + schema->count);
  if (task.chunk->c.schema) {
    add_segment_columns(task, batch, fields, all);
    schema = intern_schema(fields);
  }
  auto* own = task.arena.array<const nek_column*>(all.size());
  std::copy(all.begin(), all.end(), own);
  batch.c.schema = schema;
  batch.c.columns = own;
  const bool looked = looks_at_texts(*call.instance.plugin.decoder) && !call.strict;
  leave_out_texts(c, batch, looked ? own_columns : 0);
  rows = batch.c.rows;
  if (rows == 0) return;
  count_records(task, batch);
  task.streams[task.input][0].push_back(&batch);
  StreamLedger& ledger = task.ledger.streams[task.input][0];
  ledger.created += rows;
  ledger.out += rows;
}

// A replayed record that is refused above the component that refused it before is still that one's:
// other branches have it already.
Refusal refusal_of(const HostCall& call, const char* reason, nek_text detail) {
  const Replayed* replayed = call.task.replayed.get();
  const bool above = replayed && replayed->route && replayed->route->above[call.instance.component];
  const std::string_view stream = call.visit ? call.visit->stream : std::string_view();
  return {above ? replayed->entry : call.instance.id, reason, to_view(detail),
          call.instance.env.now_ms(), above ? replayed->stream : stream};
}

void on_refuse_row(nek_call* c, uint32_t row, const char* reason, nek_text detail) {
  HostCall& call = call_of(c);
  if (!has_batch(call) || row >= call.batch->rows) {
    is_broken(call, "refuse_row() of a row that is not in the batch");
    return;
  }
  if (!reason) {
    is_broken(call, "refuse_row() without a reason");
    return;
  }
  Visit& visit = *call.visit;
  if (!visit.refused)
    visit.refused = call.task.arena.zeroed<uint64_t>((size_t{call.batch->rows} + 63) / 64);
  if (bit(visit.refused, row)) return;
  visit.refused[row / 64] |= uint64_t{1} << (row % 64);
  visit.refused_count++;
  call.task.dead_letters.push_back(
      dead_letter_of_row(call.task, refusal_of(call, reason, detail), *visit.in, row));
}

void on_refuse_bytes(nek_call* c, nek_span bytes, const char* reason, nek_text detail) {
  HostCall& call = call_of(c);
  Task& task = call.task;
  if (!task.chunk || bytes.begin > task.chunk->c.used ||
      task.chunk->c.used - bytes.begin < bytes.size || task.chunk->segments.empty()) {
    is_broken(call, "refuse_bytes() of bytes that are not the chunk's");
    return;
  }
  if (!reason) {
    is_broken(call, "refuse_bytes() without a reason");
    return;
  }
  StreamLedger& ledger = task.ledger.streams[task.input][0];
  ledger.created++;
  ledger.dead++;
  task.records[task.chunk->source(segment_at(*task.chunk, bytes.begin))->key]++;
  task.dead_letters.push_back(dead_letter_of_bytes(task, refusal_of(call, reason, detail), bytes));
}

const nek_id* on_ids(nek_call* c) {
  HostCall& call = call_of(c);
  if (has_batch(call)) return batch_ids(call.task, *call.visit->in);
  is_broken(call, "ids() without a batch");
  return call.task.arena.zeroed<nek_id>(1);
}

nek_status on_encode(nek_call* c, const nek_text* before, nek_encoded* out) {
  HostCall& call = call_of(c);
  const Instance* codec = call.instance.codec;
  if (!codec || !call.output_lane || !has_batch(call)) {
    is_broken(call, "encode() without a codec or a batch");
    return NEK_FAIL;
  }
  HostCall inner(*codec, call.task, call.output_lane->codec);
  inner.over(*call.visit);
  std::string why;
  inner.reads = call.output_lane->codec_binder->reads(call.task, *call.visit->in, &why);
  if (!inner.reads) return on_fail(codec, NEK_REFUSE, to_text(why), nullptr);
  const nek_status status =
      codec->run([&] { return codec->plugin.encoder->encode(codec->self, &inner, before, out); });
  is_broken(call, inner.fault);
  return status;
}
nek_text on_header(const nek_host* host) {
  const Instance* codec = instance_of(host).codec;
  if (!codec || !NEK_HAS(codec->plugin.encoder, header) || !codec->plugin.encoder->header)
    return {};
  nek_text header{};
  const auto ask = [&] { header = codec->plugin.encoder->header(codec->self); };
  return codec->tell("header", ask) ? header : nek_text{};
}
nek_text on_record_end(const nek_host* host) {
  const Instance* codec = instance_of(host).codec;
  if (!codec || !NEK_HAS(codec->plugin.encoder, record_end) || !codec->plugin.encoder->record_end)
    return {};
  nek_text end{};
  const auto ask = [&] { end = codec->plugin.encoder->record_end(codec->self); };
  return codec->tell("record_end", ask) ? end : nek_text{};
}
void on_reserve(nek_encoded* encoded, size_t more) {
  if (encoded->capacity - encoded->used >= more) return;
  grow(*encoded, encoded->used + more);
}
void on_complete(nek_token* token, const nek_outcome* outcome) {
  complete_request(token, *outcome);
}

void on_state_write(nek_snapshot* snapshot, nek_text piece) {
  snapshot_write(snapshot, to_view(piece));
}
void on_state_done(nek_snapshot* snapshot, nek_status status) { snapshot_done(snapshot, status); }

bool on_stopping(const nek_host* host) { return instance_of(host).stopping; }

nek_status on_export_batch(nek_call* c, ArrowSchema* schema, ArrowArray* array) {
  if (!has_batch(call_of(c)))
    return on_fail(nullptr, NEK_FAIL, to_text("there is no batch to export"), nullptr);
  const Status status = export_batch(*call_of(c).batch, schema, array);
  return status.ok() ? NEK_OK : on_fail(nullptr, NEK_FAIL, to_text(status.message()), nullptr);
}

nek_status on_import_column(nek_call* c, ArrowSchema* schema, ArrowArray* array,
                            const nek_column** out) {
  Task& task = call_of(c).task;
  const auto dictionary = [&](const nek_column& values) -> const nek_dictionary* {
    const HostDictionary* made = make_dictionary(values);
    task.hold_dictionary(made);
    release(made);  // the task's hold stays
    return made;
  };
  const auto column = import_column(task.arena, schema, array, dictionary);
  if (!column.ok()) return on_fail(nullptr, NEK_FAIL, to_text(column.status().message()), nullptr);
  *out = *column;
  return NEK_OK;
}

constexpr nek_arrow kArrow = {sizeof kArrow, on_export_batch, on_import_column};

const void* on_extension(const nek_host*, const char* id) {
  return std::string_view(id) == NEK_ARROW ? &kArrow : nullptr;
}

}  // namespace

Failure take_failure() { return std::exchange(last_failure, {}); }

nek_host host_services() {
  nek_host host{};
  host.size = sizeof host;
  host.extension = on_extension;
  host.fail = on_fail;
  host.log = on_log;
  host.now_ms = on_now;
  host.metric = on_metric;
  host.metric_add = on_metric_add;
  host.schema = on_schema;
  host.dictionary = on_dictionary;
  host.dictionary_free = on_dictionary_free;
  host.source_open = on_source_open;
  host.source_end = on_source_end;
  host.source_revoke = on_source_revoke;
  host.memory = on_memory;
  host.column = on_column;
  host.emit = on_emit;
  host.derive = on_derive;
  host.decoded = on_decoded;
  host.refuse_row = on_refuse_row;
  host.refuse_bytes = on_refuse_bytes;
  host.ids = on_ids;
  host.encode = on_encode;
  host.header = on_header;
  host.record_end = on_record_end;
  host.reserve = on_reserve;
  host.complete = on_complete;
  host.state_write = on_state_write;
  host.state_done = on_state_done;
  host.source_mark = on_source_mark;
  host.source_leave = on_source_leave;
  host.known_sources = on_known_sources;
  host.stopping = on_stopping;
  return host;
}

}  // namespace nek
