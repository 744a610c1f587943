// SPDX-License-Identifier: Apache-2.0
#include "runtime/pipeline.h"

#include <algorithm>

#include "nek/text.hpp"
#include "util/log.h"
#include "util/thread.h"

namespace nek {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

Place place_of(const ComponentConfig& component, const nek_value* at) {
  if (at && at->line) return {at->line, at->column};
  return {component.line, component.column};
}

}  // namespace

Pipeline::Pipeline(PipelineConfig config, PipelineOptions options)
    : config_(std::move(config)),
      options_(std::move(options)),
      data_dir_(*options_.env, options_.data_dir),
      budget_(std::make_unique<Budget>(config_.settings.memory)),
      dead_letters_(std::make_unique<DeadLetters>(*options_.env, data_dir_.dead_letter_path(),
                                                  config_.settings.dead_letters)) {}

Pipeline::~Pipeline() {
  shut_down();
  readers_.clear();
  replay_.reset();  // it still speaks to decoders
  executor_.reset();
  components_.clear();
}

std::unique_ptr<Pipeline> Pipeline::make(PipelineConfig config, PipelineOptions options,
                                         Diagnostics& diagnostics) {
  std::unique_ptr<Pipeline> pipeline(new Pipeline(std::move(config), std::move(options)));
  if (!pipeline->make_instances(diagnostics)) return nullptr;
  std::vector<ComponentShape> shapes;
  for (const Component& component : pipeline->components_)
    shapes.push_back({component.plugin->shape, component.codec ? component.codec->shape : nullptr});
  auto graph = make_graph(pipeline->config_, shapes, diagnostics);
  if (!graph || diagnostics.has_errors()) return nullptr;
  pipeline->graph_ = std::move(*graph);
  pipeline->ledger_ = Ledger(pipeline->graph_);
  return pipeline;
}

bool Pipeline::make_instances(Diagnostics& diagnostics) {
  bool ok = true;
  for (uint32_t i = 0; i < config_.components.size(); i++) {
    const ComponentConfig& of = config_.components[i];
    Component& component = components_.emplace_back();
    component.kind = of.kind;
    component.plugin = std::make_unique<Instance>(*of.plugin, i, of.id, *options_.env, metrics_);
    const bool idle = options_.replay && of.kind == Kind::kInput;
    if (idle) component.plugin->shape = &kNoShape;  // a replay takes its place
    const Status status = idle ? Status() : component.plugin->create(of.config->root());
    if (!status.ok())
      diagnostics.error(place_of(of, status.at()),
                        std::string(of.plugin->name) + ": " + status.message());
    ok &= status.ok() && make_codec(i, diagnostics);
  }
  return ok;
}

bool Pipeline::make_codec(uint32_t index, Diagnostics& diagnostics) {
  const ComponentConfig& of = config_.components[index];
  Component& component = components_[index];
  if (!of.codec) return true;
  component.codec = std::make_unique<Instance>(*of.codec, index, of.id, *options_.env, metrics_);
  const Status status = component.codec->create(of.codec_config->root());
  component.plugin->codec = component.codec.get();
  if (!status.ok())
    diagnostics.error(place_of(of, status.at()),
                      std::string(of.codec->name) + ": " + status.message());
  return status.ok();
}

void Pipeline::connect(milliseconds wait, const std::function<void(const Finding&)>& tell) {
  for (const Component& component : components_) {
    const Instance& instance = *component.plugin;
    if (!instance.connect) continue;
    std::function<void(int, nek_text)> hand_on = [&](int level, nek_text line) {
      tell({instance.id, level, std::string(to_view(line))});
    };
    take_failure();
    const nek_status status = instance.run([&] {
      return instance.connect->connect(instance.self, static_cast<uint32_t>(wait.count()), &hand_on,
                                       [](void* to, int level, nek_text line) {
                                         (*static_cast<std::function<void(int, nek_text)>*>(to))(
                                             level, line);
                                       });
    });
    if (status != NEK_OK) tell({instance.id, NEK_ERROR, take_failure().text});
  }
}

