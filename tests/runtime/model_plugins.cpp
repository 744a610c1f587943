// SPDX-License-Identifier: Apache-2.0
#include "model_plugins.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <thread>

#include "about.h"
#include "nek/plugin.hpp"

namespace nek::test {
namespace {

World* the_world = nullptr;

void rest(uint64_t slow) {
  if (slow) std::this_thread::sleep_for(std::chrono::microseconds(the_world->roll(slow)));
}

// ---- Input and decoder --------------------------------------------------------------------------

constexpr uint32_t kLine = 8;
constexpr uint32_t kUnfinished = 3;  // bytes of a line that never ends, behind the last one

struct NumbersConfig {
  uint64_t count = 0, number = 0;
  bool messages = false, once = false;
};
constexpr auto kNumbersOptions = options<NumbersConfig>(
    option<&NumbersConfig::count>("count", "How many numbers."),
    option<&NumbersConfig::number>("number", "Which feeds.", {.fallback = "0"}),
    option<&NumbersConfig::messages>("messages", "A message each.", {.fallback = "false"}),
    option<&NumbersConfig::once>("once", "Feeds that can be read once.", {.fallback = "false"}));

// Two sources that take turns: even and odd pieces of the numbers, each a stream of its own.
class Numbers {
 public:
  Numbers(Host host, NumbersConfig config) : host_(host), config_(config) {}
  Status start(const Start&) { return {}; }
  Status read(nek::Chunk& chunk, std::chrono::milliseconds) {
    if (!opened_) open();
    if (chunk.memory_full()) return {};
    const Status status = read_parts(chunk);
    if (config_.once) note_feeds();
    return status;
  }

 private:
  Status read_parts(nek::Chunk& chunk) {
    if (!parts_[0].done && the_world->roll(20) == 0) return fail_once(chunk);
    for (Part& part : parts_) {
      if (part.done) continue;
      rest(50);
      if (config_.messages)
        read_messages(chunk, part);
      else
        read_bytes(chunk, part);
      if (part.next == part.end) {
        host_.end_source(part.source);
        part.done = true;
      }
      if (the_world->roll(2)) break;
    }
    const bool done =
        std::all_of(parts_.begin(), parts_.end(), [](const Part& p) { return p.done; });
    return done ? end() : Status();
  }

