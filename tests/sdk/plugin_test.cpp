// SPDX-License-Identifier: Apache-2.0
// Plugin classes through their C tables: what plugin.hpp makes of members, statuses and exceptions.
#include <catch2/catch.hpp>

#include <mutex>
#include <nek/plugin.hpp>
#include <nek/testing/run.hpp>
#include <thread>

namespace {

using nek::testing::Setup;

struct ThrowConfig {
  std::string where;
};
constexpr auto kThrowOptions = nek::options<ThrowConfig>(nek::option<&ThrowConfig::where>(
    "where", "Which member throws or fails.", {.fallback = "nowhere"}));

class Throws {
 public:
  Throws(nek::Host host, ThrowConfig config) : host_(host), config_(std::move(config)) {
    throw_in("create");
  }
  nek::Status setup(nek::Shape& shape) {
    if (config_.where == "setup_fails") return nek::fail_at(host_.at("where"), "no such place");
    shape.pass();
    return {};
  }
  nek::Status start(const nek::Start& /*start*/) {
    throw_in("start");
    return {};
  }
  nek::Status process(nek::Call& call) const {
    throw_in("process");
    if (config_.where == "refuse") return nek::refuse("not today");
    call.emit(0);
    return {};
  }

 private:
  void throw_in(const char* member) const {
    if (config_.where == member) throw std::runtime_error(std::string("thrown in ") + member);
  }
  nek::Host host_;
  ThrowConfig config_;
};

// Counts rows in commit, as a stateful filter does; derives an alert for every third row.
class Counts {
 public:
  explicit Counts(nek::Host host) : host_(host), rows_(host.counter("rows", "Rows seen.")) {}
  struct Lane {
    explicit Lane(const Counts& of) : prefix(of.prefix_) {}
    std::string prefix;
  };
  nek::Status setup(nek::Shape& shape) {
    name_ = shape.read("name", {NEK_TEXT, NEK_DICT_TEXT});
    flows_ = shape.pass("flows");
    alerts_ = shape.derived("alerts", {{"text", NEK_TEXT}, {"number", NEK_UINT64}});
    return {};
  }
  nek::Status start(const nek::Start& start) {
    if (!start.restored().empty()) count_ = *nek::parse_number<uint64_t>(start.restored());
    return {};
  }
  nek::Status process(nek::Call& call, Lane& lane) const {
    const nek::TextView name(call.read(name_));
    auto sizes = call.memory<uint64_t>(call.rows());
    for (uint32_t row = 0; row < call.rows(); row++) {
      if (!name.has(row)) call.refuse(row, "name", "has no name");
      sizes[row] = (lane.prefix + std::string(name[row])).size();
    }
    call.prepare(sizes.data());
    call.emit(flows_);
    return {};
  }
  nek::Status commit(nek::Call& call) {
    const auto* sizes = call.prepared<uint64_t>();
    for (uint32_t row = 0; row < call.rows(); row++) {
      if (++count_ % 3 == 0) alert(call, sizes[row]);
    }
    rows_.add(call.rows());
    return {};
  }
  static constexpr uint32_t kControls = NEK_SNAPSHOT | NEK_FINISH;
  static constexpr uint32_t kMinIntervalMs = 60'000;
  nek::Status control(nek::Call& call, const nek_control& control) {
    if (control.kind == NEK_FINISH) alert(call, 0);
    if (control.kind != NEK_SNAPSHOT) return {};
    host_.write_state(control.snapshot, std::to_string(count_));
    host_.finish_state(control.snapshot);
    return {};
  }