// ---- Start --------------------------------------------------------------------------------------

// Watermarks are made from the event time, also where no component reads it as a column.
void Pipeline::add_event_time(const Component& input, const ColumnSet& set,
                              std::vector<const char*>& wanted) const {
  const bool timed = std::any_of(components_.begin(), components_.end(),
                                 [](const Component& c) { return c.plugin->wants(NEK_WATERMARK); });
  if (input.kind != Kind::kInput || !timed) return;
  const nek_stream& stream = input.codec->shape->streams[0];
  for (uint32_t i = 0; stream.adds && i < stream.add_count; i++) {
    const nek_field& field = stream.adds[i];
    if ((field.flags & NEK_EVENT_TIME) && !set.contains(field.name)) wanted.push_back(field.name);
  }
}

Status Pipeline::start_instances(const State& state) {
  // From the outputs up, so that whatever sends has somebody to send to.
  for (size_t i = components_.size(); i-- > 0;) {
    std::vector<const char*> wanted;
    wanted.reserve(graph_.nodes[i].wanted.names.size() + 2);
    const ColumnSet& set = graph_.nodes[i].wanted;
    for (const std::string& name : set.names) wanted.push_back(name.c_str());
    add_event_time(components_[i], set, wanted);
    nek_start start{};
    start.size = sizeof start;
    start.wanted_count = static_cast<uint32_t>(wanted.size());
    wanted.push_back(nullptr);  // never empty: an empty list is not "all"
    start.wanted = set.all ? nullptr : wanted.data();
    const std::string& id = components_[i].plugin->id;
    if (components_[i].codec) {
      Status status = components_[i].codec->start(start);
      if (!status.ok()) return fail(id + ": " + status.message());
    }
    const auto restored = state.components.find(id);
    if (restored != state.components.end())
      start.restored = {restored->second.data(), restored->second.size()};
    if (options_.replay && components_[i].kind == Kind::kInput) continue;
    Status status = components_[i].plugin->start(start);
    if (!status.ok()) return fail(id + ": " + status.message());
  }
  return {};
}

Status Pipeline::start() {
  auto restored = restore(config_, graph_, data_dir_, *dead_letters_,
                          {options_.from_start, options_.replay.has_value()});
  if (!restored.ok()) return restored.status();
  restored_ = std::move(*restored);
  ledger_ = restored_.ledger;
  for (const Component& component : components_) {
    wants_ticks_ |= component.plugin->wants(NEK_TICK);
    if (component.plugin->control)
      least_interval_ms_ =
          std::max<uint64_t>(least_interval_ms_, component.plugin->control->min_interval_ms);
  }
  uint32_t workers = config_.settings.workers;
  if (workers == 0) workers = std::max(std::thread::hardware_concurrency(), 1u);
  executor_ = std::make_unique<Executor>(
      graph_, components_, workers, config_.settings.strict, options_.silence, *budget_,
      Executor::Hooks{[this](const std::string& text) { fail_with(text); },
                      [this](Task& task) { retired(task); },
                      [this](Source& source) { readers_[source.input]->released(source); }});
  if (!executor_->restore_clock(restored_.state.clock))
    return fail("cannot restore from " + data_dir_.state_path() + ": its clock cannot be read");
  readers_.resize(components_.size());
  for (uint32_t i = 0; i < components_.size(); i++) {
    Component& component = components_[i];
    if (component.kind == Kind::kOutput) {
      component.output = Output::make(*component.plugin, config_.components[i].buffer,
                                      options_.retry, *budget_, *dead_letters_);
      component.output->set_base(ledger_.outputs[i]);
    }
    if (component.kind != Kind::kInput) continue;
    readers_[i] = std::make_unique<Reader>(
        component, config_.settings, config_.components[i].spool,
        data_dir_.spool_path(component.plugin->id), options_.retry, *budget_, *executor_,
        Reader::Hooks{[this](const std::string& text) { fail_with(text); },
                      [this] {
                        const std::lock_guard lock(mutex_);
                        readers_left_--;
                        wake();
                      },
                      [this](milliseconds time) { snapshot_now(time); }});
    if (!options_.replay) readers_left_++;
    for (const SourceState& source : restored_.state.sources)
      if (source.input == component.plugin->id) readers_[i]->restore(source);
  }
  if (options_.replay)
    if (Status status = make_replay(); !status.ok()) return status;
  std::fill(ledger_.outputs.begin(), ledger_.outputs.end(), OutputLedger());
  Status status = start_instances(restored_.state);
  if (status.ok()) status = executor_->make_lanes();
  restored_.state.components.clear();
  if (status.ok()) start_threads();
  return status;
}

