// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "nek/text.hpp"
#include "runtime/call.h"
#include "runtime/origin.h"
#include "runtime/rebuild.h"
#include "runtime/route.h"
#include "runtime/snapshot.h"
#include "util/many_bytes.h"

namespace nek {
namespace {

// Messages and sources stand behind each other: halves of a character may make a whole one, which
// is none in either.
bool every_segment_is_utf8(const HostChunk& chunk) {
  const auto begins_within = [&](const nek_segment& segment) {
    return segment.size > 0 && (chunk.data.get()[segment.begin] & 0xc0) == 0x80;
  };
  return all_valid_utf8(chunk.data.get(), chunk.c.used) &&
         std::none_of(chunk.segments.begin(), chunk.segments.end(), begins_within);
}

// Calls each(word, bits) for the rows that stay: those kept and not refused.
template <class Each>
void each_word(const Visit& visit, const uint64_t* keep, Each each) {
  const uint32_t count = visit.in->c.rows;
  for (uint32_t word = 0; word < (count + 63) / 64; word++) {
    uint64_t bits = keep ? keep[word] : ~uint64_t{0};
    if (visit.refused) bits &= ~visit.refused[word];
    if (count - word * 64 < 64) bits &= (uint64_t{1} << (count - word * 64)) - 1;
    each(word, bits);
  }
}
uint32_t count_rows(const Visit& visit, const uint64_t* keep) {
  if (!keep) return visit.in->c.rows - visit.refused_count;
  uint32_t rows = 0;
  each_word(visit, keep, [&](uint32_t, uint64_t bits) { rows += std::popcount(bits); });
  return rows;
}
void list_rows(const Visit& visit, const uint64_t* keep, std::vector<uint32_t>& rows) {
  rows.clear();
  each_word(visit, keep, [&](uint32_t word, uint64_t bits) {
    for (; bits; bits &= bits - 1)
      rows.push_back(word * 64 + static_cast<uint32_t>(std::countr_zero(bits)));
  });
}

}  // namespace

Steps::Steps(const Graph& graph, std::vector<Component>& components, bool strict,
             std::function<void(std::string)> failed)
    : graph_(graph),
      components_(components),
      strict_(strict),
      wants_time_(std::any_of(components.begin(), components.end(),
                              [](const Component& c) { return c.plugin->wants(NEK_WATERMARK); })),
      failed_(std::move(failed)) {}

void Steps::broken(const Component& of, const char* where) {
  Failure failure = take_failure();
  if (failure.text.empty()) failure.text = std::string(where) + " failed and did not say why";
  failed_(of.plugin->id + ": " + failure.text);
}

void Steps::decode(Worker& worker, Task& task) {
  if (task.is_control()) return;
  Component& of = components_[task.input];
  HostChunk& chunk = *task.chunk;
  chunk.c.utf8 = every_segment_is_utf8(chunk);
  if (task.replayed && !task.replayed->records.empty()) {
    const auto& [from, stream] = sources_of(task.replayed->route->entry, task).front();
    task.streams[from][stream].push_back(&rebuild_batch(task, task.replayed->records));
  }
  if (chunk.segments.empty()) return;
  HostCall call(*of.codec, task, worker.lanes[task.input].codec);
  call.strict = strict_;
  const size_t letters = task.dead_letters.size();
  const StreamLedger ledger = task.ledger.streams[task.input][0];
  const auto records = task.records;
  take_failure();
  const nek_status status = of.codec->run(
      [&] { return of.codec->plugin.decoder->decode(of.codec->self, &call, &chunk.c); });
  if (!call.fault.empty()) {
    failed_(of.plugin->id + ": broken decoder: " + call.fault);
  } else if (status == NEK_REFUSE) {
    const std::string why = take_failure().text;
    task.streams[task.input][0].clear();  // what was handed out is refused with the rest
    task.dead_letters.resize(letters);
    task.ledger.streams[task.input][0] = ledger;
    task.records = records;
    for (const nek_segment& segment : chunk.segments)
      call.host->refuse_bytes(&call, {segment.begin, segment.size}, "refused", to_text(why));
  } else if (status != NEK_OK) {
    broken(of, "decode");
  }
  if (!wants_time_) return;
  for (const Batch* batch : task.streams[task.input][0])
    for (uint32_t i = 0; i < batch->c.schema->count; i++) {
      if (!(batch->c.schema->fields[i].flags & NEK_EVENT_TIME)) continue;
      const nek_column& column = *batch->c.columns[i];
      const auto* times = static_cast<const int64_t*>(column.values);
      for (uint32_t row = 0; row < batch->c.rows; row++)
        if (nek_has(&column, row)) task.event_time = std::max(task.event_time, times[row]);
    }
}

const Steps::Sources& Steps::sources_of(uint32_t component, const Task& task) const {
  const Route* route = task.replayed ? task.replayed->route : nullptr;
  return route ? route->sources[component] : graph_.nodes[component].sources;
}

std::string_view Steps::name_of(const Edge& edge, uint32_t reader) const {
  const Graph::Node& node = graph_.nodes[reader];
  if (node.sources.size() < 2) return {};
  const auto at = std::find(node.sources.begin(), node.sources.end(), edge);
  return node.source_names[static_cast<size_t>(at - node.sources.begin())];
}

bool Steps::leads_to_entry(uint32_t component, const Task& task) {
  return task.replayed && task.replayed->route && task.replayed->route->above[component];
}

bool Steps::visit_reads(Lane& lane, Task& task, Visit& visit, const Component& of) {
  std::string why;
  visit.reads = lane.binder->reads(task, *visit.in, &why);
  if (visit.reads) return true;
  refuse_all(task, visit, of, why);
  return false;
}

void Steps::refuse_all(Task& task, Visit& visit, const Component& of, std::string_view reason) {
  HostCall call(*of.plugin, task, nullptr);
  call.over(visit);
  for (uint32_t row = 0; row < visit.in->c.rows; row++)
    call.host->refuse_row(&call, row, "refused", to_text(reason));
  visit.reads = nullptr;  // it goes no further
  visit.emissions.clear();
}

void Steps::process(Worker& worker, uint32_t component, Task& task) {
  Component& of = components_[component];
  Lane& lane = worker.lanes[component];
  task.visits.clear();
  for (const Edge& edge : sources_of(component, task)) {
    const std::string_view name = name_of(edge, component);
    for (Batch* batch : task.streams[edge.first][edge.second]) {
      Visit& visit = task.visits.emplace_back();
      visit.in = batch;
      visit.stream = name;
      if (!visit_reads(lane, task, visit, of)) continue;
      HostCall call(*of.plugin, task, lane.plugin);
      call.strict = strict_;
      call.over(visit);
      take_failure();
      const nek_status status =
          of.plugin->run([&] { return of.plugin->plugin.filter->process(of.plugin->self, &call); });
      visit.prepared = call.prepared;
      if (!call.fault.empty())
        failed_(of.plugin->id + ": broken filter: " + call.fault);
      else if (status == NEK_REFUSE)
        refuse_all(task, visit, of, take_failure().text);
      else if (status != NEK_OK)
        broken(of, "process");
    }
  }
  if (!of.ordered()) finish_visits(worker, component, task);
}

void Steps::commit(Worker& worker, uint32_t component, Task& task) {
  Component& of = components_[component];
  if (leads_to_entry(component, task)) {
    if (of.commits())
      for (Visit& visit : task.visits) keep_back(component, task, visit);
    finish_visits(worker, component, task);
    return;
  }
  if (of.commits()) {
    for (Visit& visit : task.visits) {
      if (!visit.reads) continue;  // refused whole
      HostCall call(*of.plugin, task, nullptr);
      call.strict = strict_;
      call.over(visit);
      take_failure();
      const nek_status status =
          of.plugin->run([&] { return of.plugin->plugin.filter->commit(of.plugin->self, &call); });
      if (!call.fault.empty())
        failed_(of.plugin->id + ": broken filter: " + call.fault);
      else if (status == NEK_REFUSE)
        refuse_all(task, visit, of, take_failure().text);
      else if (status != NEK_OK)
        broken(of, "commit");
    }
  }
  nek_control message{};
  message.size = sizeof message;
  if (task.watermark != INT64_MIN && !task.is_control() && of.plugin->wants(NEK_WATERMARK)) {
    message.kind = NEK_WATERMARK;
    message.time_ms = task.watermark;
    control(component, task, message);
  }
  if (task.is_control() && of.plugin->wants(task.control.kind)) {
    message.kind = task.control.kind;
    message.time_ms = task.control.time_ms;
    message.drain = task.control.drain;
    if (task.control.snapshot) message.snapshot = task.control.snapshot->part(component);
    control(component, task, message);
  }
  finish_visits(worker, component, task);
}

// A filter with state has counted these records when they came first, so its commit is left out.
// Where it is commit that sends them on, they cannot be made again and stay dead letters.
void Steps::keep_back(uint32_t component, Task& task, Visit& visit) {
  const Route& route = *task.replayed->route;
  const auto sends = [&](uint32_t stream) {
    return std::any_of(visit.emissions.begin(), visit.emissions.end(),
                       [&](const Emission& e) { return !e.derived && e.stream == stream; });
  };
  bool lost = false;
  for (uint32_t reader = 0; reader < route.sources.size(); reader++)
    if (reader == route.entry || route.above[reader])
      for (const auto& [from, stream] : route.sources[reader])
        lost |= from == component && !sends(stream);
  if (!lost || !visit.reads) return;
  visit.stream = task.replayed->stream;  // it is still the entry's
  HostCall call(*components_[route.entry].plugin, task, nullptr);
  call.over(visit);
  const std::string why = "'" + components_[component].plugin->id +
                          "' keeps state and takes a record once only; it cannot be replayed";
  for (uint32_t row = 0; row < visit.in->c.rows; row++)
    call.host->refuse_row(&call, row, "stateful", to_text(why));
  visit.emissions.clear();
}

void Steps::control(uint32_t component, Task& task, const nek_control& message) {
  Component& of = components_[component];
  Visit& visit = task.visits.emplace_back();  // takes what the filter derives
  HostCall call(*of.plugin, task, nullptr);
  call.strict = strict_;
  call.visit = &visit;
  call.mute = message.kind == NEK_COMMITTED;
  take_failure();
  const nek_status status =
      of.plugin->run([&] { return of.plugin->control->control(of.plugin->self, &call, &message); });
  if (!call.fault.empty())
    failed_(of.plugin->id + ": broken filter: " + call.fault);
  else if (status != NEK_OK)
    broken(of, "control");
}

void Steps::finish_visits(Worker& worker, uint32_t component, Task& task) {
  for (Visit& visit : task.visits) finish_visit(worker, component, task, visit);
  task.visits.clear();
}

// Sends on what a filter emitted for one batch, without the rows that it refused, and accounts for
// every row.
void Steps::finish_visit(Worker& worker, uint32_t component, Task& task, Visit& visit) {
  const Graph::Node& node = graph_.nodes[component];
  const uint32_t rows = visit.in ? visit.in->c.rows : 0;
  const uint32_t alive = rows - visit.refused_count;
  for (uint32_t stream = 0; stream < node.streams.size(); stream++) {
    StreamLedger& ledger = task.ledger.streams[component][stream];
    const uint32_t kind = node.streams[stream].kind;
    uint64_t sent = 0;
    for (const Emission& emission : visit.emissions) {
      if (emission.stream != stream) continue;
      if (emission.derived && leads_to_entry(component, task)) continue;  // they were made then
      if (emission.derived) {
        ledger.created += emission.derived->c.rows;
        ledger.out += emission.derived->c.rows;
        task.streams[component][stream].push_back(emission.derived);
        continue;
      }
      sent = count_rows(visit, emission.keep);
      if (sent == 0 || node.streams[stream].readers.empty()) continue;
      if (sent < rows) list_rows(visit, emission.keep, worker.rows);
      task.streams[component][stream].push_back(worker.lanes[component].binder->emitted(
          task, *visit.in, emission, sent < rows ? &worker.rows : nullptr));
    }
    ledger.in += rows;
    ledger.dead += visit.refused_count;
    ledger.out += sent;
    (kind == NEK_SUBSET ? ledger.filtered : ledger.absorbed) += alive - sent;
    // Only what a filter keeps in its snapshots may wait there.
    if (kind == NEK_PASS && sent < alive && !leads_to_entry(component, task) &&
        !components_[component].plugin->wants(NEK_SNAPSHOT))
      failed_(components_[component].plugin->id +
              ": broken filter: it did not send on all records that it did not refuse, and "
              "stream '" +
              node.streams[stream].name +
              "' is declared NEK_PASS; one that leaves records out is NEK_SUBSET");
  }
}

void Steps::encode(Worker& worker, uint32_t component, Task& task) {
  task.blocks.clear();
  for (const Edge& edge : sources_of(component, task))
    for (Batch* batch : task.streams[edge.first][edge.second])
      encode_batch(worker, component, task, *batch, name_of(edge, component));
  if (task.replayed && !task.replayed->encoded.empty() && task.replayed->route->entry == component)
    add_encoded(component, task);
}

// Records that this output had refused, with the bytes that it had refused.
void Steps::add_encoded(uint32_t component, Task& task) {
  const std::vector<std::string>& encoded = task.replayed->encoded;
  const auto rows = static_cast<uint32_t>(encoded.size());
  size_t bytes = 0;
  for (const std::string& record : encoded) bytes += record.size();
  auto block = components_[component].output->new_block(rows);
  if (bytes > block->c.capacity) grow(block->c, bytes);
  for (uint32_t row = 0; row < rows; row++) {
    std::memcpy(block->c.data + block->c.used, encoded[row].data(), encoded[row].size());
    block->c.used += encoded[row].size();
    block->ends[row] = static_cast<uint32_t>(block->c.used);
  }
  task.ledger.outputs[component].in += rows;
  task.blocks.push_back(std::move(block));
}

void Steps::encode_batch(Worker& worker, uint32_t component, Task& task, Batch& batch,
                         std::string_view stream) {
  Component& of = components_[component];
  Lane& lane = worker.lanes[component];
  OutputLedger& ledger = task.ledger.outputs[component];
  ledger.in += batch.c.rows;
  Visit visit;
  visit.in = &batch;
  visit.stream = stream;
  auto block = of.output->new_block(batch.c.rows);
  if (visit_reads(lane, task, visit, of)) {
    HostCall call(*of.plugin, task, lane.plugin);
    call.strict = strict_;
    call.output_lane = &lane;
    call.over(visit);
    take_failure();
    const nek_output& output = *of.plugin->plugin.output;
    const nek_status status = of.plugin->run([&] {
      return output.encode ? output.encode(of.plugin->self, &call, &block->c)
                           : call.host->encode(&call, nullptr, &block->c);
    });
    if (!call.fault.empty())
      failed_(of.plugin->id + ": broken output: " + call.fault);
    else if (status == NEK_REFUSE)
      refuse_all(task, visit, of, take_failure().text);
    else if (status != NEK_OK)
      broken(of, "encode");
  }
  if (visit.refused_count == batch.c.rows) block->c.used = 0;
  // Records that were left out take no place among those to be delivered.
  uint32_t count = 0, last = 0;
  const char* fault = nullptr;
  for (uint32_t row = 0; row < batch.c.rows; row++) {
    const uint32_t end = block->c.used ? block->ends[row] : 0;
    if (end > last && visit.refused && bit(visit.refused, row))
      fault = "it wrote a record that it refused";
    if (end < last || end > block->c.used)
      fault = "its records do not end in order within its bytes";
    if (end <= last) continue;
    block->ends[count++] = last = end;
  }
  if (!fault && last != block->c.used) fault = "its records do not end where its bytes do";
  block->c.rows = count;
  ledger.dead += visit.refused_count;
  ledger.dropped += batch.c.rows - visit.refused_count - count;
  if (fault) failed_(of.plugin->id + ": broken encoder: " + fault);
  if (count && !fault) task.blocks.push_back(std::move(block));
}

}  // namespace nek
