// SPDX-License-Identifier: Apache-2.0
// Filter, Decoder, Encoder, Output, Input: one plugin at work in a test, without the host.
// Each creates and starts an instance from options as text, and stops and destroys it at its end.
// Not thread-safe. Throws std::runtime_error where test or plugin do not keep to the contract.
#pragma once
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nek/plugin.h"
#include "nek/testing/config.hpp"
#include "nek/testing/host.hpp"

namespace nek::testing {

// The first plugin of the shared object, or of the test itself, that has this name and is wanted.
template <class Wanted>
const nek_plugin& find_plugin_if(std::string_view name, Wanted wanted,
                                 const nek_entry& entry = nek_plugin_entry) {
  const auto* list = static_cast<const nek_plugin* const*>(entry.get_factory(NEK_PLUGINS));
  for (; list && *list; list++) {
    if ((*list)->name == name && wanted(**list)) return **list;
  }
  throw std::runtime_error("no plugin '" + std::string(name) + "'");
}
inline const nek_plugin& find_plugin(std::string_view name,
                                     const nek_entry& entry = nek_plugin_entry) {
  return find_plugin_if(name, [](const nek_plugin&) { return true; }, entry);
}
// The two of a codec have one name.
inline const nek_plugin& find_decoder(std::string_view name) {
  return find_plugin_if(name, [](const nek_plugin& plugin) { return plugin.decoder != nullptr; });
}
inline const nek_plugin& find_encoder(std::string_view name) {
  return find_plugin_if(name, [](const nek_plugin& plugin) { return plugin.encoder != nullptr; });
}

struct Setup {
  std::string restored = {};                            // from a snapshot
  std::optional<std::vector<std::string>> wanted = {};  // columns that anyone reads; none: all
  std::map<std::string, uint64_t> resume = {};          // where sources are read on, by key
  std::set<std::string> ended = {};                     // of these: read to their end before
  std::map<std::string, std::string> marks = {};        // kept with that
  std::map<std::string, const void*> extensions = {};   // of the host
  const nek_plugin* codec = nullptr;                    // of an output
  std::string codec_options = {};
};

class Instance {
 public:
  // Creates and starts; error() says why that failed.
  Instance(const nek_plugin& plugin, std::string_view options, Setup setup = {})
      : plugin_(plugin), config_(plugin.options, options) {
    host_.resume = std::move(setup.resume);
    host_.ended = std::move(setup.ended);
    host_.marks = std::move(setup.marks);
    host_.extensions = std::move(setup.extensions);
    if (setup.codec) {
      codec_ = std::make_unique<Instance>(*setup.codec, setup.codec_options);
      host_.codec = {setup.codec, codec_->self_, codec_->shape_, codec_->lane()};
    }
    if (!succeeded(plugin.create(host_.c(), config_.root(), &self_), "create")) return;
    if (!self_) {
      error_ = "create makes no instance";
      return;
    }
    shape_ = plugin.shape(self_);
    if (!shape_) {
      error_ = "it has no shape";
      return;
    }
    if (!start(setup)) return;
    started_ = true;
    if (plugin.lane_new) lane_ = plugin.lane_new(self_);
  }
  ~Instance() { end(); }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // Of create or start: "LINE:COLUMN: text" or the text; "" when both went well.
  const std::string& error() const { return error_; }
  Host& host() { return host_; }
  const nek_shape& shape() const {
    if (!shape_) throw std::runtime_error("not created: " + error_);
    return *shape_;
  }
  void* self() { return self_; }

  bool asks_for(uint32_t control) {
    const auto* extension = control_extension();
    return extension && extension->kinds & control;
  }
  // Hands a control to the plugin, which asks for its kind.
  Emitted control(uint32_t kind, int64_t time_ms = 0, bool drain = false) {
    nek_control control{};
    control.size = sizeof control;
    control.kind = kind;
    control.time_ms = time_ms;
    control.drain = drain;
    return hand(control);
  }
  // The state that the plugin writes for a snapshot.
  std::string snapshot() {
    Host::SnapshotOf snapshot{&host_, {}, {}};
    nek_control control{};
    control.size = sizeof control;
    control.kind = NEK_SNAPSHOT;
    control.snapshot = reinterpret_cast<nek_snapshot*>(&snapshot);
    hand(control);
    host_.wait_for(snapshot);
    if (*snapshot.done != NEK_OK) throw std::runtime_error("snapshot failed: " + host_.error());
    return snapshot.state;
  }
  // Stops and destroys, as at the end of this object.
  void end() {
    if (std::exchange(started_, false) && plugin_.stop) plugin_.stop(self_);
    if (void* lane = std::exchange(lane_, nullptr)) plugin_.lane_free(self_, lane);
    if (void* self = std::exchange(self_, nullptr)) plugin_.destroy(self);
  }