// Readers are there all the same: they hold the positions, which stay as they are.
Status Pipeline::make_replay() {
  replay_ = std::make_unique<Replay>(
      graph_, components_, *options_.env, *budget_, *executor_, *dead_letters_, *options_.replay,
      Replay::Hooks{[this](const std::string& text) { fail_with(text); },
                    [this] {
                      const std::lock_guard lock(mutex_);
                      readers_left_--;
                      wake();
                    }});
  readers_left_ = 1;
  return replay_->open();
}

void Pipeline::start_threads() {
  running_ = true;
  for (uint32_t i = 0; i < components_.size(); i++) {
    if (!components_[i].output) continue;
    components_[i].output->start({[this, i] { executor_->room(i); },
                                  [this](const std::string& text) { fail_with(text); },
                                  [this, i](const Control& control) { passed(i, control); }});
  }
  executor_->start();
  last_marker_ = last_tick_ = begun_ = Clock::now();
  reading_ = !!replay_;
  if (!replay_) forced_ = 1;
  coordinator_ = start_thread("snapshots", [this] { coordinate(); });
  if (replay_) replay_->start();
}

// ---- What the parts report ----------------------------------------------------------------------

void Pipeline::wake() {
  event_ = true;
  changed_.notify_all();
}

void Pipeline::fail_with(const std::string& text) {
  {
    const std::lock_guard lock(mutex_);
    wake();
    if (!failure_.empty()) return;
    failure_ = text;
  }
  log_line(NEK_ERROR, "", text);  // at once: the end may be held up by what failed
  tell_stopping();
}

void Pipeline::retired(Task& task) {
  if (!replay_)
    for (const auto& [source, records] : task.records)
      readers_[task.input]->count_records(source, records);
  for (const auto& source : task.letter_sources) dead_letters_->add_source(*source);
  const auto add_letter = [&](const std::string& line) {
    const Status status = dead_letters_->add(task.epoch, line);
    if (!status.ok()) fail_with(status.message());
  };
  if (task.replayed)
    for (const std::string& line : task.replayed->kept) add_letter(line);
  for (const std::string& line : task.dead_letters) add_letter(line);
  {
    const std::lock_guard lock(ledger_mutex_);
    ledger_.add(task.ledger);
    if (task.control.kind == NEK_SNAPSHOT) {
      marker_ledger_ = ledger_;
      marker_clock_ = task.clock;
    }
  }
  if (task.control.kind == NEK_TICK) {
    const auto made = [](const auto& component) {
      return std::any_of(component.begin(), component.end(),
                         [](const StreamLedger& stream) { return stream.created > 0; });
    };
    if (std::any_of(task.ledger.streams.begin(), task.ledger.streams.end(), made))
      tick_made_records_ = true;
    tick_under_way_ = false;
  }
  if (task.control.kind != NEK_SNAPSHOT) return;
  Snapshot& snapshot = *task.control.snapshot;
  for (const auto& reader :
       readers_) {  // the records of all chunks before the marker are counted now
    if (!reader) continue;
    std::map<std::string, uint64_t> records;
    std::string input;
    for (const SourceState& now : reader->states()) {
      records[now.key] = now.at.records;
      input = now.input;
    }
    for (SourceState& source : snapshot.sources)
      if (source.input == input) source.at.records = records[source.key];
  }
  snapshot.done(*snapshot.part(static_cast<uint32_t>(components_.size())), NEK_OK);
}

