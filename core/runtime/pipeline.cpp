// SPDX-License-Identifier: Apache-2.0
#include "runtime/pipeline.h"

#include <algorithm>
#include <filesystem>

#include "nek/text.hpp"
#include "util/log.h"

namespace nek {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLook{20};              // how often the coordinator looks at the clock
constexpr milliseconds kFirstSnapshot{10000};  // how long reading waits for it

// Of an input whose place a replay takes.
constexpr nek_shape kIdleShape = {sizeof(nek_shape), false, 0, 0, nullptr, nullptr, 0, 0, false};

Place place_of(const ComponentConfig& component, const nek_value* at) {
  if (at && at->line) return {at->line, at->column};
  return {component.line, component.column};
}

}  // namespace

Pipeline::Pipeline(PipelineConfig config, PipelineOptions options)
    : config_(std::move(config)), options_(std::move(options)) {
  const std::filesystem::path folder = options_.data_dir;
  state_path_ = (folder / "state").string();
  budget_ = std::make_unique<Budget>(config_.settings.memory);
  dead_letters_ = std::make_unique<DeadLetters>(
      *options_.env, (folder / "dead-letters.ndjson").string(), config_.settings.dead_letters);
  own_file_ = own_file();
}

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
    if (idle) component.plugin->shape = &kIdleShape;
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

// What was set aside before stays: state.old, then state.old-2, and the dead letters alike.
Status Pipeline::set_aside() {
  const auto names = options_.env->list(options_.data_dir);
  if (!names.ok()) return names.status();
  std::string suffix = ".old";
  const auto taken = [&](const std::string& name) { return name.ends_with(suffix); };
  for (int number = 2; std::any_of(names->begin(), names->end(), taken); number++)
    suffix = ".old-" + std::to_string(number);
  Status status = dead_letters_->set_aside(suffix);
  if (status.ok() && options_.env->exists(state_path_))
    status = options_.env->rename(state_path_, state_path_ + suffix);
  return status;
}

// Two processes would write the same state and the same files.
Status Pipeline::lock_data_dir() {
  Status status = options_.env->make_dirs(options_.data_dir);
  if (!status.ok()) return status;
  auto lock = options_.env->lock((std::filesystem::path(options_.data_dir) / "lock").string());
  if (!lock.ok())
    return fail("cannot use " + options_.data_dir + ": " + lock.status().message() +
                "; end the nek that runs there, or give this one another --data-dir");
  data_dir_lock_ = std::move(*lock);
  return {};
}

// Which components there are and what each reads: a ledger of another form counts other things.
uint64_t Pipeline::form() const {
  ByteWriter all;
  for (size_t i = 0; i < graph_.nodes.size(); i++) {
    all.text(config_.components[i].id);
    for (const auto& [component, stream] : graph_.nodes[i].sources) {
      all.number(component);
      all.number(stream);
    }
  }
  return hash64(all.bytes());
}

Status Pipeline::restore() {
  Status status = lock_data_dir();
  if (status.ok() && options_.from_start) status = set_aside();
  if (!status.ok()) return status;
  if (options_.replay && !options_.env->exists(state_path_))
    return fail("there is nothing to replay: no nek has run with the data_dir " +
                options_.data_dir);
  // Dead letters without a state are another run's: they are kept.
  if (!options_.env->exists(state_path_)) status = set_aside();
  if (!status.ok()) return status;
  auto state = read_state(*options_.env, state_path_);
  if (!state.ok()) return state.status();
  restored_ = std::move(*state);
  status = dead_letters_->restore(restored_.dead_letters);
  restored_ledger_ = ledger_;
  if (!status.ok() || options_.replay) return status;
  ByteReader ledger(restored_.ledger);
  Ledger base(graph_);
  if (ledger.number<uint64_t>() == form() && base.read(ledger)) {
    ledger_ = base;
  } else if (!restored_.ledger.empty()) {
    log_line(NEK_WARN, "",
             "the pipeline has other components than at the last run: the ledger begins at 0");
  }
  restored_ledger_ = ledger_;
  for (size_t i = 0; i < components_.size(); i++)
    if (components_[i].kind == Kind::kInput)
      restored_records_ += restored_ledger_.streams[i][0].created;
  warn_of_spools();
  warn_of_other_file();
  warn_of_new_outputs();
  return {};
}