  struct Part {
    nek_source* source = nullptr;
    uint64_t first = 0;          // number at position 0
    uint64_t next = 0, end = 0;  // bytes, or messages
    uint64_t begin = 0;          // of position 0
    bool done = false;
  };
  void open() {
    opened_ = true;
    const uint64_t unit = config_.messages ? 1 : kLine;
    for (uint32_t i = 0; i < 2; i++) {
      Part& part = parts_[i];
      part.first = i * (config_.count / 2);
      part.end = (i ? config_.count - config_.count / 2 : config_.count / 2) * unit;
      if (!config_.messages && !config_.once) part.end += kUnfinished;
      if (config_.once) {
        open_feed(part, i);
        continue;
      }
      const std::string identity = "part " + std::to_string(i);
      nek_source_open request{};
      request.identity = to_text(identity);
      request.flags = config_.messages ? static_cast<uint32_t>(NEK_MESSAGES) : 0;
      part.source = host_.open_source(request);
      if (part.source->resume != NEK_NO_POSITION) part.next = part.source->resume;
      if (part.source->ended) part.next = part.end;
    }
  }
  // A session of its own, which begins where the writer is.
  void open_feed(Part& part, uint32_t number) {
    std::string identity;
    {
      const std::lock_guard lock(the_world->mutex);
      World::Feed& feed = the_world->feeds[{config_.number, number}];
      identity =
          "feed " + std::to_string(number) + " session " + std::to_string(the_world->sessions++);
      feed.identity = identity;
      part.begin = part.next = feed.begin = feed.safe = feed.next;
    }
    nek_source_open request{};
    request.identity = to_text(identity);
    request.flags = NEK_ONCE | (config_.messages ? static_cast<uint32_t>(NEK_MESSAGES) : 0);
    part.source = host_.open_source(request);
  }
  void note_feeds() const {
    const std::lock_guard lock(the_world->mutex);
    for (uint32_t i = 0; i < 2; i++) {
      World::Feed& feed = the_world->feeds[{config_.number, i}];
      feed.safe = feed.next;
      feed.next = parts_[i].next;
    }
  }
  // Bytes that were read before the fault came do not count.
  Status fail_once(nek::Chunk& chunk) const {
    const auto room = chunk.room();
    if (room.size() > kLine) {
      std::fill_n(room.begin(), kLine, uint8_t{'9'});
      chunk.took(parts_[0].source, parts_[0].next - parts_[0].begin, kLine);
    }
    return retry("the input is tired");
  }
  static std::array<char, kLine + 1> line(uint64_t value) {
    std::array<char, kLine + 1> text{};
    std::snprintf(text.data(), text.size(), "%07llu\n", static_cast<unsigned long long>(value));
    return text;
  }
  void read_bytes(nek::Chunk& chunk, Part& part) const {
    const auto room = chunk.room();
    const uint64_t want =
        std::min<uint64_t>({room.size(), part.end - part.next, 1 + the_world->roll(700)});
    for (uint64_t i = 0; i < want; i++) {
      const uint64_t at = part.next + i;
      room[i] = static_cast<uint8_t>(line(part.first + at / kLine)[at % kLine]);
    }
    if (want) chunk.took(part.source, part.next - part.begin, static_cast<uint32_t>(want));
    part.next += want;
  }
  void read_messages(nek::Chunk& chunk, Part& part) const {
    for (uint32_t n = 1 + the_world->roll(40); n > 0 && part.next < part.end; n--) {
      nek_chunk& c = *chunk.c();
      if (c.capacity - c.used < kLine || c.segment_count == c.segment_capacity) return;
      std::memcpy(c.data + c.used, line(part.first + part.next).data(), kLine);
      c.segments[c.segment_count++] = {part.source, part.next++ - part.begin, c.used, kLine};
      c.used += kLine;
    }
  }

  Host host_;
  NumbersConfig config_;
  std::array<Part, 2> parts_;
  bool opened_ = false;
};

class NumbersDecoder {
 public:
  explicit NumbersDecoder(Host host) : host_(host) {}
  Status setup(Shape& shape) {
    shape.derived("out", {{"v", NEK_UINT64}, {"t", NEK_TIME, NEK_EVENT_TIME}});
    const nek_field fields[] = {{"v", NEK_UINT64, 0}, {"t", NEK_TIME, NEK_EVENT_TIME}};
    schema_ = host_.schema(fields);
    return {};
  }
  size_t frame(std::string_view bytes, bool) const { return bytes.size() / kLine * kLine; }
  Status decode(nek::Call& call, const nek_chunk& chunk) const {
    rest(30);
    const uint32_t most = chunk.used / kLine;
    nek_column& column = call.column(NEK_UINT64, {.rows = most});
    nek_column& time_column = call.column(NEK_TIME, {.rows = most});
    Uint64Writer values(column);
    TimeWriter times(time_column);
    const auto raw = call.memory<nek_span>(most);
    uint32_t rows = 0;
    for (uint32_t s = 0; s < chunk.segment_count; s++) {
      const nek_segment& segment = chunk.segments[s];
      if (segment.size % kLine) {
        call.refuse(nek_span{segment.begin, segment.size}, "unfinished", "not a whole line");
        continue;
      }
      for (uint32_t at = segment.begin; at < segment.begin + segment.size; at += kLine) {
        uint64_t value = 0;
        std::from_chars(reinterpret_cast<const char*>(chunk.data) + at,
                        reinterpret_cast<const char*>(chunk.data) + at + kLine - 1, value);
        if (!the_world->mended && is_bad_line(value)) {
          call.refuse(nek_span{at, kLine}, "bad", "a number of bad luck");
          continue;
        }
        raw[rows] = {at, kLine};
        times.set(rows, static_cast<int64_t>(value));
        values.set(rows++, value);
      }
    }
    values.set_rows(rows);
    times.set_rows(rows);
    const nek_column* columns[] = {&column, &time_column};
    call.decoded(schema_, rows, columns, raw);
    return {};
  }

