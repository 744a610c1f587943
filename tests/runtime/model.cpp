// SPDX-License-Identifier: Apache-2.0
#include "model.h"

#include "model_plugins.h"

namespace nek::test {
namespace {

using Values = std::vector<uint64_t>;

nek_value number(ConfigTree& tree, const char* key, uint64_t value, bool flag = false) {
  nek_value item{};
  item.kind = flag ? NEK_FLAG : NEK_INTEGER;
  item.key = tree.keep(key);
  item.integer = static_cast<int64_t>(value);
  return item;
}

}  // namespace

std::shared_ptr<ConfigTree> config_of(
    const std::vector<std::pair<const char*, uint64_t>>& options) {
  auto tree = std::make_shared<ConfigTree>();
  std::vector<nek_value> items;
  for (const auto& [key, value] : options) {
    const std::string name = key;
    items.push_back(
        number(*tree, key, value, name == "messages" || name == "faults" || name == "once"));
  }
  tree->root().kind = NEK_MAP;
  tree->root().count = static_cast<uint32_t>(items.size());
  tree->root().items = tree->keep_items(std::move(items));
  return tree;
}

namespace {

class Planner {
 public:
  Planner(uint64_t seed, bool mended) : random_(seed), mended_(mended) {}

  Plan plan() {
    settings();
    const uint32_t inputs = 1 + (roll(4) == 0);
    plan_.count = roll(3) ? roll(3000) : roll(100);
    for (uint32_t i = 0; i < inputs; i++) add_input();
    for (uint32_t i = roll(6); i > 0; i--) add_filter();
    for (uint32_t i = 1 + roll(3); i > 0; i--) add_output();
    return std::move(plan_);
  }

 private:
  struct Stream {
    uint32_t component;
    std::string name;
    Values values;
  };
  uint64_t roll(uint64_t below) { return random_() % below; }

  void settings() {
    PipelineSettings& s = plan_.config.settings;
    s.workers = static_cast<uint32_t>(1 + roll(4));
    s.chunk_bytes = 64 + roll(4000);
    s.memory = roll(2) ? s.chunk_bytes * 4 : s.chunk_bytes * (8 + roll(100));
    s.linger_ms = roll(5);
    s.snapshot_interval_ms = 1 + roll(20);
    s.strict = roll(2) == 0;
    plan_.config.name = "model";
  }
  ComponentConfig& add(Kind kind, const nek_plugin* plugin) {
    ComponentConfig& component = plan_.config.components.emplace_back();
    component.kind = kind;
    component.plugin = plugin;
    component.id = plugin->name + std::to_string(plan_.config.components.size());
    component.config = config_of({});
    component.codec_config = config_of({});
    return component;
  }
  uint32_t last() const { return static_cast<uint32_t>(plan_.config.components.size() - 1); }

  void add_input() {
    ComponentConfig& input = add(Kind::kInput, numbers_input());
    input.codec = numbers_decoder();
    const bool messages = roll(3) == 0;
    const bool once = roll(3) == 0;
    input.config = config_of(
        {{"count", plan_.count}, {"messages", messages}, {"once", once}, {"number", last()}});
    if (once) {
      // Its sources may end in the middle of a number, whenever they end.
      input.spool = {uint64_t{32} << (10 + roll(6)), roll(3) ? roll(30) : 0, false};
      plan_.once.push_back({last(), messages});
      plan_.expected.dead_letters_known = false;
    } else if (!messages)
      plan_.expected.dead_letters += 2;  // the unfinished ends of its two parts
    Values values;
    for (uint64_t v = 0; v < plan_.count; v++) {
      if (!mended_ && is_bad_line(v))
        plan_.expected.dead_letters++;
      else
        values.push_back(v);
    }
    streams_.push_back({last(), "out", values});
  }

  // What one or two streams hold together, and `from` for them.
  Values read_streams(ComponentConfig& component) {
    Values values;
    const uint32_t count = 1 + (roll(4) == 0);
    std::set<size_t> chosen;
    while (chosen.size() < std::min<size_t>(count, streams_.size()))
      chosen.insert(roll(2) ? streams_.size() - 1 - roll(std::min<size_t>(3, streams_.size()))
                            : roll(streams_.size()));
    plan_.expected.once &= chosen.size() == 1;
    for (const size_t i : chosen) {
      component.from.push_back({streams_[i].component, streams_[i].name, 0, 0});
      values.insert(values.end(), streams_[i].values.begin(), streams_[i].values.end());
    }
    return values;
  }

  void add_filter() {
    const nek_plugin* const kinds[] = {pass_filter(), split_filter(), refuse_filter(),
                                       count_filter()};
    const nek_plugin* kind = kinds[roll(4)];
    const Values in = read_streams(add(Kind::kFilter, kind));
    if (kind == split_filter()) {
      Values a, b;
      for (const uint64_t v : in) (is_third(v) ? a : b).push_back(v);
      streams_.push_back({last(), "a", a});
      streams_.push_back({last(), "b", b});
      streams_.push_back({last(), "all", in});
    } else if (kind == refuse_filter()) {
      Values kept;
      for (const uint64_t v : in) {
        if (!mended_ && is_refused(v))
          plan_.expected.dead_letters++;
        else
          kept.push_back(v);
      }
      streams_.push_back({last(), "out", kept});
    } else {
      streams_.push_back({last(), "out", in});
    }
    if (kind != count_filter()) return;
    for (const uint64_t v : in) plan_.expected.once &= v < kCounted;
    Values counts;
    for (uint64_t n = kEvery; n <= in.size(); n += kEvery) counts.push_back(kCounted + n);
    counts.push_back(kTotal + in.size());
    streams_.push_back({last(), "counts", counts});
  }

  void add_output() {
    const bool server = roll(2) == 0;
    const uint64_t output = last() + 1;
    ComponentConfig& component = add(Kind::kOutput, server ? server_output() : disk_output());
    component.codec = text_encoder();
    component.config =
        config_of({{"number", output}, {"slow", roll(3) ? 0 : roll(800)}, {"faults", roll(2)}});
    component.buffer.max_bytes = roll(2) ? 1 + roll(5000) : uint64_t{1} << 20;
    component.buffer.drop_newest = roll(6) == 0;
    const Values in = read_streams(component);
    plan_.expected.may_drop[output] = component.buffer.drop_newest;
    if (!server) {
      plan_.expected.disks[output] = in;
      return;
    }
    auto& values = plan_.expected.servers[output];
    for (const uint64_t v : in) {
      if (mended_ || !is_rejected(v))
        values.insert(v);
      else if (component.buffer.drop_newest)
        plan_.expected.dead_letters_known = false;
      else
        plan_.expected.dead_letters++;
    }
  }

  std::minstd_rand random_;
  const bool mended_;
  Plan plan_;
  std::vector<Stream> streams_;
};

}  // namespace

Plan make_plan(uint64_t seed, bool mended) { return Planner(seed, mended).plan(); }

}  // namespace nek::test