 private:
  void alert(nek::Call& call, uint64_t size) {
    nek::TextWriter text(call.column(NEK_TEXT, {.rows = 1}));
    nek::Uint64Writer number(call.column(NEK_UINT64, {.rows = 1}));
    text.set(0, size ? "third" : "finish");
    number.set(0, size);
    const nek_column* columns[] = {text.column(), number.column()};
    call.derive(alerts_, 1, columns);
  }
  nek::Host host_;
  nek::Metric rows_;
  std::string prefix_ = "row:";
  uint32_t name_ = 0, flows_ = 0, alerts_ = 0;
  uint64_t count_ = 0;
};

// Splits by a bit and leaves out what nobody wants.
class Splits {
 public:
  explicit Splits(nek::Host /*host*/) {}
  nek::Status setup(nek::Shape& shape) {
    even_ = shape.read("n", {NEK_UINT64});
    shape.subset("odd");
    shape.pass("all", {{"twice", NEK_UINT64}});
    return {};
  }
  nek::Status start(const nek::Start& start) {
    wanted_ = start.wants("twice");
    return {};
  }
  nek::Status process(nek::Call& call) const {
    const nek::Uint64View n(call.read(even_));
    auto keep = call.bitmap();
    for (uint32_t row = 0; row < call.rows(); row++) {
      if (n[row] % 2) nek::set_bit(keep, row);
    }
    call.emit_rows(0, keep);
    if (!wanted_) {
      call.emit(1, {nullptr});
      return {};
    }
    nek::Uint64Writer twice(call.column(NEK_UINT64));
    for (uint32_t row = 0; row < call.rows(); row++) twice.set(row, n[row] * 2);
    call.emit(1, {twice.column()});
    return {};
  }

 private:
  uint32_t even_ = 0;
  bool wanted_ = false;
};

// Lines; the source's head gives the column's name.
class Lines {
 public:
  explicit Lines(nek::Host host) : host_(host) {}
  struct Source {
    const nek_schema* schema = nullptr;
    size_t header = 0;
  };
  nek::Status setup(nek::Shape& shape) {
    shape.derived();
    return {};
  }
  nek::Status open(Source& source, std::string_view head) const {
    const size_t end = head.find('\n');
    if (end == std::string_view::npos) return nek::fail("no header");
    const std::string name(head.substr(0, end));
    const nek_field field = {name.c_str(), NEK_TEXT, 0};
    source.schema = host_.schema({&field, 1});
    source.header = end + 1;
    return {};
  }
  size_t frame(const Source& /*source*/, std::string_view bytes, bool at_end) const {
    return at_end ? bytes.size() : bytes.rfind('\n') + 1;
  }
  nek::Status decode(nek::Call& call, const nek_chunk& chunk) const {
    for (uint32_t s = 0; s < chunk.segment_count; s++) {
      const auto& segment = chunk.segments[s];
      const auto& source = nek::source_of<Source>(segment);
      lines(call, chunk, segment, source, segment.position == 0 ? source.header : 0);
    }
    return {};
  }

 private:
  static void lines(nek::Call& call, const nek_chunk& chunk, const nek_segment& segment,
                    const Source& source, size_t skip) {
    const std::string_view bytes = nek::bytes_of(chunk, segment);
    nek::TextWriter text(call.column(
        NEK_TEXT, {.rows = static_cast<uint32_t>(bytes.size()) + 1, .chunk_text = true}));
    auto raw = call.memory<nek_span>(bytes.size() + 1);
    uint32_t rows = 0;
    for (size_t at = skip; at < bytes.size();) {
      const size_t size = std::min(bytes.find('\n', at), bytes.size()) - at;
      const auto begin = segment.begin + static_cast<uint32_t>(at);
      if (bytes.substr(at, size) == "bad") {
        call.refuse({begin, static_cast<uint32_t>(size)}, "line", "is bad");
      } else {
        text.set_span(rows, begin, static_cast<uint32_t>(size));
        raw[rows++] = {begin, static_cast<uint32_t>(size)};
      }
      at += size + 1;
    }
    text.set_rows(rows);
    const nek_column* columns[] = {text.column()};
    call.decoded(source.schema, rows, columns, raw);
  }
  nek::Host host_;
};

// Key=value lines with a header.
class Pairs {
 public:
  explicit Pairs(nek::Host /*host*/) {}
  nek::Status setup(nek::Shape& shape) {
    key_ = shape.read_optional("k", {NEK_TEXT});
    return {};
  }
  std::string_view header() const { return "# pairs\n"; }
  nek::Status encode(nek::Call& call, nek::Encoded& out) const {
    const nek::TextView keys(call.read(key_));
    for (uint32_t row = 0; row < call.rows(); row++) {
      if (keys.has(row)) {
        out.append(out.before(row));
        const size_t size = keys[row].size() + 2;
        char* at = out.room(size);
        *at++ = '=';
        at = std::copy(keys[row].begin(), keys[row].end(), at);
        *at++ = '\n';
        out.wrote_to(at);
      }
      out.end_row(row);
    }
    return {};
  }

