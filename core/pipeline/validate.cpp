// SPDX-License-Identifier: Apache-2.0
#include "pipeline/validate.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <set>

#include "nek/text.hpp"
#include "pipeline/common_options.h"
#include "pipeline/options.h"
#include "pipeline/scalar.h"
#include "pipeline/suggest.h"

namespace nek {
namespace {

bool is_id(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-';
  });
}

// A name from a file's, for pipelines that do not give themselves one.
std::string name_of_file(const std::string& file) {
  std::string name = std::filesystem::path(file).stem().string();
  for (char& c : name)
    if (!is_id({&c, 1})) c = '_';
  return name.empty() ? "pipeline" : name;
}

Place place_of(const nek_value& value) { return {value.line, value.column}; }

PluginKind plugin_kind(Kind kind) {
  switch (kind) {
    case Kind::kInput: return PluginKind::kInput;
    case Kind::kFilter: return PluginKind::kFilter;
    case Kind::kOutput: return PluginKind::kOutput;
  }
  return PluginKind::kFilter;
}

std::string with_article(const std::string& name) {
  return (std::string_view("aeiou").find(name[0]) == std::string_view::npos ? "a " : "an ") + name;
}

class Validator {
 public:
  Validator(const Document& document, const Registry& plugins, Diagnostics& diagnostics)
      : root_(document.root), plugins_(plugins), diagnostics_(diagnostics) {
    config_.file = document.file;
  }

  std::optional<PipelineConfig> run() {
    const size_t errors = diagnostics_.error_count();
    if (root_.kind != Node::Kind::kMap) {
      error(root_.place, "a pipeline is a map with the keys inputs, filters and outputs");
      return std::nullopt;
    }
    read_top_level();
    read_components("inputs", Kind::kInput);
    read_components("filters", Kind::kFilter);
    read_components("outputs", Kind::kOutput);
    name_components();
    resolve_from();
    if (diagnostics_.error_count() > errors) return std::nullopt;
    return std::move(config_);
  }

 private:
  // What stands in the file of a component beside what PipelineConfig keeps.
  struct Written {
    std::string plugin, id;
    Place id_place;
    std::unique_ptr<ConfigTree> common = std::make_unique<ConfigTree>();
    const nek_value* from = nullptr;  // in `common`
  };

  void error(Place place, std::string text) { diagnostics_.error(place, std::move(text)); }

  // ---- name, data_dir, settings

  void read_top_level() {
    static const std::vector<std::string> kKeys = {"name",    "inputs",   "filters",
                                                   "outputs", "settings", "data_dir"};
    for (const MapEntry& entry : root_.entries) {
      if (std::find(kKeys.begin(), kKeys.end(), entry.key) == kKeys.end())
        error(entry.place, "unknown key " + in_quotes(entry.key) + did_you_mean(entry.key, kKeys));
    }
    config_.name = read_text("name");
    if (config_.name.empty()) config_.name = name_of_file(config_.file);
    if (!is_id(config_.name))
      error(root_.find("name")->value.place, "'name' may hold letters, digits, '_' and '-' only");
    config_.settings.data_dir = read_text("data_dir");
    if (const MapEntry* settings = root_.find("settings")) read_settings(*settings);
  }

  void read_settings(const MapEntry& entry) {
    const size_t errors = diagnostics_.error_count();
    ConfigTree tree;
    const OptionTarget target{settings_options(), &tree};
    read_options(entry.value, entry.place, "settings", {&target, 1}, diagnostics_);
    PipelineSettings& settings = config_.settings;
    bind_settings(tree.root(), settings);
    const uint64_t largest = std::max(settings.chunk_bytes, settings.max_record_bytes);
    if (diagnostics_.error_count() == errors && settings.memory < 2 * largest)
      error(entry.place,
            "settings: 'memory' must be at least twice 'chunk_bytes' and 'max_record_bytes'");
  }

