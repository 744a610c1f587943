// SPDX-License-Identifier: Apache-2.0
#include "runtime/snapshot.h"

#include <filesystem>

#include "util/bytes.h"
#include "util/hash.h"

namespace nek {
namespace {

// These numbers are on disk: never change one.
constexpr std::string_view kMagic = "NEKSTATE";
constexpr uint32_t kVersion = 5, kOldestVersion = 1;
enum FrameKind : uint32_t {
  kComponents = 1,
  kPiece = 2,
  kSources = 3,
  kPipeline = 4,
  kLedger = 5,
  kEnd = 6,
  kClock = 7,
  kDeadLetters = 8
};

enum SourceFlag : uint8_t { kEnded = 1, kInLongLine = 2, kOnce = 4 };

// Of the header's numbers and the payload, so that no bit of a frame can change unseen.
uint64_t frame_checksum(uint32_t kind, uint32_t component, std::string_view payload) {
  ByteWriter all;
  all.number(kind);
  all.number(component);
  all.number(static_cast<uint64_t>(payload.size()));
  all.number(hash64(payload));
  return hash64(all.bytes());
}

std::string frame_header(uint32_t kind, uint32_t component, std::string_view payload) {
  ByteWriter header;
  header.number(kind);
  header.number(component);
  header.number(static_cast<uint64_t>(payload.size()));
  header.number(frame_checksum(kind, component, payload));
  return header.bytes();
}

std::string sources_payload(const std::vector<SourceState>& sources) {
  ByteWriter to;
  to.number(static_cast<uint32_t>(sources.size()));
  for (const SourceState& source : sources) {
    to.text(source.input);
    to.text(source.key);
    to.text(source.identity);
    to.number(source.at.position);
    to.number(source.at.lines);
    to.number(source.at.records);
    to.number(static_cast<uint8_t>((source.at.ended ? kEnded : 0) |
                                   (source.at.in_long_line ? kInLongLine : 0) |
                                   (source.once ? kOnce : 0)));
    to.number(source.at.ended_ms);
    to.text(source.at.mark);
  }
  return to.bytes();
}

bool read_sources(ByteReader& from, uint32_t version, std::vector<SourceState>& sources) {
  const auto count = from.number<uint32_t>();
  for (uint32_t i = 0; i < count && from.ok(); i++) {
    SourceState source;
    source.input = from.text();
    source.key = from.text();
    source.identity = from.text();
    source.at.position = from.number<uint64_t>();
    source.at.lines = from.number<uint64_t>();
    source.at.records = from.number<uint64_t>();
    const auto flags = from.number<uint8_t>();
    if (flags > (version < 3 ? kEnded | kInLongLine : kEnded | kInLongLine | kOnce)) return false;
    source.at.ended = flags & kEnded;
    source.at.in_long_line = flags & kInLongLine;
    source.once = flags & kOnce;
    if (version >= 2) source.at.ended_ms = from.number<int64_t>();
    if (version >= 5) source.at.mark = from.text();
    sources.push_back(std::move(source));
  }
  return from.ok() && from.at_end();  // else it is of another version
}

std::string dead_letters_payload(const DeadLetterState& letters) {
  ByteWriter to;
  to.number(letters.dropped);
  to.number(static_cast<uint32_t>(letters.segments.size()));
  for (const DeadLetterSegment& segment : letters.segments)
    for (const uint64_t number : {segment.number, segment.begin, segment.end, segment.letters})
      to.number(number);
  return to.bytes();
}

// False: it does not hold together, as by one file at least, in the order of their numbers.
bool read_dead_letters(ByteReader& from, DeadLetterState& letters) {
  letters.dropped = from.number<uint64_t>();
  const auto count = from.number<uint32_t>();
  letters.segments.clear();
  uint64_t last = 0;
  for (uint32_t i = 0; i < count && from.ok(); i++) {
    DeadLetterSegment segment;
    for (uint64_t* number : {&segment.number, &segment.begin, &segment.end, &segment.letters})
      *number = from.number<uint64_t>();
    if (segment.number <= last || segment.begin > segment.end) return false;
    last = segment.number;
    letters.segments.push_back(segment);
  }
  return from.ok() && !letters.segments.empty();
}

class StateReader {
 public:
  explicit StateReader(std::string_view bytes) : from_(bytes) {}

  // What is wrong with the file, empty when nothing is.
  std::string read(State& state) {
    if (from_.take(kMagic.size()) != kMagic) return "it is not a state file of nek";
    version_ = from_.number<uint32_t>();
    if (version_ < kOldestVersion || version_ > kVersion)
      return "it is of version " + std::to_string(version_) + ", this nek reads versions " +
             std::to_string(kOldestVersion) + " to " + std::to_string(kVersion) +
             ": use the nek that wrote it";
    if (from_.number<uint32_t>() != 0) return "it is damaged: its head cannot be read";
    while (from_.ok()) {
      const auto kind = from_.number<uint32_t>();
      const auto component = from_.number<uint32_t>();
      const auto size = from_.number<uint64_t>();
      const auto checksum = from_.number<uint64_t>();
      const std::string_view payload = from_.take(size);
      if (!from_.ok()) break;
      if (frame_checksum(kind, component, payload) != checksum)
        return "it is damaged: a checksum does not match";
      if (kind == kEnd) return {};
      if (!frame(state, kind, component, payload)) return "it is damaged: a part cannot be read";
    }
    return "it is cut off";
  }