 private:
  uint32_t key_ = 0;
};

// Collects what is written; the first write of each is to be retried.
class Collects {
 public:
  explicit Collects(nek::Host host) : host_(host) {}
  nek::Status encode(nek::Call& call, nek::Encoded& out) const {
    const std::vector<nek_text> before(call.rows(), nek::to_text("> "));
    return call.encode(before, out);
  }
  nek::Status write(std::span<const nek_encoded* const> blocks) {
    if (!retried_) {
      retried_ = true;
      return nek::retry("disk is full");
    }
    for (const auto* block : blocks) {
      host_.log(NEK_INFO, {reinterpret_cast<const char*>(block->data), block->used});
    }
    return {};
  }

 private:
  nek::Host host_;
  bool retried_ = false;
};

// Answers while its caller waits; a record that holds "bad" is rejected.
class Delivers {
 public:
  explicit Delivers(nek::Host /*host*/) {}
  nek::Outcome deliver(std::span<const nek_record> records) {
    nek::Outcome outcome;
    for (const auto& r : records) {
      const std::string_view text(reinterpret_cast<const char*>(r.data), r.size);
      if (text.find("throw") != std::string_view::npos) throw std::runtime_error("lost the server");
      const bool bad = text.find("bad") != std::string_view::npos;
      outcome.records.push_back(bad ? nek::RecordVerdict{NEK_REJECT, "is bad"}
                                    : nek::RecordVerdict{});
    }
    return outcome;
  }
};

// Answers from another thread.
class Sends {
 public:
  explicit Sends(nek::Host host) : host_(host) {}
  nek::Status setup(nek::Shape& shape) {
    shape.max_in_flight(4);
    return {};
  }
  void send(nek_token* token, std::span<const nek_record> /*records*/) {
    if (thread_.joinable()) thread_.join();
    thread_ = std::thread([this, token] {
      host_.complete(token, {.verdict = NEK_PAUSE, .reason = "no such user", .after_ms = 5000});
    });
  }
  void stop() { thread_.join(); }

 private:
  nek::Host host_;
  std::thread thread_;
};

// Two sources: a stream in pieces, then a message.
class Reads {
 public:
  explicit Reads(nek::Host host) : host_(host) {}
  nek::Status start(const nek::Start& /*start*/) {
    stream_ = host_.open_source({0, nek::to_text("stream"), {}, nek::to_text("head"), 0, this, {}});
    messages_ = host_.open_source({0, nek::to_text("topic"), {}, {}, NEK_MESSAGES, this, {}});
    at_ = stream_->resume == NEK_NO_POSITION ? 0 : stream_->resume;
    return {};
  }
  nek::Status read(nek::Chunk& chunk, std::chrono::milliseconds /*wait*/) {
    if (chunk.memory_full()) return {};
    if (at_ > 100) return nek::end();
    CHECK(chunk.add(stream_, at_, "abc"));
    CHECK(chunk.add(stream_, at_ + 3, "def"));
    CHECK(chunk.add(messages_, 7, "m1"));
    CHECK(chunk.add(messages_, 9, "m2"));
    at_ += 100;
    return {};
  }
  void committed(nek_source& source, uint64_t position) {
    host_.log(NEK_INFO, (&source == stream_ ? "stream " : "other ") + std::to_string(position));
  }
  nek::Progress progress() const { return {at_, 200}; }

 private:
  nek::Host host_;
  nek_source *stream_ = nullptr, *messages_ = nullptr;
  uint64_t at_ = 0;
};

}  // namespace

class NoHeader {
 public:
  explicit NoHeader(nek::Host /*host*/) {}
  std::string_view header() const { throw std::runtime_error("thrown in header"); }
  std::string_view record_end() const { throw std::runtime_error("thrown in record_end"); }
  nek::Status encode(nek::Call&, nek::Encoded&) const { return {}; }
};