  std::string read_text(std::string_view key) {
    const MapEntry* entry = root_.find(key);
    if (!entry || entry->value.kind == Node::Kind::kNull) return {};
    if (entry->value.kind == Node::Kind::kScalar) return entry->value.text;
    error(entry->value.place,
          in_quotes(key) + " must be text, not " + kind_name(entry->value.kind));
    return {};
  }

  // ---- components

  void read_components(const char* key, Kind kind) {
    const MapEntry* list = root_.find(key);
    const bool empty = !list || list->value.kind == Node::Kind::kNull ||
                       (list->value.kind == Node::Kind::kSequence && list->value.items.empty());
    if (empty) {
      if (kind != Kind::kFilter)
        error(list ? list->place : Place{},
              std::string("there are no ") + key + "; a pipeline needs at least one");
      return;
    }
    if (list->value.kind != Node::Kind::kSequence) {
      error(list->value.place, in_quotes(key) + " must be a list, not " +
                                   kind_name(list->value.kind) + "; begin each " + kind_name(kind) +
                                   " with '-'");
      return;
    }
    for (const Node& item : list->value.items) read_component(item, kind);
  }

  void read_component(const Node& item, Kind kind) {
    const std::string what = kind_name(kind);
    if (item.kind == Node::Kind::kScalar)
      return add_component({item.text, item.place, false, {}}, kind);
    if (item.kind != Node::Kind::kMap || item.entries.empty())
      return error(item.place, with_article(what) +
                                   " is written as '- NAME:' with its options below, not " +
                                   kind_name(item.kind));
    if (item.entries.size() > 1) {
      const MapEntry& second = item.entries[1];
      return error(
          second.place,
          in_quotes(second.key) + " stands beside " + in_quotes(item.entries[0].key) +
              "; indent it further to make it an option, or begin it with '-' to make it " +
              with_article(what) + " of its own");
    }
    add_component(item.entries[0], kind);
  }

  void add_component(const MapEntry& entry, Kind kind) {
    ComponentConfig component;
    Written written;
    component.kind = kind;
    component.line = entry.place.line;
    component.column = entry.place.column;
    written.plugin = entry.key;
    read_id(written, entry.value);
    component.plugin = find_plugin(plugin_kind(kind), entry.key, entry.place);
    if (component.plugin) {
      component.codec = choose_codec(component, entry);
      component.config = std::make_shared<ConfigTree>();
      component.codec_config = std::make_shared<ConfigTree>();
      read_component_options(component, written, entry);
    }
    config_.components.push_back(std::move(component));
    written_.push_back(std::move(written));
  }

  // Before all else, so that a `from` that names a component in error is not a second error.
  static void read_id(Written& written, const Node& options) {
    const MapEntry* id = options.find("id");
    if (!id || id->value.kind != Node::Kind::kScalar) return;
    written.id = id->value.text;
    written.id_place = id->value.place;
  }

  const nek_plugin* find_plugin(PluginKind kind, const std::string& name, Place place) {
    if (const nek_plugin* plugin = plugins_.find(kind, name)) return plugin;
    const std::string unknown =
        std::string("unknown ") + plugin_kind_name(kind) + " " + in_quotes(name);
    for (PluginKind other : {PluginKind::kInput, PluginKind::kDecoder, PluginKind::kFilter,
                             PluginKind::kEncoder, PluginKind::kOutput}) {
      if (!plugins_.find(other, name)) continue;
      error(place,
            unknown + "; " + in_quotes(name) + " is " + with_article(plugin_kind_name(other)));
      return nullptr;
    }
    const std::vector<std::string> names = plugins_.names(kind);
    const std::string looked = plugins_.where_looked();
    error(place, unknown + (names.empty() ? std::string("; no ") + plugin_kind_name(kind) +
                                                " plugin was found" + looked
                                          : did_you_mean(name, names, looked)));
    return nullptr;
  }

  // Whether it works on bytes that a codec makes or takes; an output may encode for itself instead.
  static bool needs_codec(const ComponentConfig& component) {
    if (component.kind == Kind::kInput) return true;
    return component.kind == Kind::kOutput &&
           (component.plugin->codec || !component.plugin->output->encode);
  }