 private:
  Host host_;
  const nek_schema* schema_ = nullptr;
};

// ---- Filters ------------------------------------------------------------------------------------

class Pass {
 public:
  explicit Pass(Host) {}
  Status setup(Shape& shape) {
    shape.read("v", {NEK_UINT64});
    shape.pass();
    return {};
  }
  Status process(nek::Call& call) const {
    rest(30);
    call.emit(0);
    return {};
  }
};

class Split {
 public:
  explicit Split(Host) {}
  Status setup(Shape& shape) {
    v_ = shape.read("v", {NEK_UINT64});
    shape.subset("a");
    shape.subset("b");
    shape.pass("all");
    return {};
  }
  Status process(nek::Call& call) const {
    const Uint64View v(call.read(v_));
    auto a = call.bitmap();
    auto b = call.bitmap();
    for (uint32_t row = 0; row < call.rows(); row++) set_bit(is_third(v[row]) ? a : b, row);
    call.emit_rows(0, a);
    call.emit_rows(1, b);
    call.emit(2);
    return {};
  }

 private:
  uint32_t v_ = 0;
};

class Refuse {
 public:
  explicit Refuse(Host) {}
  Status setup(Shape& shape) {
    v_ = shape.read("v", {NEK_UINT64});
    shape.pass();
    return {};
  }
  Status process(nek::Call& call) const {
    const Uint64View v(call.read(v_));
    for (uint32_t row = 0; row < call.rows(); row++)
      if (!the_world->mended && is_refused(v[row])) call.refuse(row, "refused", "by its rule");
    call.emit(0);
    return {};
  }

 private:
  uint32_t v_ = 0;
};

// Counts records; what it makes depends on how many came, never on how they were cut into chunks.
class Count {
 public:
  static constexpr uint32_t kControls = NEK_SNAPSHOT | NEK_FINISH;
  explicit Count(Host host) : host_(host) {}
  Status setup(Shape& shape) {
    shape.read("v", {NEK_UINT64});
    shape.pass("out");
    shape.derived("counts", {{"v", NEK_UINT64}});
    return {};
  }
  Status start(const Start& start) {
    if (!start.restored().empty()) std::memcpy(&count_, start.restored().data(), sizeof count_);
    return {};
  }
  Status process(nek::Call& call) const {
    rest(30);
    call.emit(0);
    return {};
  }
  Status commit(nek::Call& call) {
    std::vector<uint64_t> made;
    for (uint32_t row = 0; row < call.rows(); row++)
      if (++count_ % kEvery == 0) made.push_back(kCounted + count_);
    derive(call, made);
    return {};
  }
  Status control(nek::Call& call, const nek_control& control) {
    if (control.kind == NEK_FINISH && !control.drain) derive(call, {kTotal + count_});
    if (control.kind != NEK_SNAPSHOT) return {};
    host_.write_state(control.snapshot, {reinterpret_cast<const char*>(&count_), sizeof count_});
    host_.finish_state(control.snapshot);
    return {};
  }

 private:
  static void derive(nek::Call& call, const std::vector<uint64_t>& values) {
    if (values.empty()) return;
    nek_column& column = call.column(NEK_UINT64, {.rows = static_cast<uint32_t>(values.size())});
    Uint64Writer writer(column);
    std::vector<nek_id> ids(values.size());
    for (uint32_t i = 0; i < values.size(); i++) {
      writer.set(i, values[i]);
      std::memcpy(ids[i].bytes, &values[i], sizeof values[i]);
    }
    const nek_column* columns[] = {&column};
    call.derive(1, static_cast<uint32_t>(values.size()), columns, ids.data());
  }

