// SPDX-License-Identifier: Apache-2.0
#include "script.h"

#include <catch2/catch.hpp>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

#include "about.h"
#include "model.h"

namespace nek::test {
namespace {

Script* the_script = nullptr;

// ---- Input and decoder --------------------------------------------------------------------------

class In {
 public:
  explicit In(Host host) : host_(host) {}
  Status start(const Start&) { return {}; }
  Status read(Chunk& chunk, std::chrono::milliseconds) {
    if (chunk.memory_full()) return {};
    return the_script->read ? the_script->read(host_, chunk) : end();
  }
  void committed(nek_source& source, uint64_t position) {
    if (the_script->committed) the_script->committed(source, position);
  }
  void stop() { the_script->note("input stops"); }

 private:
  Host host_;
};

class Lines {
 public:
  explicit Lines(Host host) : host_(host) {}
  struct Source {
    ~Source() { the_script->note("source is closed"); }
  };
  struct Lane {
    ~Lane() { the_script->note("lane is freed"); }
  };
  Status setup(Shape& shape) {
    shape.derived("out", {{"text", NEK_TEXT}, {"time", NEK_TIME, NEK_EVENT_TIME}});
    const nek_field fields[] = {{"text", NEK_TEXT, 0}, {"time", NEK_TIME, NEK_EVENT_TIME}};
    schema_ = host_.schema(fields);
    return {};
  }
  Status start(const Start&) { return {}; }
  void stop() { the_script->note("decoder stops"); }
  Status open(Source&, std::string_view) const { return {}; }
  size_t frame(const Source&, std::string_view bytes, bool at_end) const {
    const size_t last = bytes.rfind('\n');
    return at_end ? bytes.size() : last == std::string_view::npos ? 0 : last + 1;
  }
  Status decode(nek::Call& call, const nek_chunk& chunk, Lane&) const {
    std::vector<nek_span> raw;
    for (uint32_t s = 0; s < chunk.segment_count; s++) {
      nek_span span = {chunk.segments[s].begin, chunk.segments[s].size};
      if (chunk.segments[s].source->flags & NEK_MESSAGES) {
        raw.push_back(span);
        continue;
      }
      while (span.size) {
        const std::string_view rest(reinterpret_cast<const char*>(chunk.data) + span.begin,
                                    span.size);
        const auto size = static_cast<uint32_t>(std::min(rest.find('\n'), rest.size() - 1) + 1);
        raw.push_back({span.begin, size});
        span = {span.begin + size, span.size - size};
      }
    }
    nek_column& column =
        call.column(NEK_TEXT, {.rows = static_cast<uint32_t>(raw.size()), .chunk_text = true});
    nek_column& time_column = call.column(NEK_TIME, {.rows = static_cast<uint32_t>(raw.size())});
    TextWriter texts(column);
    TimeWriter times(time_column);
    for (uint32_t row = 0; row < raw.size(); row++) {
      const bool line = raw[row].size && chunk.data[raw[row].begin + raw[row].size - 1] == '\n';
      texts.set_span(row, raw[row].begin, raw[row].size - (line ? 1 : 0));
      int64_t time = 0;  // 0 where the text is no number
      const char* text = reinterpret_cast<const char*>(chunk.data) + raw[row].begin;
      std::from_chars(text, text + raw[row].size, time);
      times.set(row, time);
    }
    const nek_column* columns[] = {&column, &time_column};
    call.decoded(schema_, static_cast<uint32_t>(raw.size()), columns, raw);
    return the_script->decode ? the_script->decode(call, chunk) : Status();
  }

 private:
  Host host_;
  const nek_schema* schema_ = nullptr;
};

// ---- Filter -------------------------------------------------------------------------------------

class Middle {
 public:
  static constexpr uint32_t kControls =
      NEK_WATERMARK | NEK_TICK | NEK_SNAPSHOT | NEK_COMMITTED | NEK_FINISH;
  explicit Middle(Host host) : host_(host) {}
  Status setup(Shape& shape) {
    shape.read("text", {NEK_TEXT});
    shape.pass("out", {{"note", NEK_TEXT}});
    shape.derived("made", {{"text", NEK_TEXT}});
    return {};
  }
  Status process(nek::Call& call) const {
    const nek_column* note = the_script->note_of ? the_script->note_of(call) : nullptr;
    if (!the_script->sends_in_commit) call.emit(0, std::span(&note, 1));
    return the_script->process ? the_script->process(call) : Status();
  }
  Status commit(nek::Call& call) {
    if (the_script->sends_in_commit) call.emit(0);
    return the_script->commit ? the_script->commit(call) : Status();
  }
  Status control(nek::Call& call, const nek_control& control) {
    const Status status = the_script->control ? the_script->control(call, control) : Status();
    if (control.kind == NEK_SNAPSHOT) host_.finish_state(control.snapshot);
    return status;
  }

 private:
  Host host_;
};

// ---- Encoder and output -------------------------------------------------------------------------

class Origins {
 public:
  explicit Origins(Host) {}
  Status setup(Shape& shape) {
    text_ = shape.read_optional("text", {NEK_TEXT});
    key_ = shape.read_optional("key", {NEK_DICT_TEXT});
    note_ = shape.read_optional("note", {NEK_TEXT});
    source_ = shape.read_optional("nek.source", {NEK_TEXT});
    position_ = shape.read_optional("nek.position", {NEK_UINT64});
    return {};
  }
  Status encode(nek::Call& call, Encoded& out) const {
    if (the_script->encode) return the_script->encode(call, out);
    const nek_column &text = call.read(text_), &key = call.read(key_), &source = call.read(source_),
                     &position = call.read(position_), &note = call.read(note_);
    for (uint32_t row = 0; row < call.rows(); row++) {
      if (nek_has(&position, row)) {
        out.append(to_view(nek_text_at(&source, row)));
        out.append("@" + std::to_string(static_cast<const uint64_t*>(position.values)[row]) + " ");
      }
      out.append(to_view(nek_text_at(&text, row)));
      if (nek_has(&key, row)) {
        const auto code = static_cast<const int32_t*>(key.values)[row];
        const nek_text name = nek_text_at(key.dictionary->values, static_cast<uint32_t>(code));
        out.append(" [" + std::string(to_view(name)) + "]");
      }
      if (nek_has(&note, row))
        out.append(" (" + std::string(to_view(nek_text_at(&note, row))) + ")");
      out.append("\n");
      out.end_row(row);
    }
    return {};
  }