// The file that the pipeline stands in, as the state knows it; empty where it is no file that
// stays.
std::string Pipeline::own_file() const {
  std::error_code error;
  const auto path = std::filesystem::absolute(config_.file, error).lexically_normal();
  const bool stays = !config_.file.empty() && !error && options_.env->exists(path.string()) &&
                     !path.string().starts_with("/dev/") && !path.string().starts_with("/proc/");
  return stays ? path.string() : std::string();
}

// Two pipelines with one state: what one has read counts as delivered in the other too. A file that
// is gone was moved.
void Pipeline::warn_of_other_file() const {
  const auto known = restored_.components.find("");
  if (known == restored_.components.end()) return;
  const std::string& other = known->second;
  if (own_file_.empty() || other.empty() || own_file_ == other || !options_.env->exists(other))
    return;
  std::error_code error;
  if (std::filesystem::equivalent(own_file_, other, error)) return;  // by another name
  log_line(NEK_WARN, "",
           "the state in " + options_.data_dir + " is that of another file, " + other +
               ": what that pipeline has read counts as delivered here too. If they are two "
               "pipelines, give this one a 'name' or a data_dir of its own; if it is to deliver "
               "all again, --from-start");
}

// An output that is new gets nothing of what earlier runs delivered.
void Pipeline::warn_of_new_outputs() const {
  uint64_t records = 0;
  for (const SourceState& source : restored_.sources) records += source.at.records;
  if (records == 0) return;
  for (const Component& c : components_) {
    const std::string& id = c.plugin->id;
    if (c.kind != Kind::kOutput ||
        std::find(restored_.ids.begin(), restored_.ids.end(), id) != restored_.ids.end())
      continue;
    log_line(NEK_WARN, "",
             "output '" + id + "' is new: it gets what is read from now on, and none of the " +
                 std::to_string(records) + (records == 1 ? " record" : " records") +
                 " of earlier runs. --from-start delivers all of them again, to each output");
  }
}

// What an input has read that is not there any more, or is called otherwise now.
void Pipeline::warn_of_spools() {
  const std::string folder = (std::filesystem::path(options_.data_dir) / "spool").string();
  const auto ids = options_.env->list(folder);
  if (!ids.ok()) return;
  for (const std::string& id : *ids) {
    if (std::any_of(components_.begin(), components_.end(), [&](const Component& c) {
          return c.kind == Kind::kInput && c.plugin->id == id;
        }))
      continue;
    const auto left = options_.env->list((std::filesystem::path(folder) / id).string());
    if (left.ok() && !left->empty())
      log_line(NEK_WARN, "",
               "no input is called '" + id + "', and what it had read still waits in its spool, " +
                   (std::filesystem::path(folder) / id).string());
  }
}

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
  Status status = restore();
  if (!status.ok()) return status;
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
  if (!executor_->restore_clock(restored_.clock))
    return fail("cannot restore from " + state_path_ + ": its clock cannot be read");
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
        (std::filesystem::path(options_.data_dir) / "spool" / component.plugin->id).string(),
        options_.retry, *budget_, *executor_,
        Reader::Hooks{[this](const std::string& text) { fail_with(text); },
                      [this] {
                        const std::lock_guard lock(mutex_);
                        readers_left_--;
                        wake();
                      },
                      [this](milliseconds time) { snapshot_now(time); }});
    if (!options_.replay) readers_left_++;
    for (const SourceState& source : restored_.sources)
      if (source.input == component.plugin->id) readers_[i]->restore(source);
  }
  if (options_.replay) {
    status = make_replay();
    if (!status.ok()) return status;
  }
  std::fill(ledger_.outputs.begin(), ledger_.outputs.end(), OutputLedger());
  status = start_instances(restored_);
  if (status.ok()) status = executor_->make_lanes();
  restored_.components.clear();
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
  last_marker_ = last_tick_ = Clock::now();
  coordinator_ = std::thread([this] { coordinate(); });
  // Else a crash before the first snapshot would leave files that nobody knows to be ours: those of
  // an output that is new, or writes to another path.
  if (!replay_) snapshot_now(kFirstSnapshot);
  if (replay_) {
    replay_->start();
    return;
  }
  for (auto& reader : readers_)
    if (reader) reader->start();
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

// ---- Snapshots and the end ----------------------------------------------------------------------

void Pipeline::submit_control(Control control, const std::function<void()>& prepare) {
  auto task = executor_->new_task();
  task->control = std::move(control);
  executor_->submit(std::move(task), [&](Task&) {
    if (prepare) prepare();
  });
}