 private:
  bool frame(State& state, uint32_t kind, uint32_t component, std::string_view payload) {
    ByteReader from(payload);
    switch (kind) {
      case kComponents:
        while (from.ok() && !from.at_end()) state.ids.emplace_back(from.text());
        return from.ok();
      case kPiece:
        if (component >= state.ids.size()) return false;
        state.components[state.ids[component]].append(payload);
        return true;
      case kSources: return read_sources(from, version_, state.sources);
      case kPipeline:
        if (version_ < 4)
          state.dead_letters.segments = {{1, 0, from.number<uint64_t>(), kUnknownLetters}};
        state.finished = from.number<uint8_t>() != 0;
        return from.ok();
      case kLedger: state.ledger = payload; return true;
      case kClock: state.clock = payload; return true;
      case kDeadLetters: return read_dead_letters(from, state.dead_letters);
      default: return false;
    }
  }

  ByteReader from_;
  uint32_t version_ = 0;
};

}  // namespace

void snapshot_write(nek_snapshot* part, std::string_view piece) {
  part->whole->write(part->component, piece);
}
void snapshot_done(nek_snapshot* part, nek_status status) { part->whole->done(*part, status); }

Snapshot::Snapshot(Env& env, std::string path, uint64_t epoch, std::vector<std::string> ids,
                   uint32_t answers, std::function<void()> finished)
    : env_(env),
      path_(std::move(path)),
      part_path_(path_ + ".part"),
      epoch_(epoch),
      ids_(std::move(ids)),
      parts_(ids_.size()),
      finished_(std::move(finished)),
      missing_(answers) {
  ByteWriter components;
  for (uint32_t i = 0; i < ids_.size(); i++) {
    parts_[i] = {this, i, false};
    components.text(ids_[i]);
  }
  auto file = env_.open(part_path_);
  if (!file.ok()) {
    status_ = file.status();
    return;
  }
  file_ = std::move(*file);
  ByteWriter head;
  head.number(kVersion);
  head.number(uint32_t{0});
  status_ = file_->truncate(0);
  if (status_.ok()) status_ = file_->append(std::string(kMagic) + head.bytes());
  if (status_.ok()) status_ = append_frame(kComponents, 0, components.bytes());
}

Status Snapshot::append_frame(uint32_t kind, uint32_t component, std::string_view payload) {
  Status status = file_->append(frame_header(kind, component, payload));
  return status.ok() ? file_->append(payload) : status;
}

void Snapshot::write(uint32_t component, std::string_view piece) {
  const std::lock_guard lock(mutex_);
  if (status_.ok()) status_ = append_frame(kPiece, component, piece);
}

void Snapshot::done(nek_snapshot& part, nek_status status) {
  {
    const std::lock_guard lock(mutex_);
    if (part.done) return;
    part.done = true;
    if (status != NEK_OK && status_.ok())
      status_ = fail(ids_[part.component] + " could not make its state durable");
    if (--missing_ > 0) return;
  }
  finished_();
}

Status Snapshot::outcome() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

Status Snapshot::publish(const State& rest) {
  const std::lock_guard lock(mutex_);
  ByteWriter pipeline;
  pipeline.number(static_cast<uint8_t>(rest.finished));
  Status status = append_frame(kSources, 0, sources_payload(rest.sources));
  if (status.ok()) status = append_frame(kPipeline, 0, pipeline.bytes());
  if (status.ok()) status = append_frame(kLedger, 0, rest.ledger);
  if (status.ok()) status = append_frame(kDeadLetters, 0, dead_letters_payload(rest.dead_letters));
  if (status.ok() && !rest.clock.empty()) status = append_frame(kClock, 0, rest.clock);
  if (status.ok()) status = append_frame(kEnd, 0, {});
  if (status.ok()) status = file_->sync();
  return status.ok() ? env_.rename(part_path_, path_) : status;
}

Status Snapshot::keep() {
  return env_.sync_dir(std::filesystem::path(path_).parent_path().string());
}

Result<State> read_state(Env& env, const std::string& path) {
  State state;
  if (!env.exists(path)) return state;
  auto bytes = env.read(path);
  if (!bytes.ok()) return bytes.status();
  const std::string fault = StateReader(*bytes).read(state);
  if (!fault.empty())
    return fail("cannot restore from " + path + ": " + fault +
                "; with --from-start nek sets it aside and reads all inputs again");
  return state;
}

}  // namespace nek
