// SPDX-License-Identifier: Apache-2.0
#include "runtime/reader.h"

#include <algorithm>
#include <cstring>

#include "nek/text.hpp"
#include "runtime/binding.h"
#include "runtime/call.h"
#include "runtime/letter.h"
#include "runtime/origin.h"
#include "util/log.h"
#include "util/many_bytes.h"

namespace nek {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kPatience{50};      // for memory, before the input may serve its connection
constexpr milliseconds kShortPatience{5};  // while its spool is not empty
constexpr uint32_t kMaxSegments = 16384;
// Bytes in flight for each byte read: itself, its columns, its encoded form.
constexpr uint64_t kExpansion = 4;

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

Reader::Reader(Component& component, const PipelineSettings& settings, InputSpool spool_settings,
               const std::string& spool, RetryPolicy retry, Budget& budget, Executor& executor,
               Hooks hooks)
    : component_(component),
      settings_(settings),
      budget_(budget),
      executor_(executor),
      hooks_(std::move(hooks)),
      backoff_(retry, hash64(component.plugin->id)),
      admission_(settings.chunk_bytes * kExpansion),
      read_(kMaxSegments),
      read_ids_(kMaxSegments) {
  component.plugin->sources = this;
  Instance& input = *component.plugin;
  intake_ = std::make_unique<Intake>(
      input, settings, retry, spool_settings.max_bytes,
      std::make_unique<Spool>(input.env, spool, spool_settings, input.id, input.metrics,
                              [id = input.id](int level, const std::string& what) {
                                log_line(level, id, "spool: " + what);
                              }),
      stopping_,
      Intake::Hooks{[this](const nek_source_open& request) { return open_source(request); },
                    [this](Source& source) { end_now(source); },
                    [this](Source& source) { close(source); },
                    [this](Source& source, uint64_t lines) { lose(source, lines); },
                    [this](milliseconds time) { return pause(time); },
                    [this] { hooks_.snapshot_now(milliseconds(0)); }, [this] { undo_.clear(); },
                    [this] { take_back(); }});
}

Reader::~Reader() {
  abort();
  join();
  if (task_) budget_.release(task_->admitted);
}

// Chunks that were never worked off hold sources that were never released.
void Reader::close_sources() {
  for (auto& [source, owned] : sources_) {
    set_carry(*owned, {});
    component_.codec->close_source(*owned);
  }
  sources_.clear();
}

void Reader::restore(const SourceState& source) {
  Known& known = known_[source.key];
  known.identity = source.identity;
  known.at = source.at;
  known.committed = source.at.position;
  known.once = source.once;
}

void Reader::start() {
  thread_ = std::thread([this] { run(); });
}

void Reader::stop() {
  stopping_ = true;
  const std::lock_guard lock(mutex_);
  wake_.notify_all();
}

void Reader::abort() {
  stopping_ = true;
  const std::lock_guard lock(mutex_);
  aborting_ = true;
  wake_.notify_all();
}

void Reader::join() {
  if (thread_.joinable()) thread_.join();
}

bool Reader::pause(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, time, [&] { return stopping(); });
}

void Reader::run() {
  recover();
  for (uint32_t failures = 0; !stopping();) {
    let_go();
    tell_committed();
    intake_->keep_up();
    const milliseconds patience = intake_->behind() ? kShortPatience : kPatience;
    if (!executor_.wait_for_workers(patience) || !budget_.admit(admission_, patience)) {
      intake_->read_ahead();
      continue;
    }
    const auto asked = Clock::now();
    const nek_status status = read_task();
    note_silence(asked);
    if (status == NEK_END) break;
    if (status == NEK_OK) {
      failures = 0;
      continue;
    }
    const std::string text = take_failure().text;
    if (status != NEK_RETRY) {
      // What was read before is delivered first.
      hooks_.snapshot_now(milliseconds(settings_.shutdown_timeout_ms));
      hooks_.failed(component_.plugin->id + ": " + (text.empty() ? "read failed" : text));
      break;
    }
    const milliseconds wait = backoff_.wait(failures++);
    log_line(NEK_WARN, component_.plugin->id,
             "cannot read, will try again in " + std::to_string(wait.count()) + " ms: " + text);
    const auto paused = Clock::now();
    pause(wait);
    note_silence(paused);
  }
  if (intake_->waits()) {  // for room on a disk
    budget_.charge(admission_);
    (void)read_task();
  }
  let_go();
  intake_->close();
  hooks_.finished();
  std::unique_lock lock(mutex_);  // the input still hears what is committed
  while (!aborting_) {
    wake_.wait(lock, [&] { return aborting_ || !to_tell_.empty(); });
    lock.unlock();
    tell_committed(true);
    intake_->keep_last();
    lock.lock();
  }
  lock.unlock();
  tell_committed(true);  // of the last snapshot, when the end came first
  intake_->keep_last();
  intake_->report_lost();
}