bool Pipeline::snapshot_due(Clock::time_point now) const {
  {
    const std::lock_guard lock(mutex_);
    if (forced_ > epoch_) return true;
  }
  if (executor_->chunks() == chunks_at_marker_ && !tick_made_records_) return false;
  const auto since = now - last_marker_;
  const milliseconds interval(std::max(config_.settings.snapshot_interval_ms, least_interval_ms_));
  if (since >= interval) return true;
  return since >= milliseconds(least_interval_ms_) &&
         read_bytes() - bytes_at_marker_ >= config_.settings.snapshot_bytes;
}

void Pipeline::begin_snapshot() {
  uint32_t answers = 1;  // the marker's own way through
  std::vector<std::string> ids;
  for (const Component& component : components_) {
    ids.push_back(component.plugin->id);
    if (component.output ||
        (component.kind == Kind::kFilter && component.plugin->wants(NEK_SNAPSHOT)))
      answers++;
  }
  ids.emplace_back();  // the pipeline itself
  uint64_t epoch = 0;
  {
    const std::lock_guard lock(mutex_);
    epoch = epoch_++;
  }
  snapshot_ = std::make_shared<Snapshot>(*options_.env, state_path_, epoch, std::move(ids), answers,
                                         [this] {
                                           const std::lock_guard lock(mutex_);
                                           answered_ = true;
                                           wake();
                                         });
  snapshot_->write(static_cast<uint32_t>(components_.size()), own_file_);
  last_marker_ = Clock::now();
  Control control;
  control.kind = NEK_SNAPSHOT;
  control.snapshot = snapshot_;
  submit_control(std::move(control), [&] {
    chunks_at_marker_ = executor_->chunks();
    tick_made_records_ = false;
    bytes_at_marker_ = read_bytes();
    if (replay_) replay_head_ = replay_->head();
    for (const auto& reader : readers_) {
      if (!reader) continue;
      const auto states = reader->states();
      snapshot_->sources.insert(snapshot_->sources.end(), states.begin(), states.end());
    }
  });
}

Status Pipeline::publish(Snapshot& snapshot) {
  Status status = snapshot.outcome();
  if (!status.ok()) return status;
  auto letters = dead_letters_->commit(snapshot.epoch(), replay_ ? &replay_head_ : nullptr);
  if (!letters.ok()) return letters.status();
  State rest;
  Ledger ledger;
  {
    const std::lock_guard lock(ledger_mutex_);
    ledger = marker_ledger_;
    rest.clock = marker_clock_;
  }
  for (size_t i = 0; i < components_.size(); i++)
    if (components_[i].output) ledger.outputs[i] = components_[i].output->ledger(snapshot.epoch());
  ByteWriter bytes;
  bytes.number(form());
  ledger.write(bytes);
  rest.sources = snapshot.sources;
  rest.dead_letters = *letters;
  // What was counted when the records came first stays; a replay's own ledger is only shown.
  rest.ledger = replay_ ? restored_.ledger : bytes.bytes();
  rest.finished = finish_sent_ ? finished_ : restored_.finished && bytes_at_marker_ == 0;
  status = snapshot.publish(rest);
  if (status.ok()) dead_letters_->forget(snapshot.epoch());
  return status;
}

// Waits until the snapshot that was published is durable. Nothing may go on before: neither is it
// known which of the two a crash of the machine would leave, nor could it be taken back. False: the
// end came first.
bool Pipeline::keep(Snapshot& snapshot) {
  for (bool told = false;; told = true) {
    const Status status = snapshot.keep();
    if (status.ok()) return true;
    if (!told) log_line(NEK_WARN, "", status.message() + "; no snapshot is complete until it can");
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, options_.retry.base * 10,
                          [&] { return shutting_down_ || !failure_.empty(); }))
      return false;
  }
}

void Pipeline::finish_snapshot() {
  const auto snapshot = std::exchange(snapshot_, nullptr);
  const Status status = publish(*snapshot);
  if (!status.ok()) {
    log_line(NEK_WARN, "", "snapshot failed, the last complete one stays: " + status.message());
    dead_letters_->postpone(snapshot->epoch());
    chunks_at_marker_ = UINT64_MAX;  // there is something to be saved still
    last_marker_ = Clock::now() + options_.retry.base * 10;
    return;
  }
  if (!keep(*snapshot)) return;
  for (size_t i = 0; i < readers_.size(); i++) {
    if (!readers_[i]) continue;
    std::vector<SourceState> own;
    for (const SourceState& source : snapshot->sources)
      if (source.input == components_[i].plugin->id) own.push_back(source);
    readers_[i]->committed(own);
  }
  {
    const std::lock_guard lock(mutex_);
    published_ = snapshot->epoch() + 1;
    wake();
    committed_left_ = static_cast<uint32_t>(std::count_if(
        components_.begin(), components_.end(), [](const Component& c) { return !!c.output; }));
  }
  last_snapshot_done_ = finish_sent_;
  Control control;
  control.kind = NEK_COMMITTED;
  submit_control(std::move(control));
}