  // NULL: it needs none, or an error was reported.
  const nek_plugin* choose_codec(const ComponentConfig& component, const MapEntry& entry) {
    const MapEntry* chosen = component.kind == Kind::kFilter ? nullptr : entry.value.find("codec");
    if (!needs_codec(component)) {
      if (chosen) error(chosen->place, entry.key + ": it encodes for itself and takes no codec");
      return nullptr;
    }
    const PluginKind kind =
        component.kind == Kind::kInput ? PluginKind::kDecoder : PluginKind::kEncoder;
    if (chosen && chosen->value.kind == Node::Kind::kScalar)
      return find_plugin(kind, chosen->value.text, chosen->value.place);
    if (component.plugin->codec) return find_plugin(kind, component.plugin->codec, entry.place);
    error(entry.place, entry.key +
                           ": it has no codec of its own; choose one by 'codec'; there are: " +
                           join_names(plugins_.names(kind)));
    return nullptr;
  }

  // The plugin's own wishes are for the codec that it names.
  static const char* codec_defaults(const nek_plugin& plugin, const nek_plugin& codec) {
    const bool has = NEK_HAS(&plugin, codec_defaults) && plugin.codec_defaults && plugin.codec;
    return has && std::string_view(plugin.codec) == codec.name ? plugin.codec_defaults : nullptr;
  }

  static auto codec_defaults_of(const nek_plugin& plugin, const nek_plugin& codec) {
    const bool has = NEK_HAS(&plugin, codec_defaults_of) && plugin.codec;
    return has && std::string_view(plugin.codec) == codec.name ? plugin.codec_defaults_of : nullptr;
  }

  void read_component_options(ComponentConfig& component, Written& written, const MapEntry& entry) {
    std::vector<OptionTarget> targets = {{common_options(component.kind), written.common.get()},
                                         {component.plugin->options, component.config.get()}};
    if (component.codec)
      targets.push_back({component.codec->options, component.codec_config.get(),
                         codec_defaults(*component.plugin, *component.codec),
                         codec_defaults_of(*component.plugin, *component.codec)});
    check_shared_names(component, targets, entry.place);
    const bool lacks_codec = needs_codec(component) && !component.codec;
    read_options(entry.value, entry.place, entry.key, targets, diagnostics_,
                 lacks_codec ? UnknownKeys::kIgnored : UnknownKeys::kError);
    const CommonOptions common = bind_common(written.common->root());
    written.from = common.from;
    component.buffer = common.buffer;
    component.spool = common.spool;
    check_spool(component, entry.place);
  }

  // A record that is not complete holds its segment, an eighth of the spool, and all after it; and
  // what drops needs segments of which the pipeline has nothing.
  void check_spool(const ComponentConfig& component, Place place) {
    const PipelineSettings& settings = config_.settings;
    const bool drops = component.spool.drop_oldest;
    const uint64_t least =
        (drops ? 16 : 4) * std::max(settings.chunk_bytes, settings.max_record_bytes);
    if (component.spool.max_bytes > 0 && component.spool.max_bytes < least)
      error(place, std::string(component.plugin->name) +
                       ": 'spool.max_bytes' must be 0, or at least " +
                       (drops ? "16 times" : "four times") +
                       " 'chunk_bytes' and 'max_record_bytes' of the settings, " +
                       format_bytes(static_cast<int64_t>(least)) +
                       (drops ? " where 'when_full' is 'drop_oldest'" : ""));
  }

  void check_shared_names(const ComponentConfig& component, std::span<const OptionTarget> targets,
                          Place place) {
    for (OptionList o = targets[1].options; *o; o++) {
      const std::string name = (*o)->name;
      if (find_option(targets[0].options, name))
        error(place, std::string(component.plugin->name) + ": the plugin's option " +
                         in_quotes(name) + " has the name of an option that every " +
                         kind_name(component.kind) + " has");
      if (targets.size() > 2 && find_option(targets[2].options, name))
        error(place, std::string(component.plugin->name) + ": option " + in_quotes(name) +
                         " is in both the plugin and its codec " +
                         in_quotes(component.codec->name) + "; choose another codec");
    }
  }