 protected:
  void expect(nek_status status, const char* step) const {
    if (status != NEK_OK) {
      throw std::runtime_error(std::string(step) + " answered " + std::to_string(status) + ": " +
                               host_.error());
    }
  }
  const nek_plugin& plugin() const { return plugin_; }
  void* lane() {
    if (!started_) throw std::runtime_error("not started: " + error_);
    return lane_;
  }

 private:
  bool succeeded(nek_status status, const char* step) {
    if (status == NEK_OK) return true;
    error_ = host_.error();
    if (error_.empty()) error_ = std::string(step) + " failed without a text";
    return false;
  }
  bool start(const Setup& setup) {
    if (!plugin_.start) return true;
    std::vector<const char*> wanted;
    if (setup.wanted) {
      for (const auto& name : *setup.wanted) wanted.push_back(name.c_str());
    }
    wanted.push_back(nullptr);
    nek_start start{};
    start.size = sizeof start;
    start.wanted_count = static_cast<uint32_t>(wanted.size() - 1);
    start.wanted = setup.wanted ? wanted.data() : nullptr;
    start.restored = to_text(setup.restored);
    return succeeded(plugin_.start(self_, &start), "start");
  }
  const nek_control_extension* control_extension() {
    const void* table = plugin_.extension ? plugin_.extension(self_, NEK_CONTROL) : nullptr;
    return static_cast<const nek_control_extension*>(table);
  }
  Emitted hand(const nek_control& control) {
    lane();
    if (!asks_for(control.kind))
      throw std::runtime_error("the plugin does not ask for this control");
    auto call = host_.begin_call(shape_, nullptr);
    expect(control_extension()->control(self_, call.get(), &control), "control");
    return host_.finish_call(*call);
  }

  const nek_plugin& plugin_;
  Config config_;
  Host host_;
  std::unique_ptr<Instance> codec_;
  void* self_ = nullptr;
  void* lane_ = nullptr;
  const nek_shape* shape_ = nullptr;
  bool started_ = false;
  std::string error_;
};

class Filter : public Instance {
 public:
  using Instance::Instance;

  // A table through process and commit. `first_row`: number of its first row in the text of
  // refusals.
  Emitted process(std::string_view table, uint32_t first_row = 0) {
    auto call = begin();
    call->first_row = first_row;
    const nek_batch* batch = host().batch(*call, table);
    return run(*call, batch);
  }
  // The rows of one stream.
  std::string rows(std::string_view table, std::string_view stream = "out") {
    const Emitted all = process(table);
    for (uint32_t i = 0; i < shape().stream_count; i++) {
      if (shape().streams[i].name == stream) return all.streams[i];
    }
    throw std::runtime_error("no stream '" + std::string(stream) + "'");
  }
  // For batches that are made by hand.
  std::unique_ptr<Host::CallOf> begin() { return host().begin_call(&shape(), lane()); }
  Emitted run(Host::CallOf& call, const nek_batch* batch) {
    host().bind(call, batch);
    expect(plugin().filter->process(self(), &call), "process");
    if (plugin().filter->commit) {
      call.lane = nullptr;
      expect(plugin().filter->commit(self(), &call), "commit");
    }
    if (!asks_for(NEK_SNAPSHOT)) host().check_passed(call);
    return host().finish_call(call);
  }
};

// How a decoder's bytes come.
struct Feed {
  size_t chunk = SIZE_MAX;  // bytes read at a time
  bool messages = false;    // `bytes` is one message
  uint64_t position = 0;    // resumed here; `head` is the source's beginning all the same
  std::optional<std::string> head = {};  // none: the first 4 KiB of `bytes`
  bool end = true;                       // false: the source goes on, an unfinished record waits
};

class Decoder : public Instance {
 public:
  using Instance::Instance;

  Emitted decode(std::string_view bytes, Feed feed = {}) {
    lane();
    const std::string head = feed.head ? *feed.head : std::string(bytes.substr(0, 4096));
    nek_source_open open{};
    open.size = sizeof open;
    open.identity = to_text("test");
    open.flags = feed.messages ? uint32_t{NEK_MESSAGES} : 0;
    nek_source* source = host().open(open);
    const nek_decoder& decoder = *plugin().decoder;
    if (decoder.source_open)
      expect(decoder.source_open(self(), source, to_text(head)), "source_open");
    Emitted all = feed_all(source, bytes, feed);
    if (decoder.source_close) decoder.source_close(self(), source);
    return all;
  }
  std::string rows(std::string_view bytes, Feed feed = {}) {
    return decode(bytes, std::move(feed)).streams[0];
  }

