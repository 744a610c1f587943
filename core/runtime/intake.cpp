// SPDX-License-Identifier: Apache-2.0
#include "runtime/intake.h"

#include <algorithm>
#include <cstring>

#include "nek/text.hpp"
#include "pipeline/graph.h"
#include "util/log.h"

namespace nek {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kLongestRead{100};  // so that a stop is noticed
constexpr milliseconds kIdle{10};          // where an input has nothing and does not wait itself
constexpr milliseconds kAhead{20};         // reading ahead, before the pipeline is looked at again

std::string seconds_text(uint64_t ms) {
  return ms % 1000 ? std::to_string(ms) + " ms" : std::to_string(ms / 1000) + " s";
}

}  // namespace

Intake::Intake(Instance& input, const PipelineSettings& settings, RetryPolicy retry,
               uint64_t max_bytes, std::unique_ptr<Spool> spool, const std::atomic<bool>& stopping,
               Hooks hooks)
    : input_(input),
      settings_(settings),
      backoff_(retry, hash64(input.id + " spool")),
      max_bytes_(max_bytes),
      spool_(std::move(spool)),
      stopping_(stopping),
      hooks_(std::move(hooks)) {}

// ---- Sources ------------------------------------------------------------------------------------

void Intake::recover() {
  spool_->recover();
  const auto sources = spool_->sources();
  for (const auto& [number, of] : sources) {
    nek_source_open request{};
    request.size = sizeof request;
    request.identity = to_text(of.identity);
    request.key = to_text(of.key);
    request.head = to_text(of.head);
    request.flags = of.flags;
    recovering_ = number;
    Source* source = hooks_.open(request);
    source->cut_off = of.cut;
    recovering_ = 0;
    if (source->ended) {
      spool_->committed(number, UINT64_MAX, true);
      entries_.erase(number);
      hooks_.close(*source);
    } else if (source->resume != NEK_NO_POSITION) {
      spool_->committed(number, source->resume, false);
    }
  }
}

void Intake::opened(Source& source, const nek_source_open& request) {
  const bool once = request.flags & NEK_ONCE;
  if (once && !std::exchange(told_, true)) {
    if (max_bytes_ > 0)
      log_line(NEK_INFO, input_.id,
               "what it reads goes through the spool; only a crash of the machine loses what was "
               "read in the last " +
                   seconds_text(spool_->fsync_interval_ms()));
    else
      log_line(NEK_WARN, input_.id,
               "it has no spool: when nek dies, what was read since the last snapshot is lost");
  }
  if (!once) return;
  if (!recovering_) open_once_++;
  enroll(source, request.head);
}

void Intake::enroll(Source& source, nek_text head) {
  source.spool_number = recovering_;
  if (!recovering_)
    source.spool_number =
        spool_->add({0, source.flags, source.identity, source.key, std::string(to_view(head))});
  Entry& entry = entries_[source.spool_number];
  entry.source = &source;
  entry.position = source.next_position + source.carry.size();
  numbers_[source.key] = source.spool_number;
}

void Intake::end(Source& source) {
  ending_.push_back(&source);
  if (reading_) return;
  const bool wait = behind();
  note_ends(ended_, wait);
  finish_ends(wait);
}

// Of what the last read ended; `all`: also what the spool has not heard of.
void Intake::note_ends(std::vector<uint64_t>& numbers, bool all) {
  for (Source* source : ending_) {
    if (all && !source->spool_number) enroll(*source, {});
    if (entries_.contains(source->spool_number)) numbers.push_back(source->spool_number);
  }
}

// What the last read ended; where something still waits before it, it ends in its turn.
void Intake::finish_ends(bool wait) {
  for (Source* source : std::exchange(ending_, {})) {
    const auto entry = entries_.find(source->spool_number);
    if (entry != entries_.end()) {
      if (source->flags & NEK_ONCE) open_once_--;
      if (!wait) entries_.erase(entry);
    }
    source->end_reached = !wait;
    if (!wait) hooks_.end(*source);
    ends_++;
  }
}