NEK_EXPORT_PLUGINS(nek::filter<Throws, kThrowOptions>({.name = "throws"}),
                   nek::filter<Counts>({.name = "counts"}), nek::filter<Splits>({.name = "splits"}),
                   nek::decoder<Lines>({.name = "lines"}), nek::encoder<Pairs>({.name = "pairs"}),
                   nek::output<Collects>({.name = "collects", .codec = "pairs"}),
                   nek::output<Delivers>({.name = "delivers"}),
                   nek::output<Sends>({.name = "sends"}), nek::input<Reads>({.name = "reads"}),
                   nek::encoder<NoHeader>({.name = "no_header"}));

using nek::testing::find_plugin;

TEST_CASE("one shared object lists its plugins in order") {
  CHECK(nek_plugin_entry.abi == 1);
  CHECK(nek_plugin_entry.get_factory("nek.other/1") == nullptr);
  const auto* list =
      static_cast<const nek_plugin* const*>(nek_plugin_entry.get_factory(NEK_PLUGINS));
  CHECK(std::string(list[0]->name) == "throws");
  CHECK(std::string(list[8]->name) == "reads");
  CHECK(std::string(list[9]->name) == "no_header");
  CHECK(list[10] == nullptr);
}

TEST_CASE("tables have only what a class has") {
  CHECK(find_plugin("throws").filter->commit == nullptr);
  CHECK(find_plugin("throws").lane_new == nullptr);
  CHECK(find_plugin("throws").stop == nullptr);
  CHECK(find_plugin("counts").filter->commit != nullptr);
  CHECK(find_plugin("counts").lane_new != nullptr);
  CHECK(find_plugin("collects").output->send == nullptr);
  CHECK(find_plugin("delivers").output->write == nullptr);
  CHECK(find_plugin("delivers").output->encode == nullptr);
  CHECK(find_plugin("lines").decoder->source_open != nullptr);
  CHECK(std::string(find_plugin("collects").codec) == "pairs");
}

TEST_CASE("an exception of any member becomes a failure with its text") {
  const auto& throws = find_plugin("throws");
  CHECK(nek::testing::Instance(throws, "where: create").error() == "thrown in create");
  CHECK(nek::testing::Instance(throws, "where: start").error() == "thrown in start");
  nek::testing::Filter filter(throws, "where: process");
  CHECK_THROWS_WITH(filter.process("{}\n{}"), "process answered 4: thrown in process");
}

TEST_CASE("an exception where a text is asked for is no text, and does not cross the boundary") {
  nek::testing::Instance instance(find_plugin("no_header"), "");
  const nek_encoder& encoder = *find_plugin("no_header").encoder;
  CHECK(encoder.header(instance.self()).size == 0);
  CHECK(encoder.record_end(instance.self()).size == 0);
}

TEST_CASE("a failure points at the option that is to blame") {
  const auto& throws = find_plugin("throws");
  CHECK(nek::testing::Instance(throws, "where: setup_fails").error() == "1:8: no such place");
}

TEST_CASE("a refused batch is told from a failure") {
  nek::testing::Filter filter(find_plugin("throws"), "where: refuse");
  CHECK_THROWS_WITH(filter.process("{}\n{}"), "process answered 3: not today");
}

TEST_CASE("commit finds what process prepared, and both emit") {
  nek::testing::Filter filter(find_plugin("counts"), "");
  const auto out = filter.process(R"(
{"name":"text"}
{"name":"a"}
{}
{"name":"abc"}
)");
  CHECK(out.streams[0] == "{\"name\":\"text\"}\n{\"name\":\"a\"}\n{\"name\":\"abc\"}\n");
  CHECK(out.streams[1] ==
        "{\"text\":\"text\",\"number\":\"uint64\"}\n{\"text\":\"third\",\"number\":7}\n");
  CHECK(out.refused == "{\"row\":1,\"reason\":\"name\",\"detail\":\"has no name\"}\n");
  CHECK(filter.host().metric("rows") == 3);
}