void Pipeline::passed(uint32_t component, const Control& control) {
  if (control.kind == NEK_SNAPSHOT) {
    control.snapshot->done(*control.snapshot->part(component), NEK_OK);
    return;
  }
  if (control.kind != NEK_COMMITTED) return;
  const std::lock_guard lock(mutex_);
  committed_left_--;
  wake();
}

uint64_t Pipeline::read_bytes() const {
  uint64_t sum = 0;
  for (const auto& reader : readers_)
    if (reader) sum += reader->bytes();
  return sum;
}

// ---- The end ------------------------------------------------------------------------------------

void Pipeline::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_asked_ = true;
  }
  tell_stopping();
  if (replay_) replay_->stop();
  for (auto& reader : readers_)
    if (reader) reader->stop();
}

void Pipeline::tell_stopping() {
  for (Component& component : components_) {
    component.plugin->stopping = true;
    if (component.codec) component.codec->stopping = true;
  }
}

bool Pipeline::wait(milliseconds time) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [&] { return ended_ || !running_; });
}

std::string Pipeline::ending() const {
  const uint32_t component = ending_.load();
  return component < components_.size() ? components_[component].plugin->id : "";
}

void Pipeline::shut_down() {
  {
    const std::lock_guard lock(mutex_);
    if (shutting_down_) return;
    shutting_down_ = true;
    wake();
  }
  tell_stopping();
  const auto each = [this](const auto& end) {
    for (uint32_t i = 0; i < components_.size(); i++) {
      ending_ = i;
      end(i);
    }
    ending_ = UINT32_MAX;
  };
  if (running_) {
    for (auto& reader : readers_)
      if (reader) reader->abort();
    if (replay_) replay_->stop();
    executor_->abort();
    for (Component& component : components_)
      if (component.output) component.output->abort();
    coordinator_.join();
    each([this](uint32_t i) {
      if (readers_[i]) readers_[i]->join();
    });
    if (replay_) replay_->join();
    executor_->join();
    each([this](uint32_t i) {
      if (components_[i].output) components_[i].output->join();
    });
    for (auto& reader : readers_)
      if (reader) reader->close_sources();
  }
  each([this](uint32_t i) {
    components_[i].plugin->stop();
    if (components_[i].codec) components_[i].codec->stop();
  });
  if (executor_) executor_->free_lanes();
}

// ---- What others may know -----------------------------------------------------------------------

std::string Pipeline::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

Ledger Pipeline::ledger() const {
  Ledger ledger;
  {
    const std::lock_guard lock(ledger_mutex_);
    ledger = ledger_;
  }
  for (size_t i = 0; i < components_.size(); i++)
    if (components_[i].output) ledger.outputs[i] = components_[i].output->ledger();
  return ledger;
}

std::vector<SummaryTable> Pipeline::summaries() const {
  std::vector<SummaryTable> all;
  for (const Component& component : components_) add_summary(*component.plugin, all);
  return all;
}

PipelineProgress Pipeline::progress() const {
  PipelineProgress progress;
  progress.bytes = read_bytes();
  progress.memory = budget_->used();
  progress.peak_memory = budget_->peak();
  if (replay_) {
    const ReplayCounts counts = replay_->counts();
    progress.done_bytes = counts.done_bytes;
    progress.total_bytes = counts.total_bytes;
    progress.records = counts.replayed;
    return progress;
  }
  const Ledger now = ledger();
  bool asks_inputs = false;  // not while they are stopped
  {
    const std::lock_guard lock(mutex_);
    asks_inputs = !shutting_down_;
  }
  for (size_t i = 0; i < components_.size(); i++) {
    if (components_[i].kind != Kind::kInput) continue;
    progress.records += now.streams[i][0].created;
    const Instance& plugin = *components_[i].plugin;
    if (!asks_inputs || !plugin.progress || !plugin.started) continue;
    uint64_t done = 0, total = 0;
    plugin.tell("progress", [&] { plugin.progress->progress(plugin.self, &done, &total); });
    progress.done_bytes += done;
    progress.total_bytes += total;
  }
  return progress;
}

}  // namespace nek