void Intake::forget(Source& source) {
  if (entries_.erase(source.spool_number) && source.flags & NEK_ONCE) open_once_--;
  spool_->committed(source.spool_number, UINT64_MAX, true);
}

void Intake::committed(const std::string& key, uint64_t position, bool ended) {
  asked_ = false;
  const auto number = numbers_.find(key);
  if (number != numbers_.end()) spool_->committed(number->second, position, ended);
}

std::vector<std::string> Intake::release(bool last) {
  std::vector<std::string> keys;
  for (const SpoolSource& source : spool_->release(last)) {
    numbers_.erase(source.key);
    if (source.flags & NEK_ONCE) keys.push_back(source.key);
  }
  return keys;
}

void Intake::keep_last() {
  if (waits() && append_waiting()) spool_->sync();
}

void Intake::close() { spool_->sync(); }

void Intake::report_lost() {
  if (waits())
    log_line(NEK_ERROR, input_.id,
             "spool: " + std::to_string(waiting_.body.size()) +
                 " bytes that were read could not be written and are lost");
}

// ---- Reading ------------------------------------------------------------------------------------

size_t Intake::capacity() const {
  return std::max({size_t{settings_.chunk_bytes}, spool_->peek_size(), waiting_.body.size()});
}

milliseconds Intake::longest_read() const { return std::min(kLongestRead, spool_->until_sync()); }

nek_status Intake::fill(nek_chunk& to) {
  held_back_ = true;
  if (max_bytes_ > 0 && !spool_->may_hand_on()) {
    ask_snapshot();
    if (!take_in(kIdle)) hooks_.pause(kIdle);
    return NEK_OK;
  }
  const bool from_spool = behind() || input_ended_ || !input_failure_.empty();
  held_back_ = !from_spool && wants_spool() && !spool_->has_room(settings_.chunk_bytes);
  if (from_spool) return fill_from_spool(to);
  if (!held_back_) return fill_from_input(to);
  ask_snapshot();
  serve_input();
  hooks_.pause(kIdle);
  return NEK_OK;
}

void Intake::fill_last(nek_chunk& to) {
  if (!waits() || append_waiting() || spool_->behind()) return;
  log_line(NEK_WARN, input_.id, "spool: what was read last is delivered without it");
  const Part part = std::exchange(waiting_, {});
  std::copy(part.gathered.begin(), part.gathered.end(), reinterpret_cast<char*>(to.data) + to.used);
  place(to, part.chunk);
}

Intake::Mark Intake::mark_of(const nek_chunk& chunk) {
  Mark mark{chunk};
  if (chunk.segment_count) mark.last = chunk.segments[chunk.segment_count - 1];
  return mark;
}

void Intake::roll_back(nek_chunk& to, const Mark& mark) {
  if (to.ids)
    for (uint32_t i = mark.chunk.segment_count; i < to.segment_count; i++) to.ids[i] = {};
  to = mark.chunk;
  if (to.segment_count) to.segments[to.segment_count - 1] = mark.last;
}

// Where the answer is NEK_RETRY, nothing of the call counts.
nek_status Intake::read_input(nek_chunk& to, const Mark& mark, milliseconds wait) {
  reading_ = true;
  hooks_.read_begins();
  const nek_status status = input_.run([&] {
    return input_.plugin.input->read(input_.self, &to,
                                     static_cast<uint32_t>(std::max<int64_t>(wait.count(), 0)));
  });
  reading_ = false;
  if (status != NEK_RETRY || overfilled(to)) return status;
  for (Source* source : std::exchange(ending_, {})) source->end_reached = false;
  hooks_.take_back();
  roll_back(to, mark);
  return status;
}

