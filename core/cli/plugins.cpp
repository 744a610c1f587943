// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/example_filter.h"
#include "cli/load.h"
#include "cli/table.h"
#include "pipeline/options.h"
#include "pipeline/suggest.h"

namespace nek {
namespace {

using Json = nlohmann::ordered_json;

std::string default_of(const nek_option& option) {
  if (!option.fallback) return "required";
  return *option.fallback ? option.fallback : "-";
}

void add_options(OptionList options, const std::string& prefix, Rows& rows) {
  for (; *options; options++) {
    const nek_option& option = **options;
    std::string type = option.type;
    if (option.range) type += std::string(" ") + option.range;
    std::string doc = option.doc;
    if (option.deprecated) doc += std::string(" Deprecated: use ") + option.deprecated + ".";
    rows.push_back({prefix + option.name, type, default_of(option), doc});
    if (option.options) add_options(option.options, prefix + option.name + ".", rows);
  }
}

void print_options(const nek_plugin& plugin, const char* title) {
  Rows rows;
  add_options(plugin.options, "", rows);
  if (rows.empty()) return;
  rows.insert(rows.begin(), {"OPTION", "TYPE", "DEFAULT", "MEANING"});
  std::printf("\n%s\n%s", title, table(rows).c_str());
}

std::string names_of(const nek_field* fields, uint32_t count) {
  std::vector<std::string> names;
  names.reserve(count);
  for (uint32_t i = 0; i < count; i++) names.emplace_back(fields[i].name);
  return names.empty() ? "-" : join_names(names);
}

const char* stream_kind(uint32_t kind) {
  switch (kind) {
    case NEK_PASS: return "all records";
    case NEK_SUBSET: return "some of the records";
    default: return "records of its own";
  }
}

void print_columns(const nek_plugin& plugin) {
  const ExampleFilter filter(plugin);
  const nek_shape* shape = filter.shape();
  if (!shape) return;
  std::vector<std::string> reads;
  reads.reserve(shape->need_count);
  for (uint32_t i = 0; i < shape->need_count; i++) reads.emplace_back(shape->reads[i].name);
  std::printf("\nColumns read, as in the example: %s\n",
              reads.empty() ? "none" : join_names(reads).c_str());
  Rows rows = {{"STREAM", "HOLDS", "COLUMNS ADDED"}};
  for (uint32_t i = 0; i < shape->stream_count; i++) {
    const nek_stream& stream = shape->streams[i];
    rows.push_back({stream.name, stream_kind(stream.kind),
                    names_of(stream.adds, stream.adds ? stream.add_count : 0)});
  }
  std::fputs(table(rows).c_str(), stdout);
}

Json options_json(OptionList options) {
  Json out = Json::array();
  for (; *options; options++) {
    const nek_option& option = **options;
    Json one = {{"name", option.name}, {"type", option.type}, {"doc", option.doc}};
    one["default"] = option.fallback ? Json(option.fallback) : Json();  // null: it is required
    if (option.range) one["range"] = option.range;
    if (option.deprecated) one["deprecated"] = option.deprecated;
    if (option.options) one["options"] = options_json(option.options);
    out.push_back(std::move(one));
  }
  return out;
}

Json plugin_json(PluginKind kind, const Registry::Entry& entry) {
  const nek_plugin& plugin = *entry.plugin;
  Json out = {{"kind", plugin_kind_name(kind)}, {"name", plugin.name},
              {"version", plugin.version},      {"vendor", plugin.vendor},
              {"licence", plugin.licence},      {"summary", plugin.summary}};
  if (plugin.codec) out["codec"] = plugin.codec;
  if (plugin.example) out["example"] = plugin.example;
  out["options"] = options_json(plugin.options);
  return out;
}

void print_one(const Registry& registry, PluginKind kind, const Registry::Entry& entry) {
  const nek_plugin& plugin = *entry.plugin;
  std::printf("%s %s %s (%s, %s)\n%s\nfrom %s\n", plugin_kind_name(kind), plugin.name,
              plugin.version, plugin.vendor, plugin.licence, plugin.summary, entry.file.c_str());
  print_options(plugin, "Options");
  if (plugin.codec) {
    const PluginKind codec_kind = plugin.input ? PluginKind::kDecoder : PluginKind::kEncoder;
    const std::string title = std::string("Options of its ") + plugin_kind_name(codec_kind) + ", " +
                              plugin.codec + " unless 'codec' says otherwise";
    if (const nek_plugin* codec = registry.find(codec_kind, plugin.codec))
      print_options(*codec, title.c_str());
    if (NEK_HAS(&plugin, codec_defaults) && plugin.codec_defaults)
      std::printf("  Other defaults here: %s\n", plugin.codec_defaults);
  }
  print_columns(plugin);
  if (plugin.example) std::printf("\nExample\n%s\n", plugin.example);
}

ExitCode list_all(const Registry& registry) {
  Rows rows = {{"KIND", "NAME", "VERSION", "SUMMARY"}};
  for (const auto& [key, entry] : registry.entries())
    rows.push_back(
        {plugin_kind_name(key.first), key.second, entry.plugin->version, entry.plugin->summary});
  std::fputs(table(rows, "").c_str(), stdout);
  return kExitOk;
}

}  // namespace

ExitCode plugins(const PluginsOptions& options) {
  const Registry registry = load_registry(options.plugin_folders);
  if (registry.entries().empty()) {
    const std::string folders = join_names(plugin_folders(options.plugin_folders));
    std::fprintf(stderr, "nek: there are no plugins in %s\n", folders.c_str());
    return kExitUsage;
  }
  if (options.name.empty() && !options.json) return list_all(registry);
  Json described = Json::array();
  bool found = options.name.empty();
  std::vector<std::string> names;
  for (const auto& [key, entry] : registry.entries()) {
    names.push_back(key.second);
    if (!options.name.empty() && key.second != options.name) continue;
    if (options.json) {
      described.push_back(plugin_json(key.first, entry));
    } else {
      if (found) std::printf("\n");
      print_one(registry, key.first, entry);
    }
    found = true;
  }
  if (found && options.json) std::printf("%s\n", described.dump(2).c_str());
  if (found) return kExitOk;
  std::fprintf(stderr, "nek: no plugin is called '%s'%s\n", options.name.c_str(),
               did_you_mean(options.name, names, registry.where_looked()).c_str());
  return kExitUsage;
}

}  // namespace nek