 private:
  uint32_t text_ = 0, key_ = 0, note_ = 0, source_ = 0, position_ = 0;
};

class Out {
 public:
  static constexpr uint32_t kControls =
      NEK_WATERMARK | NEK_TICK | NEK_SNAPSHOT | NEK_COMMITTED | NEK_FINISH;
  explicit Out(Host host) : host_(host) {}
  Status write(std::span<const nek_encoded* const> blocks) {
    if (the_script->write) {
      Status status = the_script->write();
      if (!status.ok()) return status;
    }
    for (const nek_encoded* block : blocks)
      the_script->deliver({reinterpret_cast<const char*>(block->data), block->used});
    return {};
  }
  Status control(nek::Call&, const nek_control& control) {
    if (the_script->at_output) the_script->at_output(control);
    if (control.kind == NEK_SNAPSHOT) host_.finish_state(control.snapshot);
    return {};
  }

 private:
  Host host_;
};

constexpr nek_plugin kIn = input<In>(about("in", "lines"));
constexpr nek_plugin kLines = decoder<Lines>(about("lines"));
constexpr nek_plugin kMiddle = filter<Middle>(about("middle"));
constexpr nek_plugin kOrigins = encoder<Origins>(about("origins"));
constexpr nek_plugin kOut = output<Out>(about("out", "origins"));

std::vector<std::string> letters_in(const std::string& lines) {
  std::vector<std::string> letters;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    const auto json = nlohmann::json::parse(line);
    letters.push_back(json.value("reason", "") + " " + json.value("raw", ""));
  }
  return letters;
}

}  // namespace

std::vector<std::string> Script::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}
void Script::note(std::string event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
}
std::vector<std::string> Script::delivered() const {
  const std::lock_guard lock(mutex_);
  return delivered_;
}
void Script::deliver(std::string_view records) {
  const std::lock_guard lock(mutex_);
  std::istringstream in{std::string(records)};
  for (std::string line; std::getline(in, line);) delivered_.push_back(line);
}
void Script::use() { the_script = this; }

const nek_plugin* script_input() { return &kIn; }
const nek_plugin* script_filter() { return &kMiddle; }
const nek_plugin* script_output() { return &kOut; }
const nek_plugin* script_decoder() { return &kLines; }
const nek_plugin* script_encoder() { return &kOrigins; }

PipelineConfig script_config(bool filter, const std::vector<std::string>& from) {
  PipelineConfig config;
  config.name = "script";
  config.settings.workers = 2;
  config.settings.linger_ms = 0;
  config.settings.snapshot_interval_ms = 5;
  const auto add = [&](Kind kind, const nek_plugin* plugin) -> ComponentConfig& {
    ComponentConfig& component = config.components.emplace_back();
    component.kind = kind;
    component.plugin = plugin;
    component.id = plugin->name;
    component.config = config_of({});
    component.codec_config = config_of({});
    return component;
  };
  add(Kind::kInput, script_input()).codec = script_decoder();
  if (filter) add(Kind::kFilter, script_filter()).from = {{0, "", 0, 0}};
  ComponentConfig& out = add(Kind::kOutput, script_output());
  out.codec = script_encoder();
  if (!filter) out.from = {{0, "", 0, 0}};
  for (const std::string& stream : from)
    if (filter) out.from.push_back({1, stream, 0, 0});
  return config;
}

Ended run_script(Script& script, MemoryEnv& env, const PipelineConfig& config,
                 const std::function<void(Pipeline&)>& begun,
                 const std::optional<LetterSelection>& replay) {
  script.use();
  const bool goes_on = env.exists("data/state");  // else old dead letters are set aside
  const size_t before = goes_on ? env.content("data/dead-letters.ndjson").size() : 0;
  PipelineOptions options;
  options.env = &env;
  options.data_dir = "data";
  options.retry = {std::chrono::milliseconds(1), std::chrono::milliseconds(5)};
  options.tick = std::chrono::milliseconds(1);
  options.silence = script.silence;
  options.replay = replay;
  Diagnostics diagnostics("script", "");
  auto pipeline = Pipeline::make(config, options, diagnostics);
  if (!pipeline) return {diagnostics.print(), {}, {}, 0};
  const Status status = pipeline->start();
  if (!status.ok()) return {status.message(), {}, {}, 0};
  if (begun) begun(*pipeline);
  REQUIRE(pipeline->wait(std::chrono::milliseconds(60000)));
  pipeline->shut_down();
  const Ledger ledger = pipeline->ledger();
  const std::string letters = env.content("data/dead-letters.ndjson");  // a replay takes some away
  return {pipeline->failure(), ledger.faults(pipeline->graph(), pipeline->config()),
          replay ? std::vector<std::string>() : letters_in(letters.substr(before)),
          ledger.streams[0][0].created};
}

nek_source* open_source(Host host, const std::string& identity, uint32_t flags,
                        const std::string& key) {
  nek_source_open request{};
  request.identity = to_text(identity);
  request.key = to_text(key);
  request.flags = flags;
  return host.open_source(request);
}

}  // namespace nek::test
