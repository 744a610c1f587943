// SPDX-License-Identifier: Apache-2.0
#include "runtime/replay.h"

#include <algorithm>
#include <cstring>

#include "nek/text.hpp"
#include "runtime/rebuild.h"
#include "util/log.h"
#include "util/thread.h"

namespace nek {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{50};
constexpr size_t kLettersATask = 1000;
constexpr size_t kBytesATask = size_t{256} << 10;

}  // namespace

Replay::Replay(const Graph& graph, std::vector<Component>& components, Env& env, Budget& budget,
               Executor& executor, DeadLetters& letters, LetterSelection selection, Hooks hooks)
    : graph_(graph),
      components_(components),
      env_(env),
      budget_(budget),
      executor_(executor),
      letters_(letters),
      selection_(std::move(selection)),
      hooks_(std::move(hooks)) {
  for (uint32_t i = 0; i < components_.size(); i++) component_of_[components_[i].plugin->id] = i;
}

Replay::~Replay() {
  stop();
  join();
  if (task_) budget_.release(task_->admitted);
  for (auto& [name, source] : sources_) {
    if (source) components_[source->input].codec->close_source(*source);
  }
}

Status Replay::open() {
  auto segments = letters_.begin_replay();
  if (!segments.ok()) return segments.status();
  segments_ = std::move(*segments);
  end_number_ = segments_.empty() ? 0 : segments_.back().number + 1;
  for (const DeadLetterSegment& segment : segments_) {
    counts_.total += segment.letters;
    counts_.total_bytes += segment.end - segment.begin;
  }
  if (!segments_.empty()) head_ = segments_.front();
  return {};
}

void Replay::start() {
  thread_ = start_thread("replay", [this] { run(); });
}

void Replay::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
}

void Replay::join() {
  if (thread_.joinable()) thread_.join();
}

bool Replay::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

DeadLetterSegment Replay::head() const {
  const std::lock_guard lock(mutex_);
  return head_;
}

ReplayCounts Replay::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Replay::run() {
  bool goes_on = segments_.empty() || read_sources();
  for (const DeadLetterSegment& segment : segments_) goes_on = goes_on && replay_segment(segment);
  if (goes_on && !segments_.empty()) {
    read_ = {end_number_, 0, 0, 0};
    if (have_task()) submit();
  }
  hooks_.finished();
}

bool Replay::read_sources() {
  const std::string path = letters_.sources_path();
  if (!env_.exists(path)) return true;
  const auto text = env_.read(path);
  if (!text.ok()) {
    hooks_.failed(text.status().message());
    return false;
  }
  for (size_t begin = 0; begin < text->size();) {
    const size_t end = std::min(text->find('\n', begin), text->size());
    auto source = parse_letter_source(std::string_view(*text).substr(begin, end - begin));
    if (source) known_.emplace(source->name(), std::move(*source));
    begin = end + 1;
  }
  return true;
}

// False: it goes no further.
bool Replay::replay_segment(const DeadLetterSegment& segment) {
  const std::string path = letters_.aside_path(segment.number);
  const auto text = env_.read(path);
  if (!text.ok() || text->size() < segment.end) {
    hooks_.failed(text.ok() ? path + " is shorter than the last snapshot recorded: " +
                                  std::to_string(text->size()) + " of " +
                                  std::to_string(segment.end) + " bytes; put the file back"
                            : text.status().message());
    return false;
  }
  read_ = segment;
  while (read_.begin < segment.end) {
    if (!have_task()) return false;
    const size_t end = std::min<uint64_t>(text->find('\n', read_.begin), segment.end);
    const uint64_t begin = read_.begin;
    // What it does not fit in with goes first, up to the letter before.
    take(std::string_view(*text).substr(begin, end - begin));
    if (!task_) return false;
    read_.begin = std::min<uint64_t>(end + 1, segment.end);
    read_.letters -= read_.letters ? 1 : 0;
    bytes_ += end - begin;
    if (++in_task_ >= kLettersATask || bytes_ >= kBytesATask) submit();
  }
  return true;
}

