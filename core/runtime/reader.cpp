// SPDX-License-Identifier: Apache-2.0
#include "runtime/reader.h"

#include <algorithm>

#include "nek/text.hpp"
#include "runtime/letter.h"
#include "util/log.h"
#include "util/thread.h"

namespace nek {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kPatience{50};      // for memory, before the input may serve its connection
constexpr milliseconds kShortPatience{5};  // while its spool is not empty

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
      framer_(component, settings, budget, hooks_.failed),
      read_(kMaxSegments),
      read_ids_(kMaxSegments),
      sources_(component.plugin->id) {
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
                    [this](Source& source, uint64_t lines) { framer_.lose(source, lines); },
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
  for (Source* source : sources_.all()) {
    framer_.forget(*source);
    released(*source);
  }
}

void Reader::restore(const SourceState& source) { sources_.restore(source); }

void Reader::start() {
  thread_ = start_thread("in " + component_.plugin->id, [this] { run(); });
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
  // Not those that have ended while segments still hold them: they would be delivered again.
  sources_.forget_gone([this](const std::string& key) { return intake_->holds(key); });
}

nek_status Reader::read_chunk() {
  HostChunk& chunk = *task_->chunk;
  chunk.reset();
  const size_t begin = framer_.begin(*task_);
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
  if (overfilled(to)) {
    hooks_.failed(component_.plugin->id + ": " + kOverfilled);
    return NEK_END;
  }
  // Without a segment it is what a spool still held and was delivered before: nothing new was read.
  if (to.segment_count > 0) bytes_.fetch_add(to.used, std::memory_order_relaxed);
  need_ = to.need;
  if (status == NEK_END)  // all that is still open ends with the input
    for (Source* source : sources_.going_on()) end_now(*source);
  if (status == NEK_OK && to.segment_count == 0 && ended_.empty()) return NEK_OK;
  framer_.frame(to, begin, ended_);
  std::fill_n(read_ids_.begin(), to.segment_count, nek_id{});
  task_->last = status == NEK_END;
  if (task_->last || !chunk.segments.empty() || !ended_.empty() || !task_->dead_letters.empty())
    submit();
  return status;
}

void Reader::submit() {
  HostChunk& chunk = *task_->chunk;
  chunk.c.segments = chunk.segments.data();
  chunk.c.segment_count = chunk.c.segment_capacity = static_cast<uint32_t>(chunk.segments.size());
  chunk.c.capacity = chunk.c.used;
  executor_.submit(std::move(task_), [&](Task&) {
    const int64_t now_ms = ended_.empty() ? 0 : component_.plugin->env.now_ms();
    sources_.note(framer_.take_touched(), ended_, now_ms);
  });
  for (Source* source : std::exchange(ended_, {})) close(*source);
}

void Reader::close(Source& source) {
  if (std::exchange(source.closed, true)) return;
  framer_.forget(source);
  closing_.push_back(&source);
  sources_.close(source);
}

// Not at once: the chunk that is being filled may still name them.
void Reader::let_go() {
  for (Source* source : std::exchange(closing_, {}))
    if (source->holds.fetch_sub(1, std::memory_order_acq_rel) == 1) released(*source);
}

void Reader::released(Source& source) {
  component_.codec->close_source(source);
  sources_.release(source);
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
  if (!sources_.open(std::move(owned)))
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
  framer_.touch(source);
}

void Reader::known(const std::function<void(const nek_known_source&)>& each) const {
  sources_.each(each);
}

void Reader::end_now(Source& source) {
  source.end_reached = true;
  ended_.push_back(&source);
}

void Reader::revoke(Source* const* sources, uint32_t count, uint32_t wait_ms, uint64_t* committed) {
  if (wait_ms) hooks_.snapshot_now(milliseconds(wait_ms));
  for (uint32_t i = 0; i < count; i++) {
    Source& source = *sources[i];
    committed[i] = wait_ms ? sources_.committed(source.key) : NEK_NO_POSITION;
    intake_->forget(source);
    std::erase(ended_, &source);
    close(source);
    sources_.forget(source.key);
  }
}

void Reader::committed(const std::vector<SourceState>& sources) {
  sources_.committed(sources);
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
  sources_.keep_same(told);
  if (told.empty()) return;
  for (const auto& [key, state] : told) intake_->committed(key, state.at.position, state.at.ended);
  for (const std::string& key : intake_->release(last)) sources_.forget(key);
  const nek_input& input = *component_.plugin->plugin.input;
  if (!NEK_HAS(&input, committed) || !input.committed) return;
  const Instance& plugin = *component_.plugin;
  for (const auto& [source, position] : sources_.open_of(told))
    plugin.tell("committed", [&, source = source, position = position] {
      input.committed(plugin.self, source, position);
    });
}

void Reader::count_records(const std::string& key, uint64_t records) {
  sources_.count_records(key, records);
}

}  // namespace nek