// The input was asked since then. Time in which it was not, as outputs took nothing, says nothing
// of it.
void Reader::note_silence(Clock::time_point since) {
  if (!task_)
    silence_ = {};
  else if (!intake_->held_back())
    silence_ += Clock::now() - since;
  executor_.set_silence(component_.plugin->component,
                        std::chrono::duration_cast<milliseconds>(silence_));
}

// A chunk that is admitted.
nek_status Reader::read_task() {
  if (!task_) {
    task_ = executor_.new_task();
    task_->input = component_.plugin->component;
    if (!task_->chunk) task_->chunk = std::make_unique<HostChunk>();
  }
  task_->admitted = admission_;
  take_failure();
  const nek_status status = read_chunk();
  if (task_) {  // nothing came of it: others may have the memory meanwhile
    budget_.release(admission_);
    task_->admitted = 0;
  }
  return status;
}

// What earlier runs left in the spool is opened again. Of what else was read once nothing will
// come.
void Reader::recover() {
  intake_->recover();
  const std::lock_guard lock(sources_mutex_);
  // Not those that have ended while segments still hold them: they would be delivered again.
  std::erase_if(known_, [&](const auto& item) {
    return item.second.once && !item.second.open && !intake_->holds(item.first);
  });
}

// What was carried of it will never be a whole record.
void Reader::lose(Source& source, uint64_t lines) {
  source.next_lines +=
      lines + static_cast<uint64_t>(std::count(source.carry.begin(), source.carry.end(), '\n'));
  source.in_long_line = false;
  set_carry(source, {});
}

// Returns where the chunk goes on: at a whole cache line, because some processors copy at a third
// of the speed to a place that is a few bytes further behind the beginning of a page than the
// source.
size_t Reader::put_carry() {
  if (!carrier_) return 0;
  HostChunk& chunk = *task_->chunk;
  const std::string& carry = carrier_->carry;
  const size_t end = (carry.size() + Arena::kAlign - 1) / Arena::kAlign * Arena::kAlign;
  chunk.reserve(end);
  std::memset(chunk.data.get(), 0, end - carry.size());
  std::memcpy(chunk.data.get() + end - carry.size(), carry.data(), carry.size());
  return end;
}

nek_status Reader::read_chunk() {
  HostChunk& chunk = *task_->chunk;
  chunk.reset();
  const size_t begin = put_carry();
  const size_t capacity = std::max<size_t>(intake_->capacity(), std::exchange(need_, 0));
  chunk.reserve(begin + capacity);
  nek_chunk to{};
  to.size = sizeof to;
  to.data = chunk.data.get() + begin;
  to.capacity = static_cast<uint32_t>(capacity);
  to.segments = read_.data();
  to.segment_capacity = kMaxSegments;
  to.ids = read_ids_.data();
  nek_status status = NEK_OK;
  if (stopping())
    intake_->fill_last(to);
  else
    status = intake_->fill(to);
  if (to.used > to.capacity || to.segment_count > to.segment_capacity) {
    hooks_.failed(component_.plugin->id + ": broken input: it filled more than the chunk holds");
    return NEK_END;
  }
  // Without a segment it is what a spool still held and was delivered before: nothing new was read.
  if (to.segment_count > 0) bytes_.fetch_add(to.used, std::memory_order_relaxed);
  need_ = to.need;
  if (status == NEK_END) {  // all that is still open ends with the input
    const std::lock_guard lock(sources_mutex_);
    for (const auto& [key, source] : sources_)
      if (!source->end_reached && !source->closed) end_now(*source);
  }
  if (status == NEK_OK && to.segment_count == 0 && ended_.empty()) return NEK_OK;
  frame_chunk(to, begin);
  std::fill_n(read_ids_.begin(), to.segment_count, nek_id{});
  task_->last = status == NEK_END;
  if (task_->last || !chunk.segments.empty() || !ended_.empty() || !task_->dead_letters.empty())
    submit();
  return status;
}