nek_status Intake::fill_from_input(nek_chunk& to) {
  Clock::time_point deadline = Clock::time_point::max();
  const uint64_t ends = ends_;
  while (!stopping_) {
    const auto now = Clock::now();
    if (now >= deadline) return NEK_OK;
    const auto left = std::min<Clock::duration>(longest_read(), deadline - now);
    const Mark mark = mark_of(to);
    const nek_chunk& before = mark.chunk;
    const nek_status status = read_input(to, mark, std::chrono::ceil<milliseconds>(left));
    if (overfilled(to)) return status;
    if (status != NEK_RETRY) {
      const bool spooled = max_bytes_ > 0 && (open_once_ > 0 || !ended_.empty());
      if (spooled && to.schema) {
        input_.fail(&input_, NEK_FAIL, to_text(kColumnsAndSpool), nullptr);
        return NEK_FAIL;
      }
      if (spooled && !keep(to, mark, status)) return NEK_OK;
      advance(to, before.segment_count ? before.segment_count - 1 : 0);
      finish_ends(false);
    }
    keep_up();
    if (status != NEK_OK) return status;
    if (to.used == to.capacity || to.segment_count == to.segment_capacity || to.schema || to.need)
      return NEK_OK;
    if (to.segment_count > 0 && before.segment_count == 0)
      deadline = Clock::now() + milliseconds(settings_.linger_ms);
    if (to.used > before.used || to.segment_count > before.segment_count) continue;
    if (ends_ > ends) return NEK_OK;
    if (Clock::now() - now < kIdle / 2) hooks_.pause(kIdle);
    if (to.segment_count == 0) return NEK_OK;
  }
  return NEK_OK;
}

// Of what can be read again nothing goes into the spool, unless it has to wait for its turn (all).
Intake::Part Intake::read_since(const nek_chunk& to, const Mark& mark, bool all) {
  Part part;
  part.chunk.ended = ended_;
  note_ends(part.chunk.ended, all);
  const char* data = reinterpret_cast<const char*>(to.data);
  const uint32_t before = mark.chunk.segment_count;
  for (uint32_t i = before ? before - 1 : 0; i < to.segment_count; i++) {
    nek_segment segment = to.segments[i];
    if (i + 1 == before) {
      segment.position += mark.last.size;
      segment.begin += mark.last.size;
      segment.size -= mark.last.size;
      if (segment.size == 0) continue;
    }
    if (segment.begin > to.used || to.used - segment.begin < segment.size)
      break;  // the reader says so
    if (!all && !(segment.source->flags & NEK_ONCE)) continue;
    auto& source = *static_cast<Source*>(segment.source);
    if (!source.spool_number) enroll(source, {});
    part.chunk.pieces.push_back({source.spool_number, segment.position, segment.size});
    const std::string_view bytes(data + segment.begin, segment.size);
    if (part.gathered.empty() && (part.body.empty() || part.body.end() == bytes.begin())) {
      part.body = {part.body.empty() ? bytes.data() : part.body.data(),
                   part.body.size() + bytes.size()};
    } else {
      if (part.gathered.empty()) part.gathered = part.body;
      part.gathered += bytes;
    }
  }
  if (!part.gathered.empty()) part.body = part.gathered;
  return part;
}

// Not before the spool has it does anything else see it. False: it waits for the spool, and is not
// in the chunk any more.
bool Intake::keep(nek_chunk& to, const Mark& mark, nek_status status) {
  const Part part = read_since(to, mark, false);
  if (part.empty() || append(part, true)) {
    ended_.clear();
    return true;
  }
  set_waiting(read_since(to, mark, true));
  roll_back(to, mark);
  advance(to, 0);  // sources that the spool has only heard of now
  note_end_of_input(status);
  return false;
}

void Intake::set_waiting(Part part) {
  if (part.gathered.empty()) part.gathered = part.body;
  waiting_ = std::move(part);
  waiting_.body = waiting_.gathered;
  ended_.clear();
  finish_ends(true);
}