TEST_CASE("state goes into a snapshot and comes back at the start") {
  nek::testing::Filter first(find_plugin("counts"), "");
  first.process("{\"name\":\"text\"}\n{\"name\":\"a\"}\n{\"name\":\"b\"}");
  const std::string state = first.snapshot();
  CHECK(state == "2");
  nek::testing::Filter second(find_plugin("counts"), "", {.restored = state});
  const auto out = second.process("{\"name\":\"text\"}\n{\"name\":\"c\"}");
  CHECK(out.streams[1] ==
        "{\"text\":\"text\",\"number\":\"uint64\"}\n{\"text\":\"third\",\"number\":5}\n");
}

TEST_CASE("only the controls asked for are handed over, and may emit") {
  nek::testing::Filter filter(find_plugin("counts"), "");
  CHECK(filter.asks_for(NEK_FINISH));
  CHECK_FALSE(filter.asks_for(NEK_TICK));
  const auto out = filter.control(NEK_FINISH);
  CHECK(out.streams[1] ==
        "{\"text\":\"text\",\"number\":\"uint64\"}\n{\"text\":\"finish\",\"number\":0}\n");
  const auto& plugin = find_plugin("counts");
  const auto* control =
      static_cast<const nek_control_extension*>(plugin.extension(filter.self(), NEK_CONTROL));
  CHECK(control->min_interval_ms == 60'000);
  CHECK(plugin.extension(filter.self(), "nek.unknown/1") == nullptr);
}

TEST_CASE("a subset is what its bitmap says, and an unwanted column is left out") {
  const std::string table = "{\"n\":\"uint64\"}\n{\"n\":1}\n{\"n\":2}\n{\"n\":3}";
  nek::testing::Filter all(find_plugin("splits"), "");
  CHECK(all.rows(table, "odd") == "{\"n\":\"uint64\"}\n{\"n\":1}\n{\"n\":3}\n");
  CHECK(all.rows(table, "all") ==
        "{\"n\":\"uint64\",\"twice\":\"uint64\"}\n{\"n\":1,\"twice\":2}\n"
        "{\"n\":2,\"twice\":4}\n{\"n\":3,\"twice\":6}\n");
  nek::testing::Filter none(find_plugin("splits"), "", {.wanted = std::vector<std::string>{}});
  CHECK(none.rows(table, "all") == "{\"n\":\"uint64\"}\n{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
}

TEST_CASE("a decoder keeps what it learned from each source's head") {
  nek::testing::Decoder lines(find_plugin("lines"), "");
  const std::string bytes = "name\none\nbad\na line longer than twelve";
  for (const size_t chunk : {SIZE_MAX, size_t{1}, size_t{5}}) {
    const auto out = lines.decode(bytes, {.chunk = chunk});
    CHECK(out.streams[0] ==
          "{\"name\":\"text\"}\n{\"name\":\"one\"}\n{\"name\":\"a line longer than twelve\"}\n");
    CHECK(out.refused == "{\"raw\":\"bad\",\"reason\":\"line\",\"detail\":\"is bad\"}\n");
    CHECK(out.raw == std::vector<std::string>{"one", "a line longer than twelve"});
  }
}

TEST_CASE("a decoder that resumes in the middle is given the head all the same") {
  nek::testing::Decoder lines(find_plugin("lines"), "");
  CHECK(lines.rows("two\n", {.position = 9, .head = "name\none\n"}) ==
        "{\"name\":\"text\"}\n{\"name\":\"two\"}\n");
}

TEST_CASE("an unfinished line waits while its source goes on") {
  nek::testing::Decoder lines(find_plugin("lines"), "");
  CHECK(lines.rows("name\none\ntw", {.end = false}) == "{\"name\":\"text\"}\n{\"name\":\"one\"}\n");
}

TEST_CASE("a decoder that cannot open a source says why") {
  nek::testing::Decoder lines(find_plugin("lines"), "");
  CHECK_THROWS_WITH(lines.decode("no line end"), "source_open answered 4: no header");
}

TEST_CASE("an encoder writes records, leaves some out, and puts in front what it is given") {
  nek::testing::Encoder pairs(find_plugin("pairs"), "");
  CHECK(pairs.header() == "# pairs\n");
  const std::string table =
      "{\"k\":\"text\"}\n{\"k\":\"a\"}\n{}\n{\"k\":\"long enough to grow the buffer\"}";
  const auto out = pairs.encode(table, {"1", "2", "3"});
  CHECK(out.all == "1=a\n3=long enough to grow the buffer\n");
  CHECK(out.record(0) == "1=a\n");
  CHECK(out.record(1).empty());
}

TEST_CASE("an output encodes by its codec, and a write may be retried") {
  nek::testing::Output output(find_plugin("collects"), "", {.codec = &find_plugin("pairs")});
  const std::string table = "{\"k\":\"text\"}\n{\"k\":\"a\"}\n{\"k\":\"b\"}";
  CHECK(output.write({table}) == NEK_RETRY);
  CHECK(output.host().error() == "disk is full");
  CHECK(output.write({table, "{\"k\":\"text\"}\n{\"k\":\"c\"}"}) == NEK_OK);
  CHECK(output.host().logs() == std::vector<std::string>{"> =a\n> =b\n", "> =c\n"});
}

TEST_CASE("deliver answers for each record") {
  nek::testing::Output output(find_plugin("delivers"), "");
  const auto done = output.send("{\"k\":\"text\"}\n{\"k\":\"good\"}\n{\"k\":\"bad\"}");
  REQUIRE(done.records.size() == 2);
  CHECK(done.records[0].verdict == NEK_DELIVERED);
  CHECK(done.records[1].verdict == NEK_REJECT);
  CHECK(done.records[1].reason == "is bad");
}

TEST_CASE("an exception in deliver asks for the request again") {
  nek::testing::Output output(find_plugin("delivers"), "");
  const auto done = output.send("{\"k\":\"text\"}\n{\"k\":\"throw\"}");
  CHECK(done.verdict == NEK_AGAIN);
  CHECK(done.reason == "lost the server");
}

TEST_CASE("send is completed by another thread") {
  nek::testing::Output output(find_plugin("sends"), "");
  CHECK(output.shape().max_in_flight == 4);
  const auto done = output.send("{\"k\":\"text\"}\n{\"k\":\"a\"}");
  CHECK(done.verdict == NEK_PAUSE);
  CHECK(done.reason == "no such user");
  CHECK(done.after_ms == 5000);
}

TEST_CASE("consecutive bytes of a stream are one segment, messages one each") {
  nek::testing::Input input(find_plugin("reads"), "");
  const auto read = input.read();
  REQUIRE(read.segments.size() == 3);
  CHECK(read.segments[0].bytes == "abcdef");
  CHECK(read.segments[0].position == 0);
  CHECK(read.segments[1].identity == "topic");
  CHECK(read.segments[2].position == 9);
}

TEST_CASE("an input resumes, reads to its end and hears what is committed") {
  nek::testing::Input input(find_plugin("reads"), "", {.resume = {{"stream", 50}}});
  CHECK(input.read_all()["stream"] == "abcdef");
  input.committed("stream", 56);
  CHECK(input.host().logs() == std::vector<std::string>{"stream 56"});
  const void* table = find_plugin("reads").extension(input.self(), NEK_PROGRESS);
  uint64_t done = 0, total = 0;
  static_cast<const nek_progress_extension*>(table)->progress(input.self(), &done, &total);
  CHECK(done == 150);
  CHECK(total == 200);
}

TEST_CASE("a chunk refuses what does not fit") {
  uint8_t data[4];
  nek_segment segments[2];
  nek_source source{};
  nek_chunk c{};
  c.data = data;
  c.capacity = 4;
  c.segments = segments;
  c.segment_capacity = 2;
  nek::Chunk chunk(&c);
  CHECK_FALSE(chunk.add(&source, 0, "12345"));
  CHECK(chunk.add(&source, 0, "123"));
  CHECK(chunk.add(&source, 3, "4"));
  CHECK(c.segment_count == 1);
  CHECK_FALSE(chunk.add(&source, 4, "5"));
  CHECK(c.used == 4);
}