void Reader::frame_chunk(const nek_chunk& read, size_t begin) {
  HostChunk& chunk = *task_->chunk;
  chunk.c.used = static_cast<uint32_t>(begin) + read.used;
  relocated_ = false;
  carrier_ = nullptr;
  if (const std::string defect = segments_defect(read); !defect.empty()) {
    hooks_.failed(component_.plugin->id + ": broken input: " + defect);
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
  frame_ended();
}

// A record is known by where it begins, so an empty message gets a byte of its own too: it, and all
// that follow, are copied behind what was read.
nek_segment Reader::message(nek_segment segment) {
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
bool Reader::take_messages(const nek_chunk& read) {
  HostChunk& chunk = *task_->chunk;
  std::string defect = read.columns
                           ? column_defect(*read.schema, read.segment_count, read.columns, true)
                           : "it has a schema, but no columns";
  for (uint32_t i = 0; i < read.segment_count; i++)
    if (!is_message(read.segments[i])) defect = "columns are for messages only";
  if (!defect.empty()) {
    hooks_.failed(component_.plugin->id + ": broken input: " + defect);
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
nek_segment Reader::with_carry(Source& source, nek_segment segment, size_t read_at) {
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
uint32_t Reader::whole_records(const nek_segment& segment, bool at_end) {
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
        hooks_.failed(component_.plugin->id + ": frame: " + why);
      break;
    }
    whole += static_cast<uint32_t>(std::min<uint64_t>(more, window));
  }
  return whole;
}

void Reader::frame_segment(nek_segment segment, bool at_end) {
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

void Reader::set_carry(Source& source, std::string_view bytes) {
  budget_.carry(source.carry.size(), bytes.size());
  source.carry.assign(bytes);
}

void Reader::frame_ended() {
  HostChunk& chunk = *task_->chunk;
  for (Source* source : ended_) {
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

void Reader::add_segment(const nek_segment& segment, const nek_id& id) {
  Source& source = source_of(segment);
  HostChunk& chunk = *task_->chunk;
  chunk.segments.push_back(segment);
  chunk.lines.push_back(source.next_lines);
  chunk.ids.push_back(id);
  if (!is_message(segment))
    source.next_lines += count_newlines(chunk.data.get() + segment.begin, segment.size);
  if (chunk.begins_run(chunk.segments.size() - 1))
    source.holds.fetch_add(1, std::memory_order_relaxed);
  if (touched_.empty() || touched_.back() != &source) touched_.push_back(&source);
}

// Bytes that no decoder will see become a dead letter here; the segment is only there to say where
// they are.
void Reader::refuse(Source& source, nek_segment bytes, const char* reason,
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

void Reader::submit() {
  HostChunk& chunk = *task_->chunk;
  chunk.c.segments = chunk.segments.data();
  chunk.c.segment_count = chunk.c.segment_capacity = static_cast<uint32_t>(chunk.segments.size());
  chunk.c.capacity = chunk.c.used;
  executor_.submit(std::move(task_), [&](Task&) {
    const std::lock_guard lock(sources_mutex_);
    const auto note = [&](Source* source) -> SourcePosition* {
      Known& known = known_[source->key];
      if (known.open != source) return nullptr;  // another was opened under its key since
      SourcePosition& at = known.at;
      at.position = source->next_position;
      at.lines = source->next_lines;
      at.in_long_line = source->in_long_line;
      at.ended = false;
      at.mark = source->mark_text;
      return &at;
    };
    for (Source* source : touched_) note(source);
    for (Source* source : ended_) {
      SourcePosition* at = note(source);
      if (!at || source->left) continue;
      at->ended = true;
      at->ended_ms = component_.plugin->env.now_ms();
    }
  });
  touched_.clear();
  for (Source* source : std::exchange(ended_, {})) close(*source);
}

void Reader::close(Source& source) {
  if (std::exchange(source.closed, true)) return;
  if (carrier_ == &source) carrier_ = nullptr;
  set_carry(source, {});
  std::erase(touched_, &source);
  closing_.push_back(&source);
  const std::lock_guard lock(sources_mutex_);
  const auto known = known_.find(source.key);
  if (known != known_.end() && known->second.open == &source) known->second.open = nullptr;
}

// Not at once: the chunk that is being filled may still name them.
void Reader::let_go() {
  for (Source* source : std::exchange(closing_, {}))
    if (source->holds.fetch_sub(1, std::memory_order_acq_rel) == 1) released(*source);
}

void Reader::released(Source& source) {
  component_.codec->close_source(source);
  const std::lock_guard lock(sources_mutex_);
  sources_.erase(&source);
}

Source* Reader::open(const nek_source_open& request) { return open_source(request); }

Source* Reader::open_source(const nek_source_open& request) {
  auto owned = std::make_unique<Source>();
  Source& source = *owned;
  source.size = sizeof(nek_source);
  source.of_input = request.of_input;
  source.of_decoder = nullptr;
  source.flags = request.flags;
  source.resume = NEK_NO_POSITION;
  source.ended = false;
  source.ended_records = 0;
  source.ended_ms = 0;
  source.mark = {};
  source.input = component_.plugin->component;
  const nek_text& key = request.key.size ? request.key : request.identity;
  source.set_identity(component_.plugin->id, {key.data, key.size},
                      {request.identity.data, request.identity.size});
  const bool named = NEK_HAS(&request, name) && request.name.size > 0;
  source.set_name(named ? std::string(to_view(request.name)) : source.key);
  bool twice = false;
  {
    const std::lock_guard lock(sources_mutex_);
    const auto [at, is_new] = known_.try_emplace(source.key);
    Known& known = at->second;
    twice = known.open && !known.open->end_reached && !known.open->closed;
    // Another source under an old key begins at its own beginning.
    if (known.identity != source.identity) {
      known = {};
    } else if (!is_new) {
      source.resume = known.at.position;
      source.ended = known.at.ended && known.committed == known.at.position;
      source.ended_records = known.at.records;
      source.ended_ms = known.at.ended_ms;
      source.next_position = known.at.position;
      source.next_lines = known.at.lines;
      source.in_long_line = known.at.in_long_line;
      source.set_mark(known.at.mark);
    }
    known.identity = source.identity;
    known.once = source.flags & NEK_ONCE;
    known.open = &source;
    sources_.emplace(&source, std::move(owned));
  }
  if (twice)
    hooks_.failed(component_.plugin->id + ": broken input: it opened " + source.key + " twice");
  intake_->opened(source, request);
  const Instance& codec = *component_.codec;
  const std::string head(request.head.data,
                         codec.plugin.decoder->source_open ? request.head.size : 0);
  source.letters = std::make_shared<const LetterSource>(
      LetterSource{component_.plugin->id, source.key, source.identity,
                   (source.flags & NEK_MESSAGES) != 0, head});
  take_failure();
  source.refused = codec.open_source(source, request.head) != NEK_OK;
  if (source.refused)
    hooks_.failed(component_.plugin->id + ": " + source.key + ": " + take_failure().text);
  return &source;
}

void Reader::end(Source& source) {
  if (!std::exchange(source.end_reached, true)) intake_->end(source);
}

void Reader::leave(Source& source) {
  undo_.push_back({&source, source.mark_text, source.left});
  source.left = true;
  end(source);
}

// Of a read that does not count.
void Reader::take_back() {
  for (; !undo_.empty(); undo_.pop_back()) {
    Source& source = *undo_.back().source;
    source.left = undo_.back().left;
    source.set_mark(std::move(undo_.back().mark));
  }
}

void Reader::mark(Source& source, std::string_view mark) {
  undo_.push_back({&source, source.mark_text, source.left});
  source.set_mark(std::string(mark));
  if (source.end_reached || source.closed) return;
  touched_.push_back(&source);
}

void Reader::known(const std::function<void(const nek_known_source&)>& each) const {
  const std::lock_guard lock(sources_mutex_);
  for (const auto& [key, known] : known_) {
    nek_known_source source{};
    source.size = sizeof source;
    source.key = {key.data(), key.size()};
    source.identity = {known.identity.data(), known.identity.size()};
    source.mark = {known.at.mark.data(), known.at.mark.size()};
    source.position = known.at.position;
    source.ended = known.at.ended;
    // Its last bytes are still in the chunk that is being filled.
    if (known.open && known.open->end_reached && !known.open->closed)
      source.position = NEK_NO_POSITION;
    each(source);
  }
}

void Reader::end_now(Source& source) {
  source.end_reached = true;
  ended_.push_back(&source);
}

void Reader::revoke(Source* const* sources, uint32_t count, uint32_t wait_ms, uint64_t* committed) {
  if (wait_ms) hooks_.snapshot_now(milliseconds(wait_ms));
  for (uint32_t i = 0; i < count; i++) {
    Source& source = *sources[i];
    {
      const std::lock_guard lock(sources_mutex_);
      const auto known = known_.find(source.key);
      committed[i] = wait_ms && known != known_.end() ? known->second.committed : NEK_NO_POSITION;
    }
    intake_->forget(source);
    std::erase(ended_, &source);
    close(source);
    const std::lock_guard lock(sources_mutex_);
    known_.erase(source.key);
  }
}

void Reader::committed(const std::vector<SourceState>& sources) {
  {
    const std::lock_guard lock(sources_mutex_);
    for (const SourceState& source : sources) {
      const auto known = known_.find(source.key);
      if (known != known_.end() && known->second.identity == source.identity)
        known->second.committed = source.at.position;
    }
  }
  const std::lock_guard lock(mutex_);
  for (const SourceState& source : sources) to_tell_[source.key] = source;
  wake_.notify_all();
}

void Reader::tell_committed(bool last) {
  std::map<std::string, SourceState> told;
  {
    const std::lock_guard lock(mutex_);
    told.swap(to_tell_);
  }
  {
    // Another source may have been opened under the key since: a position of the one before is no
    // position of it.
    const std::lock_guard lock(sources_mutex_);
    std::erase_if(told, [&](const auto& item) {
      const auto known = known_.find(item.first);
      return known == known_.end() || known->second.identity != item.second.identity;
    });
  }
  if (told.empty()) return;
  for (const auto& [key, state] : told) intake_->committed(key, state.at.position, state.at.ended);
  const std::vector<std::string> gone = intake_->release(last);
  const nek_input& input = *component_.plugin->plugin.input;
  std::vector<std::pair<Source*, uint64_t>> open;
  {
    const std::lock_guard lock(sources_mutex_);
    for (const std::string& key : gone) known_.erase(key);
    for (const auto& [source, owned] : sources_) {
      const auto at = told.find(source->key);
      if (at != told.end() && !source->closed && source->identity == at->second.identity)
        open.emplace_back(owned.get(), at->second.at.position);
    }
  }
  if (!NEK_HAS(&input, committed) || !input.committed) return;
  const Instance& plugin = *component_.plugin;
  for (const auto& [source, position] : open)
    plugin.tell("committed", [&, source = source, position = position] {
      input.committed(plugin.self, source, position);
    });
}

void Reader::count_records(const std::string& key, uint64_t records) {
  const std::lock_guard lock(sources_mutex_);
  const auto known = known_.find(key);
  if (known != known_.end()) known->second.at.records += records;
}

std::vector<SourceState> Reader::states() const {
  const std::lock_guard lock(sources_mutex_);
  std::vector<SourceState> states;
  states.reserve(known_.size());
  for (const auto& [key, known] : known_)
    states.push_back({component_.plugin->id, key, known.identity, known.at, known.once});
  return states;
}

}  // namespace nek