// Sources are handed on up to here.
void Intake::advance(const nek_chunk& to, uint32_t first) {
  for (uint32_t i = first; !entries_.empty() && i < to.segment_count; i++) {
    const nek_segment& segment = to.segments[i];
    if (!segment.source) return;  // the reader says so
    const auto entry = entries_.find(static_cast<Source*>(segment.source)->spool_number);
    if (entry != entries_.end())
      entry->second.position =
          segment.position + (segment.source->flags & NEK_MESSAGES ? 1 : segment.size);
  }
}

void Intake::note_end_of_input(nek_status status) {
  if (status == NEK_END) input_ended_ = true;
  if (status == NEK_OK || status == NEK_END) return;
  input_failure_ = take_failure().text;
  if (input_failure_.empty()) input_failure_ = "read failed";
}

bool Intake::append(const Part& part, bool handed_on) {
  const Status status = spool_->append(part.chunk, part.body, handed_on);
  if (status.ok()) {
    if (std::exchange(failures_, 0)) log_line(NEK_INFO, input_.id, "spool: it is written again");
    return true;
  }
  const milliseconds wait = backoff_.wait(failures_++);
  not_before_ = Clock::now() + wait;
  log_line(NEK_ERROR, input_.id,
           "spool: " + status.message() + "; no more is read, will try again in " +
               std::to_string(wait.count()) + " ms");
  return false;
}

bool Intake::append_waiting() {
  if (!append(waiting_, false)) return false;
  waiting_ = {};
  return true;
}

// ---- Reading ahead ------------------------------------------------------------------------------

void Intake::serve_input() {
  nek_chunk none{};
  none.size = sizeof none;
  segments_.resize(kMaxSegments);
  none.segments = segments_.data();
  hooks_.read_begins();
  (void)input_.run([&] { return input_.plugin.input->read(input_.self, &none, 0); });
}

// Once until the next.
void Intake::ask_snapshot() {
  if (!std::exchange(asked_, true)) hooks_.snapshot();
}

void Intake::read_ahead() {
  if (!wants_spool() && !behind()) {
    serve_input();
    return;
  }
  const auto until = Clock::now() + kAhead;
  while (take_in(kIdle) && !stopping_ && Clock::now() < until) keep_up();
}

// From the input into the spool; true: something came.
bool Intake::take_in(milliseconds wait) {
  if (Clock::now() < not_before_ || (waits() && !append_waiting())) return false;
  if (input_ended_ || !input_failure_.empty()) return false;
  if (!spool_->has_room(settings_.chunk_bytes)) {
    ask_snapshot();
    serve_input();
    if (wait.count() > 0) hooks_.pause(wait);
    return false;
  }
  buffer_.resize(settings_.chunk_bytes);
  segments_.resize(kMaxSegments);
  nek_chunk to{};
  to.size = sizeof to;
  to.data = buffer_.data();
  to.capacity = static_cast<uint32_t>(buffer_.size());
  to.segments = segments_.data();
  to.segment_capacity = kMaxSegments;
  const Mark mark = mark_of(to);
  take_failure();
  const nek_status status = read_input(to, mark, std::min(wait, longest_read()));
  if (overfilled(to)) {
    input_failure_ = kOverfilled;
    return false;
  }
  if (status == NEK_RETRY) {
    note_end_of_input(status);
    const milliseconds pause = backoff_.wait(failed_reads_++);
    not_before_ = Clock::now() + pause;
    log_line(NEK_WARN, input_.id,
             "cannot read, will try again in " + std::to_string(pause.count()) +
                 " ms: " + std::exchange(input_failure_, {}));
    return false;
  }
  failed_reads_ = 0;
  Part part = read_since(to, mark, true);
  if (part.empty() || append(part, false)) {
    ended_.clear();
    finish_ends(true);
  } else {
    set_waiting(std::move(part));
  }
  note_end_of_input(status);
  return to.used > 0 && !waits() && !input_ended_;
}