 private:
  Emitted feed_all(nek_source* source, std::string_view bytes, const Feed& feed) {
    auto call = host().begin_call(&shape(), lane());
    chunks_.clear();
    if (feed.messages) {
      decode_chunk(*call, source, feed.position, bytes);
      return host().finish_call(*call);
    }
    size_t begin = 0;  // of what is not decoded yet
    for (size_t end = 0; end < bytes.size() || begin < bytes.size();) {
      end = std::min(bytes.size(), end + std::min(feed.chunk, bytes.size()));
      const bool at_end = feed.end && end == bytes.size();
      const std::string_view pending = bytes.substr(begin, end - begin);
      const size_t whole = frame(source, pending, at_end);
      if (whole) decode_chunk(*call, source, feed.position + begin, pending.substr(0, whole));
      begin += whole;
      if (end == bytes.size()) break;
    }
    return host().finish_call(*call);
  }
  size_t frame(nek_source* source, std::string_view bytes, bool at_end) {
    auto* frame = plugin().decoder->frame;
    if (!frame) return at_end ? bytes.size() : 0;
    // A copy of its own, so that a read past its end is found by the address sanitizer.
    const std::vector<char> copy(bytes.begin(), bytes.end());
    const size_t whole = frame(self(), source, {copy.data(), copy.size()}, at_end);
    if (whole > bytes.size())
      throw std::runtime_error("frame() answered more bytes than there are");
    return whole;
  }
  void decode_chunk(Host::CallOf& call, nek_source* source, uint64_t position,
                    std::string_view bytes) {
    // With the padding that plugin.h promises, and alive as long as the call's columns.
    auto& data = chunks_.emplace_back(bytes.size() + Arena::kPadding);
    std::copy(bytes.begin(), bytes.end(), data.begin());
    const auto size = static_cast<uint32_t>(bytes.size());
    nek_segment segment = {source, position, 0, size};
    nek_chunk chunk{};
    chunk.size = sizeof chunk;
    chunk.data = data.data();
    chunk.capacity = chunk.used = size;
    chunk.segments = &segment;
    chunk.segment_count = chunk.segment_capacity = 1;
    chunk.utf8 = valid_utf8(bytes);
    call.chunk = &chunk;
    expect(plugin().decoder->decode(self(), &call, &chunk), "decode");
    call.chunk = nullptr;
  }
  std::deque<std::vector<uint8_t>> chunks_;
};

// Bytes that an encoder made, and where each record ends.
struct Records {
  std::string all;
  std::vector<uint32_t> ends;
  std::string refused = {};  // a line each; encoders
  std::string_view record(size_t row) const {
    const size_t begin = row ? ends[row - 1] : 0;
    return std::string_view(all).substr(begin, ends[row] - begin);
  }
};

namespace detail {
// nek_encoded and its memory.
class EncodedBytes {
 public:
  explicit EncodedBytes(uint32_t rows) : ends_(rows, UINT32_MAX) {
    c_.rows = rows;
    c_.ends = ends_.data();
  }
  ~EncodedBytes() { std::unique_ptr<uint8_t[]>(c_.data).reset(); }
  EncodedBytes(const EncodedBytes&) = delete;
  EncodedBytes& operator=(const EncodedBytes&) = delete;
  nek_encoded* c() { return &c_; }
  const nek_encoded* c() const { return &c_; }
  std::string_view all() const { return {reinterpret_cast<const char*>(c_.data), c_.used}; }
  void check() const {
    uint32_t last = 0;
    for (const uint32_t end : ends_) {
      if (end < last || end > c_.used)
        throw std::runtime_error("ends of records are not all set, or decrease");
      last = end;
    }
    if (last != c_.used) throw std::runtime_error("there are bytes behind the last record");
  }
  const std::vector<uint32_t>& ends() const { return ends_; }

 private:
  nek_encoded c_{};
  std::vector<uint32_t> ends_;
};
}  // namespace detail

class Encoder : public Instance {
 public:
  using Instance::Instance;

  std::string header() {
    auto* header = plugin().encoder->header;
    return header ? std::string(to_view(header(self()))) : std::string();
  }
  std::string record_end() {
    auto* end = plugin().encoder->record_end;
    return end ? std::string(to_view(end(self()))) : std::string();
  }
  // `before`: what goes in front of each record; empty: nothing.
  Records encode(std::string_view table, const std::vector<std::string>& before = {}) {
    auto call = host().begin_call(&shape(), lane());
    host().bind(*call, host().batch(*call, table));
    std::vector<nek_text> texts;
    texts.reserve(before.size());
    for (const auto& text : before) texts.push_back(to_text(text));
    detail::EncodedBytes bytes(call->batch->rows);
    expect(plugin().encoder->encode(self(), call.get(), texts.empty() ? nullptr : texts.data(),
                                    bytes.c()),
           "encode");
    bytes.check();
    Records records{std::string(bytes.all()), bytes.ends(), call->refused};
    for (size_t row = 0; row < records.ends.size(); row++)
      if (!records.record(row).empty() && !records.record(row).ends_with(record_end()))
        throw std::runtime_error("a record does not end as record_end says");
    return records;
  }
};

class Output : public Instance {
 public:
  using Instance::Instance;

