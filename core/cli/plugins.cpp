// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/load.h"
#include "pipeline/options.h"
#include "pipeline/suggest.h"

namespace nek {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// Rows of cells as aligned columns; the last one is as wide as it is.
std::string table(const Rows& rows, const std::string& indent) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); c++) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string out;
  for (const auto& row : rows) {
    out += indent;
    for (size_t c = 0; c < row.size(); c++) {
      const bool last = c + 1 == row.size();
      out += row[c] + (last ? "" : std::string(widths[c] - row[c].size() + 2, ' '));
    }
    out += '\n';
  }
  return out;
}

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
  std::printf("\n%s\n%s", title, table(rows, "  ").c_str());
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
  }
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
  if (options.name.empty()) return list_all(registry);
  bool found = false;
  std::vector<std::string> names;
  for (const auto& [key, entry] : registry.entries()) {
    names.push_back(key.second);
    if (key.second != options.name) continue;
    if (found) std::printf("\n");
    found = true;
    print_one(registry, key.first, entry);
  }
  if (found) return kExitOk;
  std::fprintf(stderr, "nek: no plugin is called '%s'%s\n", options.name.c_str(),
               did_you_mean(options.name, names).c_str());
  return kExitUsage;
}

}  // namespace nek