std::unique_ptr<Task> Replay::new_task() {
  const uint64_t admission = kBytesATask * kExpansion;
  while (!stopping()) {
    if (!executor_.wait_for_workers(kPatience) || !budget_.admit(admission, kPatience)) continue;
    auto task = executor_.new_task();
    task->admitted = admission;
    task->replayed = std::make_unique<Replayed>();
    if (!task->chunk) task->chunk = std::make_unique<HostChunk>();
    task->chunk->reset();
    return task;
  }
  return nullptr;
}

void Replay::take(std::string_view line) {
  auto letter = parse_letter(line);
  const bool selected = letter ? selection_.takes(*letter)
                               : selection_.component.empty() && selection_.reason.empty();
  const std::string fault = !selected ? ""
                            : letter  ? place(*letter)
                                      : "its line cannot be read as a dead letter";
  if (selected && fault.empty()) {
    add(std::move(*letter));
    return;
  }
  task_->replayed->kept.emplace_back(line);
  (selected ? of_task_.impossible : of_task_.kept)++;
  if (!selected || std::exchange(warned_, true)) return;
  log_line(NEK_WARN, "",
           "a dead letter cannot be replayed and stays, perhaps the first of several: " + fault);
}

std::string Replay::place(const Letter& letter) {
  const auto entry = component_of_.find(letter.component);
  if (entry == component_of_.end())
    return "the pipeline has no component '" + letter.component + "'";
  const Kind kind = components_[entry->second].kind;
  // With one source there is one way, whatever it is called by now.
  if (!letter.stream.empty() && graph_.nodes[entry->second].sources.size() > 1 &&
      !source_of_entry(letter, entry->second))
    return "'" + letter.component + "' does not read '" + letter.stream + "', by which it came";
  switch (letter.payload) {
    case Letter::Payload::kNone:
      return "it holds neither raw nor encoded bytes, nor a record with its types";
    case Letter::Payload::kEncoded:
      return kind == Kind::kOutput ? "" : "'" + letter.component + "' is no output";
    case Letter::Payload::kRecord:
      if (kind == Kind::kInput) return "'" + letter.component + "' is an input";
      return is_whole(letter.record) ? "" : "its record has values of other types than it says";
    case Letter::Payload::kRaw: break;
  }
  const auto input = component_of_.find(letter.input);
  if (input == component_of_.end() || components_[input->second].kind != Kind::kInput)
    return "the pipeline has no input '" + letter.input + "'";
  const Route* route = route_of(letter, entry->second);
  if (route ? !route->above[input->second] : input != entry)
    return "'" + letter.component + "' does not read from '" + letter.input + "'";
  if (!is_whole(letter.message)) return "its message has values of other types than it says";
  return source_of(letter) ? "" : "the decoder of '" + letter.input + "' refuses its source";
}

const Route* Replay::route_of(const Letter& letter, uint32_t entry) {
  if (components_[entry].kind == Kind::kInput) return nullptr;
  const bool through = letter.payload == Letter::Payload::kRaw;
  const Way way{entry, through, source_of_entry(letter, entry)};
  const auto at = routes_.find(way);
  if (at != routes_.end()) return &at->second;
  Route route =
      through ? route_through(graph_, entry, way.source) : route_from(graph_, entry, way.source);
  return &routes_.emplace(way, std::move(route)).first->second;
}

// None: it reads no such stream.
std::optional<uint32_t> Replay::source_of_entry(const Letter& letter, uint32_t entry) const {
  const auto& names = graph_.nodes[entry].source_names;
  const auto at = std::find(names.begin(), names.end(), letter.stream);
  if (at == names.end()) return std::nullopt;
  return static_cast<uint32_t>(at - names.begin());
}

