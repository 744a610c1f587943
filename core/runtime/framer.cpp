// SPDX-License-Identifier: Apache-2.0
#include "runtime/framer.h"

#include <algorithm>
#include <cstring>

#include "nek/arena.hpp"
#include "nek/text.hpp"
#include "runtime/binding.h"
#include "runtime/call.h"
#include "util/many_bytes.h"

namespace nek {
namespace {

Source& source_of(const nek_segment& segment) { return *static_cast<Source*>(segment.source); }
// Its bytes go no further.
bool left_out(const Source& source) { return source.closed || source.refused; }
bool is_message(const nek_segment& segment) { return segment.source->flags & NEK_MESSAGES; }

std::string segments_defect(const nek_chunk& read) {
  uint32_t end = 0;
  for (uint32_t i = 0; i < read.segment_count; i++) {
    const nek_segment& segment = read.segments[i];
    if (!segment.source) return "a segment has no source";
    if (segment.begin > read.used || read.used - segment.begin < segment.size)
      return "a segment lies outside of the chunk";
    if (segment.begin < end) return "segments overlap, or are not in order";
    end = segment.begin + segment.size;
  }
  return {};
}

}  // namespace

Framer::Framer(const Component& component, const PipelineSettings& settings, Budget& budget,
               std::function<void(std::string)> failed)
    : component_(component), settings_(settings), budget_(budget), failed_(std::move(failed)) {}

// Returns where the chunk goes on: at a whole cache line, because some processors copy at a third
// of the speed to a place that is a few bytes further behind the beginning of a page than the
// source.
size_t Framer::begin(Task& task) {
  task_ = &task;
  if (!carrier_) return 0;
  HostChunk& chunk = *task_->chunk;
  const std::string& carry = carrier_->carry;
  const size_t end = (carry.size() + Arena::kAlign - 1) / Arena::kAlign * Arena::kAlign;
  chunk.reserve(end);
  std::memset(chunk.data.get(), 0, end - carry.size());
  std::memcpy(chunk.data.get() + end - carry.size(), carry.data(), carry.size());
  return end;
}

void Framer::frame(const nek_chunk& read, size_t begin, const std::vector<Source*>& ended) {
  HostChunk& chunk = *task_->chunk;
  chunk.c.used = static_cast<uint32_t>(begin) + read.used;
  relocated_ = false;
  carrier_ = nullptr;
  if (const std::string defect = segments_defect(read); !defect.empty()) {
    failed_(component_.plugin->id + ": broken input: " + defect);
    return;
  }
  if (read.schema && !take_messages(read)) return;
  for (uint32_t i = 0; i < read.segment_count; i++) {
    nek_segment segment = read.segments[i];
    Source& source = source_of(segment);
    if (left_out(source)) continue;
    segment.begin += static_cast<uint32_t>(begin);
    if (is_message(segment)) {
      source.next_position = segment.position + 1;
      add_segment(message(segment), read.ids[i]);
      continue;
    }
    while (i + 1 < read.segment_count && read.segments[i + 1].source == segment.source &&
           read.segments[i + 1].begin + begin == segment.begin + segment.size)
      segment.size += read.segments[++i].size;
    const bool at_end = source.end_reached && !source.left &&
                        std::none_of(read.segments + i + 1, read.segments + read.segment_count,
                                     [&](const nek_segment& s) { return s.source == &source; });
    frame_segment(with_carry(source, segment, begin), at_end);
  }
  frame_ended(ended);
}

// A record is known by where it begins, so an empty message gets a byte of its own too: it, and all
// that follow, are copied behind what was read.
nek_segment Framer::message(nek_segment segment) {
  if (segment.size > 0 && !relocated_) return segment;
  relocated_ = true;
  HostChunk& chunk = *task_->chunk;
  const uint32_t begin = chunk.c.used, size = std::max(segment.size, 1u);
  chunk.reserve(size_t{begin} + size);
  chunk.data.get()[begin] = 0;
  std::memcpy(chunk.data.get() + begin, chunk.data.get() + segment.begin, segment.size);
  chunk.c.used += size;
  segment.begin = begin;
  return segment;
}

// Columns with one value a message are copied for the messages that stay.
bool Framer::take_messages(const nek_chunk& read) {
  HostChunk& chunk = *task_->chunk;
  std::string defect = read.columns
                           ? column_defect(*read.schema, read.segment_count, read.columns, true)
                           : "it has a schema, but no columns";
  for (uint32_t i = 0; i < read.segment_count; i++)
    if (!is_message(read.segments[i])) defect = "columns are for messages only";
  if (!defect.empty()) {
    failed_(component_.plugin->id + ": broken input: " + defect);
    return false;
  }
  std::vector<uint32_t> rows;
  for (uint32_t i = 0; i < read.segment_count; i++)
    if (!left_out(source_of(read.segments[i]))) rows.push_back(i);
  auto* columns = chunk.columns.array<const nek_column*>(read.schema->count);
  for (uint32_t i = 0; i < read.schema->count; i++) {
    nek_column* copy =
        copy_column(chunk.columns, *gather_column(chunk.columns, *read.columns[i], rows));
    copy->dictionary = read.columns[i]->dictionary;
    if (copy->dictionary) task_->hold_dictionary(copy->dictionary);
    columns[i] = copy;
  }
  chunk.c.schema = read.schema;
  chunk.c.columns = columns;
  return true;
}

// The segment with the bytes that were carried before it. Mostly they stand there already; where
// several sources take turns, this and all that follow are copied behind what was read, which keeps
// segments in order.
nek_segment Framer::with_carry(Source& source, nek_segment segment, size_t read_at) {
  HostChunk& chunk = *task_->chunk;
  const size_t carry = source.carry.size();
  if (carry && !relocated_ && segment.begin == read_at && carry <= read_at &&
      std::memcmp(chunk.data.get() + read_at - carry, source.carry.data(), carry) == 0) {
    segment.begin -= static_cast<uint32_t>(carry);
  } else if (carry || relocated_) {
    relocated_ = true;
    const uint32_t begin = chunk.c.used;
    chunk.reserve(begin + carry + segment.size);
    std::memcpy(chunk.data.get() + begin, source.carry.data(), carry);
    std::memcpy(chunk.data.get() + begin + carry, chunk.data.get() + segment.begin, segment.size);
    chunk.c.used += static_cast<uint32_t>(carry) + segment.size;
    segment.begin = begin;
  }
  segment.size += static_cast<uint32_t>(carry);
  segment.position -= carry;
  set_carry(source, {});
  return segment;
}

// Bytes of whole records at the beginning of the segment. It is looked at in windows of the longest
// record allowed, each from a record's begin, so that it does not matter how the input was cut into
// chunks.
uint32_t Framer::whole_records(const nek_segment& segment, bool at_end) {
  const Instance& codec = *component_.codec;
  const nek_decoder& decoder = *codec.plugin.decoder;
  if (!decoder.frame) return segment.size;
  const char* data = reinterpret_cast<const char*>(task_->chunk->data.get()) + segment.begin;
  const uint64_t longest = settings_.max_record_bytes;
  const bool cut_off = source_of(segment).cut_off;
  uint32_t whole = 0;
  while (whole < segment.size) {
    const uint64_t window = std::min<uint64_t>(segment.size - whole, longest);
    size_t more = 0;
    take_failure();
    (void)codec.run([&] {
      more = decoder.frame(codec.self, segment.source, {data + whole, window},
                           at_end && !cut_off && window < longest);
      return NEK_OK;
    });
    if (more == 0) {
      if (const std::string why = take_failure().text; !why.empty())
        failed_(component_.plugin->id + ": frame: " + why);
      break;
    }
    whole += static_cast<uint32_t>(std::min<uint64_t>(more, window));
  }
  return whole;
}

void Framer::frame_segment(nek_segment segment, bool at_end) {
  Source& source = source_of(segment);
  const uint8_t* data = task_->chunk->data.get();
  const auto cut = [&](uint32_t bytes) {
    nek_segment head = segment;
    head.size = bytes;
    segment.begin += bytes;
    segment.size -= bytes;
    segment.position += bytes;
    return head;
  };
  for (;;) {
    if (!source.in_long_line)
      if (const uint32_t whole = whole_records(segment, at_end)) add_segment(cut(whole));
    // Only the first line of a record without end goes: after an unclosed quote the records that
    // follow are whole again. A longer line goes in pieces of the longest record.
    const uint64_t longest = settings_.max_record_bytes;
    const bool too_long = segment.size >= longest;
    if (segment.size == 0 || (!too_long && !source.in_long_line)) break;
    const uint8_t* begin = data + segment.begin;
    const auto* newline = static_cast<const uint8_t*>(
        std::memchr(begin, '\n', std::min<uint64_t>(segment.size, longest)));
    if (!newline && !too_long && !at_end) break;
    const char* detail =
        source.in_long_line
            ? "the line before goes on"
            : "no end of the record within max_record_bytes; is a quote not closed?";
    source.in_long_line = !newline;
    refuse(source,
           cut(newline ? static_cast<uint32_t>(newline - begin) + 1
                       : static_cast<uint32_t>(std::min<uint64_t>(segment.size, longest))),
           "too_long", detail);
  }
  source.next_position = segment.position;
  if (segment.size == 0) return;
  if (at_end) {
    refuse(source, segment, "unfinished",
           source.cut_off
               ? "nek ended before the rest of it was read, which may be the first line of "
                 "the next source"
               : "the input ends within a record");
    return;
  }
  set_carry(source, {reinterpret_cast<const char*>(data) + segment.begin, segment.size});
  carrier_ = &source;
}

void Framer::set_carry(Source& source, std::string_view bytes) {
  budget_.carry(source.carry.size(), bytes.size());
  source.carry.assign(bytes);
}

void Framer::frame_ended(const std::vector<Source*>& ended) {
  HostChunk& chunk = *task_->chunk;
  for (Source* source : ended) {
    if (source->closed || source->carry.empty()) continue;
    if (source->left) {
      if (carrier_ == source) carrier_ = nullptr;
      set_carry(*source, {});
      continue;
    }
    nek_segment none{source, source->next_position + source->carry.size(), chunk.c.used, 0};
    relocated_ = true;
    frame_segment(with_carry(*source, none, 0), true);
  }
}

void Framer::add_segment(const nek_segment& segment, const nek_id& id) {
  Source& source = source_of(segment);
  HostChunk& chunk = *task_->chunk;
  chunk.segments.push_back(segment);
  chunk.lines.push_back(source.next_lines);
  chunk.ids.push_back(id);
  if (!is_message(segment))
    source.next_lines += count_newlines(chunk.data.get() + segment.begin, segment.size);
  if (chunk.begins_run(chunk.segments.size() - 1))
    source.holds.fetch_add(1, std::memory_order_relaxed);
  if (touched_.empty() || touched_.back() != &source) touch(source);
}

// Bytes that no decoder will see become a dead letter here; the segment is only there to say where
// they are.
void Framer::refuse(Source& source, nek_segment bytes, const char* reason,
                    const std::string& detail) {
  HostChunk& chunk = *task_->chunk;
  add_segment(bytes);
  HostCall call(*component_.codec, *task_, nullptr);
  call.host->refuse_bytes(&call, {bytes.begin, bytes.size}, reason, {detail.data(), detail.size()});
  source.next_position = bytes.position + bytes.size;
  if (chunk.begins_run(chunk.segments.size() - 1))
    source.holds.fetch_sub(1, std::memory_order_relaxed);
  chunk.segments.pop_back();
  chunk.lines.pop_back();
  chunk.ids.pop_back();
  task_->line_cursor = {};  // it was in that segment
}

// What was carried of it will never be a whole record.
void Framer::lose(Source& source, uint64_t lines) {
  source.next_lines +=
      lines + static_cast<uint64_t>(std::count(source.carry.begin(), source.carry.end(), '\n'));
  source.in_long_line = false;
  set_carry(source, {});
}

void Framer::forget(Source& source) {
  if (carrier_ == &source) carrier_ = nullptr;
  set_carry(source, {});
  std::erase(touched_, &source);
}

}  // namespace nek