  // By the output's encode, or by its codec (Setup::codec; none: one JSON object a line).
  Records encode(std::string_view table) {
    const auto bytes = encoded(table);
    return {std::string(bytes->all()), bytes->ends()};
  }
  // Encodes each table into a block and writes all of them; the status as it is.
  nek_status write(const std::vector<std::string>& tables) {
    std::vector<std::unique_ptr<detail::EncodedBytes>> blocks;
    std::vector<const nek_encoded*> all;
    all.reserve(tables.size());
    for (const auto& table : tables) all.push_back(blocks.emplace_back(encoded(table))->c());
    return plugin().output->write(self(), all.data(), static_cast<uint32_t>(all.size()));
  }
  // Encodes and sends the records, waits until they are completed.
  Completed send(std::string_view table) {
    const auto bytes = encoded(table);
    std::vector<nek_record> records;
    size_t begin = 0;
    for (const uint32_t end : bytes->ends()) {
      if (end > begin) records.push_back({bytes->c()->data + begin, end - begin});
      begin = end;
    }
    Completed token;
    token.owner = &host();
    token.records.resize(records.size());
    plugin().output->send(self(), reinterpret_cast<nek_token*>(&token), records.data(),
                          static_cast<uint32_t>(records.size()));
    host().wait_for(token);
    host().check();
    return token;
  }

 private:
  std::unique_ptr<detail::EncodedBytes> encoded(std::string_view table) {
    auto call = host().begin_call(&shape(), lane());
    host().bind(*call, host().batch(*call, table));
    auto bytes = std::make_unique<detail::EncodedBytes>(call->batch->rows);
    auto* encode = plugin().output->encode;
    expect(encode ? encode(self(), call.get(), bytes->c())
                  : host().c()->encode(call.get(), nullptr, bytes->c()),
           "encode");
    bytes->check();
    return bytes;
  }
};

// What one read handed out.
struct Read {
  struct Segment {
    std::string identity;
    uint64_t position;
    std::string bytes;
  };
  nek_status status = NEK_OK;
  std::vector<Segment> segments;
  const nek_schema* schema = nullptr;  // columns with one value a segment, until the next read
  const nek_column* const* columns = nullptr;
};

class Input : public Instance {
 public:
  using Instance::Instance;

  Read read(uint32_t capacity = 1 << 20, uint32_t wait_ms = 100) {
    lane();
    std::vector<uint8_t> data(size_t{capacity} + Arena::kPadding);
    std::vector<nek_segment> segments(1024);
    nek_chunk chunk{};
    chunk.size = sizeof chunk;
    chunk.data = data.data();
    chunk.capacity = capacity;
    chunk.segments = segments.data();
    chunk.segment_capacity = static_cast<uint32_t>(segments.size());
    Read result;
    result.status = plugin().input->read(self(), &chunk, wait_ms);
    for (auto& source : host().sources()) source.ends_now = false;
    if (chunk.used > capacity) throw std::runtime_error("read filled more than the chunk");
    for (uint32_t i = 0; i < chunk.segment_count; i++) {
      const nek_segment& s = segments[i];
      if (s.begin > chunk.used || s.size > chunk.used - s.begin)
        throw std::runtime_error("segment outside of the chunk");
      result.segments.push_back(
          {static_cast<Host::Source*>(s.source)->identity, s.position,
           std::string(reinterpret_cast<char*>(chunk.data) + s.begin, s.size)});
    }
    result.schema = chunk.schema;
    result.columns = chunk.columns;
    return result;
  }
  // Reads until NEK_END or until `idle` reads in a row brought nothing; the bytes of each source by
  // identity.
  std::map<std::string, std::string> read_all(uint32_t capacity = 1 << 20, int idle = 3) {
    std::map<std::string, std::string> all;
    for (int left = idle; left > 0;) {
      const Read one = read(capacity);
      for (const auto& s : one.segments) all[s.identity] += s.bytes;
      if (one.status == NEK_END) break;
      if (one.status == NEK_FAIL) expect(one.status, "read");
      left = one.segments.empty() ? left - 1 : idle;
    }
    return all;
  }
  void committed(std::string_view identity, uint64_t position) {
    for (auto& source : host().sources()) {
      if (source.identity == identity && plugin().input->committed) {
        plugin().input->committed(self(), &source, position);
      }
    }
  }
};

}  // namespace nek::testing