Source* Replay::source_of(const Letter& letter) {
  LetterSource wanted{letter.input, letter.source, letter.identity, false, {}};
  const Hash128 name = wanted.name();
  const auto at = sources_.find({name, letter.name});
  if (at != sources_.end()) return at->second.get();
  const auto known = known_.find(name);
  if (known != known_.end())
    wanted = known->second;
  else
    wanted.messages = letter.line == 0;
  auto source = std::make_unique<Source>();
  source->size = sizeof(nek_source);
  source->flags = wanted.messages ? NEK_MESSAGES : 0;
  source->resume = NEK_NO_POSITION;
  source->input = component_of_[letter.input];
  source->set_identity(letter.input, letter.source, letter.identity);
  source->set_name(letter.name);
  source->letters = std::make_shared<const LetterSource>(wanted);
  take_failure();
  if (components_[source->input].codec->open_source(*source, to_text(wanted.head)) != NEK_OK)
    source = nullptr;
  return sources_.emplace(std::pair(name, letter.name), std::move(source)).first->second.get();
}

void Replay::add(Letter letter) {
  Sort sort{
      letter.payload, letter.component, letter.stream, letter.input,
      letter.payload == Letter::Payload::kRecord ? letter.record.types : letter.message.types};
  if (!(sort == sort_) && sort_.payload != Letter::Payload::kNone) {
    submit();
    if (!have_task()) return;
  }
  sort_ = std::move(sort);
  const uint32_t entry = component_of_[letter.component];
  Replayed& replayed = *task_->replayed;
  replayed.route = route_of(letter, entry);
  replayed.entry = letter.component;
  replayed.stream = letter.stream;
  of_task_.replayed++;
  switch (letter.payload) {
    case Letter::Payload::kEncoded: replayed.encoded.push_back(std::move(letter.bytes)); return;
    case Letter::Payload::kRecord: replayed.records.push_back(std::move(letter)); return;
    default: add_raw(letter);
  }
}

// A segment for each, so that every record has its own position and line.
void Replay::add_raw(const Letter& letter) {
  Source& source = *source_of(letter);
  task_->input = source.input;
  HostChunk& chunk = *task_->chunk;
  const uint32_t begin = chunk.c.used;
  const auto size = static_cast<uint32_t>(letter.bytes.size());
  chunk.reserve(size_t{begin} + size);
  std::memcpy(chunk.data.get() + begin, letter.bytes.data(), size);
  chunk.c.used += size;
  chunk.segments.push_back({&source, letter.position, begin, size});
  chunk.lines.push_back(letter.line ? letter.line - 1 : 0);
  chunk.ids.push_back(letter.message_id);
  chunk.skipped.push_back(letter.offset);
  if (!letter.message.types.empty()) messages_.push_back(letter.message);
  if (chunk.begins_run(chunk.segments.size() - 1))
    source.holds.fetch_add(1, std::memory_order_relaxed);
}

bool Replay::have_task() {
  if (!task_) task_ = new_task();
  return task_ != nullptr;
}

void Replay::submit() {
  HostChunk& chunk = *task_->chunk;
  if (!messages_.empty()) {
    std::vector<const Letter::Columns*> rows;
    rows.reserve(messages_.size());
    for (const Letter::Columns& message : messages_) rows.push_back(&message);
    const RebuiltColumns rebuilt = rebuild_columns(*task_, chunk.columns, rows);
    chunk.c.schema = rebuilt.schema;
    chunk.c.columns = rebuilt.columns;
  }
  chunk.c.segments = chunk.segments.data();
  chunk.c.segment_count = chunk.c.segment_capacity = static_cast<uint32_t>(chunk.segments.size());
  chunk.c.capacity = chunk.c.used;
  executor_.submit(std::move(task_), [&](Task&) {
    const std::lock_guard lock(mutex_);
    head_ = read_;
    counts_.replayed += of_task_.replayed;
    counts_.kept += of_task_.kept;
    counts_.impossible += of_task_.impossible;
    counts_.done_bytes += bytes_;
  });
  of_task_ = {};
  messages_.clear();
  bytes_ = in_task_ = 0;
  sort_ = {};
}

}  // namespace nek