  Host host_;
  uint64_t count_ = 0;
};

class Watch {
 public:
  static constexpr uint32_t kControls = NEK_WATERMARK;
  explicit Watch(Host) {}
  Status setup(Shape& shape) {
    shape.read("v", {NEK_UINT64});
    shape.pass();
    return {};
  }
  Status process(nek::Call& call) const {
    call.emit(0);
    return {};
  }
  Status control(nek::Call&, const nek_control& control) {
    const std::lock_guard lock(the_world->mutex);
    the_world->watermarks.push_back(control.time_ms);
    return {};
  }
};

// ---- Encoder and outputs ------------------------------------------------------------------------

// A record: id, then value; 24 bytes.
constexpr size_t kRecord = 24;

class Text {
 public:
  explicit Text(Host) {}
  Status setup(Shape& shape) {
    v_ = shape.read("v", {NEK_UINT64});
    return {};
  }
  Status encode(nek::Call& call, Encoded& out) const {
    const Uint64View v(call.read(v_));
    const nek_id* ids = call.ids();
    for (uint32_t row = 0; row < call.rows(); row++) {
      const uint64_t value = v[row];
      out.append({reinterpret_cast<const char*>(ids[row].bytes), sizeof(nek_id)});
      out.append({reinterpret_cast<const char*>(&value), sizeof value});
      out.end_row(row);
    }
    return {};
  }

 private:
  uint32_t v_ = 0;
};

uint64_t value_of(const uint8_t* record) {
  uint64_t value = 0;
  std::memcpy(&value, record + sizeof(nek_id), sizeof value);
  return value;
}

struct TargetConfig {
  uint64_t number = 0, slow = 0;
  bool faults = false;
};
constexpr auto kTargetOptions = options<TargetConfig>(
    option<&TargetConfig::number>("number", "Which disk or server."),
    option<&TargetConfig::slow>("slow", "Microseconds.", {.fallback = "0"}),
    option<&TargetConfig::faults>("faults", "Whether it fails at times.", {.fallback = "false"}));

class Disk {
 public:
  static constexpr uint32_t kControls = NEK_SNAPSHOT;
  Disk(Host host, TargetConfig config) : host_(host), config_(config) {}
  Status start(const Start& start) {
    uint64_t length = 0;
    if (!start.restored().empty()) std::memcpy(&length, start.restored().data(), sizeof length);
    const std::lock_guard lock(the_world->mutex);
    World::Disk& disk = the_world->disks[config_.number];
    if (disk.written.size() < length) return nek::fail("the disk lost what it had synced");
    disk.written.resize(length);
    disk.synced = length;
    return {};
  }
  Status write(std::span<const nek_encoded* const> blocks) {
    rest(config_.slow);
    if (config_.faults && the_world->roll(4) == 0) return retry("the disk is tired");
    const std::lock_guard lock(the_world->mutex);
    for (const nek_encoded* block : blocks)
      for (size_t at = 0; at < block->used; at += kRecord)
        the_world->disks[config_.number].written.push_back(value_of(block->data + at));
    return {};
  }
  Status control(nek::Call&, const nek_control& control) {
    uint64_t length = 0;
    if (config_.faults && the_world->roll(8) == 0) {
      host_.finish_state(control.snapshot, NEK_RETRY);
      return {};
    }
    {
      const std::lock_guard lock(the_world->mutex);
      World::Disk& disk = the_world->disks[config_.number];
      length = disk.synced = disk.written.size();
    }
    host_.write_state(control.snapshot, {reinterpret_cast<const char*>(&length), sizeof length});
    host_.finish_state(control.snapshot);
    return {};
  }