void Pipeline::snapshot_now(milliseconds time) {
  std::unique_lock lock(mutex_);
  forced_ = std::max(forced_, epoch_ + 1);
  const uint64_t want = forced_;
  wake();
  changed_.wait_for(lock, time,
                    [&] { return published_ >= want || !failure_.empty() || shutting_down_; });
}

void Pipeline::coordinate() {
  std::unique_lock lock(mutex_);
  while (!shutting_down_ && failure_.empty()) {
    lock.unlock();
    const bool goes_on = coordinate_once();
    lock.lock();
    if (!goes_on) break;
    changed_.wait_for(lock, kLook, [&] { return std::exchange(event_, false); });
  }
  ended_ = true;
  changed_.notify_all();
}

bool Pipeline::coordinate_once() {
  bool answered, stop_asked, readers_done, committed;
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.empty()) return false;  // what failed is not in what was answered
    answered = std::exchange(answered_, false);
    stop_asked = stop_asked_;
    readers_done = readers_left_ == 0;
    committed = committed_left_ == 0;
  }
  if (answered) finish_snapshot();
  if (last_snapshot_done_) {
    const std::lock_guard lock(mutex_);
    return committed_left_ > 0;
  }
  const auto now = Clock::now();
  // One at a time: behind a full output they would pile up.
  if (wants_ticks_ && !finish_sent_ && now - last_tick_ >= options_.tick &&
      !tick_under_way_.exchange(true)) {
    last_tick_ = now;
    Control control;
    control.kind = NEK_TICK;
    control.time_ms = options_.env->now_ms();
    submit_control(std::move(control));
  }
  if (snapshot_ || !committed) return true;
  if (readers_done && !finish_sent_) {
    finish_sent_ = true;
    Control control;
    control.kind = NEK_FINISH;
    // What was finished before and got nothing new is not finished twice.
    const bool nothing_new = restored_.finished && read_bytes() == 0 && !replay_;
    // After a replay the inputs are where they were.
    finished_ = replay_ ? restored_.finished && !stop_asked : nothing_new || !stop_asked;
    control.drain =
        replay_ ? !finished_ || replay_->counts().replayed == 0 : nothing_new || stop_asked;
    submit_control(std::move(control));
    begin_snapshot();
  } else if (finish_sent_ ? now >= last_marker_ : snapshot_due(now)) {
    begin_snapshot();
  }
  return true;
}

void Pipeline::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_asked_ = true;
  }
  if (replay_) replay_->stop();
  for (auto& reader : readers_)
    if (reader) reader->stop();
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

namespace {

struct Collector : nek_summary {
  Collector(std::string id, std::vector<SummaryTable>& all)
      : nek_summary{sizeof(nek_summary), add_table, add_row},
        component(std::move(id)),
        tables(all) {}
  static Collector& of(nek_summary* summary) { return *static_cast<Collector*>(summary); }
  static void add_table(nek_summary* to, const char* title, const nek_summary_column* columns,
                        uint32_t count) {
    SummaryTable table{of(to).component, title, {}, {}};
    for (uint32_t i = 0; i < count; i++)
      table.columns.push_back({columns[i].name, columns[i].number});
    of(to).tables.push_back(std::move(table));
    of(to).begun = true;
  }
  static void add_row(nek_summary* to, const nek_text* cells) {
    if (!of(to).begun) return;
    SummaryTable& table = of(to).tables.back();
    auto& row = table.rows.emplace_back();
    for (size_t i = 0; i < table.columns.size(); i++) row.emplace_back(to_view(cells[i]));
  }
  const std::string component;
  std::vector<SummaryTable>& tables;
  bool begun = false;
};

}  // namespace

std::vector<SummaryTable> Pipeline::summaries() const {
  std::vector<SummaryTable> all;
  for (const Component& component : components_) {
    const Instance& plugin = *component.plugin;
    if (!plugin.summary || !plugin.started) continue;
    Collector collector(plugin.id, all);
    plugin.tell("summary", [&] { plugin.summary->summary(plugin.self, &collector); });
  }
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