  // ---- ids

  void name_components() {
    std::map<std::string, Place, std::less<>> taken;
    for (size_t i = 0; i < written_.size(); i++) {
      config_.components[i].id = written_[i].id;
      if (written_[i].id_place.line > 0) take_id(written_[i].id, written_[i].id_place, taken);
    }
    for (size_t i = 0; i < written_.size(); i++) {
      ComponentConfig& component = config_.components[i];
      if (!component.id.empty()) continue;
      component.id = written_[i].plugin;
      for (int n = 2; taken.contains(component.id); n++)
        component.id = written_[i].plugin + "_" + std::to_string(n);
      taken.emplace(component.id, Place{component.line, component.column});
    }
  }

  void take_id(const std::string& id, Place place,
               std::map<std::string, Place, std::less<>>& taken) {
    if (!is_id(id))
      error(place, "id " + in_quotes(id) + " may hold letters, digits, '_' and '-' only");
    const auto [first, fresh] = taken.emplace(id, place);
    if (!fresh)
      error(place, "id " + in_quotes(id) + " is already taken in line " +
                       std::to_string(first->second.line));
  }

  // ---- from

  void resolve_from() {
    std::vector<uint32_t> inputs;
    std::optional<uint32_t> before;  // the last filter so far
    for (uint32_t i = 0; i < config_.components.size(); i++) {
      ComponentConfig& component = config_.components[i];
      if (component.kind == Kind::kInput) {
        inputs.push_back(i);
        continue;
      }
      if (written_[i].from) {
        read_from(component, *written_[i].from);
      } else {
        for (uint32_t source : before ? std::vector<uint32_t>{*before} : inputs)
          component.from.push_back({source, "", component.line, component.column});
      }
      if (component.kind == Kind::kFilter) before = i;
    }
  }

  void read_from(ComponentConfig& component, const nek_value& from) {
    if (from.count == 0) error(place_of(from), component.id + ": 'from' is empty");
    std::set<std::string_view> seen;
    for (uint32_t i = 0; i < from.count; i++) {
      const std::string_view text = to_view(from.items[i].string);
      const Place place = place_of(from.items[i]);
      if (!seen.insert(text).second) {
        error(place, component.id + ": 'from' names " + in_quotes(text) + " twice");
        continue;
      }
      const size_t dot = text.find('.');
      const std::optional<uint32_t> source = find_source(component, text.substr(0, dot), place);
      if (!source) continue;
      const std::string stream(dot == std::string_view::npos ? "" : text.substr(dot + 1));
      component.from.push_back({*source, stream, place.line, place.column});
    }
  }

  std::optional<uint32_t> find_source(const ComponentConfig& reader, std::string_view id,
                                      Place place) {
    std::vector<std::string> ids;
    for (uint32_t i = 0; i < config_.components.size(); i++) {
      const ComponentConfig& component = config_.components[i];
      if (component.id == id && component.kind != Kind::kOutput) return i;
      if (component.id == id) {
        error(place, reader.id + ": 'from' names " + in_quotes(id) +
                         ", an output; nothing can be read from it");
        return std::nullopt;
      }
      if (component.kind != Kind::kOutput) ids.push_back(component.id);
    }
    error(place, reader.id + ": 'from' names " + in_quotes(id) + ", which no component is called" +
                     did_you_mean(id, ids));
    return std::nullopt;
  }

  const Node& root_;
  const Registry& plugins_;
  Diagnostics& diagnostics_;
  PipelineConfig config_;
  std::vector<Written> written_;  // one a component
};

}  // namespace

std::optional<PipelineConfig> validate(const Document& document, const Registry& plugins,
                                       Diagnostics& diagnostics) {
  return Validator(document, plugins, diagnostics).run();
}

}  // namespace nek