 private:
  Host host_;
  TargetConfig config_;
};

// Answers requests on a thread of its own, in any order, with whatever a server can say.
class Server {
 public:
  Server(Host host, TargetConfig config) : host_(host), config_(config) {}
  Status setup(Shape& shape) {
    shape.max_in_flight(3);
    return {};
  }
  Status start(const Start&) {
    thread_ = std::thread([this] { run(); });
    return {};
  }
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    more_.notify_one();
    thread_.join();
    for (const Request& request : queue_) host_.complete(request.token, {.verdict = NEK_AGAIN});
  }
  void send(nek_token* token, std::span<const nek_record> records) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back({token, records});
    }
    more_.notify_one();
  }

 private:
  struct Request {
    nek_token* token;
    std::span<const nek_record> records;
  };
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      more_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      const size_t at = the_world->roll(static_cast<uint32_t>(queue_.size()));
      const Request request = queue_[at];
      queue_.erase(queue_.begin() + static_cast<ptrdiff_t>(at));
      lock.unlock();
      rest(config_.slow);
      answer(request);
      lock.lock();
    }
  }
  void answer(const Request& request) {
    Outcome outcome;
    outcome.reason = "a test's answer";
    const uint32_t mood = config_.faults ? the_world->roll(10) : 9;
    if (mood == 0) outcome.verdict = NEK_AGAIN;
    if (mood == 1) outcome.verdict = NEK_PAUSE, outcome.after_ms = 1;
    if (mood == 2 && request.records.size() > 50) outcome.verdict = NEK_SPLIT;
    if (outcome.verdict == NEK_DELIVERED)
      for (const nek_record& record : request.records)
        outcome.records.push_back({store(record), "why"});
    host_.complete(request.token, outcome);
  }
  uint32_t store(const nek_record& record) const {
    if (config_.faults && the_world->roll(5) == 0) return NEK_AGAIN;
    const uint64_t value = value_of(record.data);
    if (!the_world->mended && is_rejected(value)) return NEK_REJECT;
    const std::string id(reinterpret_cast<const char*>(record.data), sizeof(nek_id));
    const std::lock_guard lock(the_world->mutex);
    World::Server& server = the_world->servers[config_.number];
    if (!server.ids.insert(id).second) return NEK_DUPLICATE;
    server.values.insert(value);
    return NEK_DELIVERED;
  }

  Host host_;
  TargetConfig config_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Request> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

constexpr nek_plugin kNumbers = input<Numbers, kNumbersOptions>(about("numbers", "numbers"));
constexpr nek_plugin kNumbersDecoder = decoder<NumbersDecoder>(about("numbers"));
constexpr nek_plugin kPass = filter<Pass>(about("pass"));
constexpr nek_plugin kSplit = filter<Split>(about("split"));
constexpr nek_plugin kRefuse = filter<Refuse>(about("refuse"));
constexpr nek_plugin kCount = filter<Count>(about("count"));
constexpr nek_plugin kWatch = filter<Watch>(about("watch"));
constexpr nek_plugin kText = encoder<Text>(about("text"));
constexpr nek_plugin kDisk = output<Disk, kTargetOptions>(about("disk", "text"));
constexpr nek_plugin kServer = output<Server, kTargetOptions>(about("server", "text"));

}  // namespace

uint32_t World::roll(uint32_t below) {
  const std::lock_guard lock(mutex);
  return below ? static_cast<uint32_t>(random() % below) : 0;
}

void World::crash() {
  const std::lock_guard lock(mutex);
  for (auto& [number, disk] : disks) {
    const size_t lost = disk.written.size() - disk.synced;
    if (lost) disk.written.resize(disk.synced + random() % lost);
  }
}

void set_world(World* world) { the_world = world; }

const nek_plugin* numbers_input() { return &kNumbers; }
const nek_plugin* numbers_decoder() { return &kNumbersDecoder; }
const nek_plugin* pass_filter() { return &kPass; }
const nek_plugin* split_filter() { return &kSplit; }
const nek_plugin* refuse_filter() { return &kRefuse; }
const nek_plugin* count_filter() { return &kCount; }
const nek_plugin* watch_filter() { return &kWatch; }
const nek_plugin* text_encoder() { return &kText; }
const nek_plugin* disk_output() { return &kDisk; }
const nek_plugin* server_output() { return &kServer; }

}  // namespace nek::test