// Every second time the input goes first, so that its writer hardly waits and yet less and less is
// left to be caught up with.
nek_status Intake::fill_from_spool(nek_chunk& to) {
  turn_ = !turn_;
  if (turn_) (void)take_in(milliseconds(0));
  while (const SpoolChunk* next = spool_->peek()) {
    const size_t room = to.capacity - to.used;
    if (spool_->peek_size() > room ||
        next->pieces.size() > to.segment_capacity - to.segment_count || !follows(to, *next)) {
      if (to.segment_count > 0) return NEK_OK;
      if (spool_->peek_size() > room) return NEK_OK;  // the next chunk is made for it
    }
    const SpoolChunk chunk = *next;
    if (spool_->take({reinterpret_cast<char*>(to.data) + to.used, room})) place(to, chunk);
  }
  if (!input_failure_.empty() && !waits()) {
    input_.fail(&input_, NEK_FAIL, to_text(input_failure_), nullptr);
    return NEK_FAIL;
  }
  if (waits() && to.segment_count == 0) hooks_.pause(kIdle);
  return input_ended_ && !waits() ? NEK_END : NEK_OK;
}

// Whether what is in `to` of a source goes on in the chunk without a gap.
bool Intake::follows(const nek_chunk& to, const SpoolChunk& chunk) const {
  return std::all_of(chunk.pieces.begin(), chunk.pieces.end(), [&](const SpoolPiece& piece) {
    const auto entry = entries_.find(piece.source);
    if (entry == entries_.end() || piece.position <= entry->second.position) return true;
    return std::none_of(to.segments, to.segments + to.segment_count,
                        [&](const nek_segment& s) { return s.source == entry->second.source; });
  });
}

void Intake::place(nek_chunk& to, const SpoolChunk& chunk) {
  for (const SpoolPiece& piece : chunk.pieces) {
    place_piece(to, piece, to.used);
    to.used += piece.size;
  }
  for (const uint64_t number : chunk.ended) {
    const auto entry = entries_.find(number);
    if (entry == entries_.end()) continue;
    Source* source = entry->second.source;
    entries_.erase(entry);
    hooks_.end(*source);
  }
}

// What was delivered before is left out, and so is the rest of a record whose begin was dropped or
// damaged.
void Intake::place_piece(nek_chunk& to, SpoolPiece piece, uint32_t begin) {
  const auto at = entries_.find(piece.source);
  if (at == entries_.end() || to.segment_count == to.segment_capacity) return;
  Entry& entry = at->second;
  Source& source = *entry.source;
  const auto add = [&] {
    to.segments[to.segment_count++] = {&source, piece.position, begin, piece.size};
  };
  if (source.flags & NEK_MESSAGES) {
    if (piece.position < entry.position) return;
    entry.position = piece.position + 1;
    add();
    return;
  }
  const auto leave_out = [&](uint64_t bytes) {
    piece.position += bytes;
    begin += static_cast<uint32_t>(bytes);
    piece.size -= static_cast<uint32_t>(bytes);
  };
  if (piece.position < entry.position)
    leave_out(std::min<uint64_t>(entry.position - piece.position, piece.size));
  if (piece.size == 0) return;
  if (piece.position > entry.position) {
    entry.cut = true;
    hooks_.lost(source, spool_->take_dropped_lines(piece.source));
  }
  entry.position = piece.position + piece.size;
  if (entry.cut) {
    const auto* from = to.data + begin;
    const auto* newline = static_cast<const uint8_t*>(std::memchr(from, '\n', piece.size));
    const uint64_t rest = newline ? static_cast<uint64_t>(newline - from) + 1 : piece.size;
    spool_->count_dropped(newline ? 1 : 0, rest);
    leave_out(rest);
    if (!newline) return;
    entry.cut = false;
    hooks_.lost(source, 1);
    if (piece.size == 0) return;
  }
  add();
}

}  // namespace nek
