// SPDX-License-Identifier: Apache-2.0
#include "host/registry.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "host/loader.h"

namespace nek {

namespace {

// Whether a pipeline of this text may use plugins of file `stem`.so.
bool may_be_named(const std::string& stem, std::string_view text) {
  for (const char* kind : {"nek-input-", "nek-filter-", "nek-output-"})
    if (stem.starts_with(kind)) return text.find(stem.substr(std::strlen(kind))) != text.npos;
  return true;
}

}  // namespace

const char* plugin_kind_name(PluginKind kind) {
  switch (kind) {
    case PluginKind::kInput: return "input";
    case PluginKind::kDecoder: return "decoder";
    case PluginKind::kFilter: return "filter";
    case PluginKind::kEncoder: return "encoder";
    case PluginKind::kOutput: return "output";
  }
  return "?";
}

PluginKind plugin_kind(const nek_plugin& plugin) {
  if (plugin.input) return PluginKind::kInput;
  if (plugin.decoder) return PluginKind::kDecoder;
  if (plugin.filter) return PluginKind::kFilter;
  return plugin.encoder ? PluginKind::kEncoder : PluginKind::kOutput;
}

Status Registry::add(const nek_plugin* plugin, const std::string& file) {
  const PluginKind kind = plugin_kind(*plugin);
  const auto [at, added] = entries_.try_emplace({kind, plugin->name}, Entry{plugin, file});
  if (added || at->second.plugin == plugin) return {};
  return fail(file + " offers the " + plugin_kind_name(kind) + " '" + plugin->name + "', which " +
              at->second.file + " offers already: remove one of the files");
}

Status Registry::add_file(const std::string& path) {
  auto plugins = load_plugins(path);
  if (!plugins.ok()) return plugins.status();
  for (const nek_plugin* plugin : *plugins) {
    Status status = add(plugin, path);
    if (!status.ok()) return status;
  }
  return {};
}

std::vector<Status> Registry::add_folder(const std::string& path,
                                         std::optional<std::string_view> text) {
  if (std::find(folders_.begin(), folders_.end(), path) == folders_.end()) folders_.push_back(path);
  std::vector<std::string> files;
  std::error_code code;
  for (const auto& file : std::filesystem::directory_iterator(path, code))
    if (file.path().extension() == ".so" && (!text || may_be_named(file.path().stem(), *text)))
      files.push_back(file.path().string());
  std::sort(files.begin(), files.end());
  std::vector<Status> faults;
  for (const std::string& file : files) {
    Status status = add_file(file);
    if (!status.ok()) faults.push_back(std::move(status));
  }
  return faults;
}

const nek_plugin* Registry::find(PluginKind kind, std::string_view name) const {
  const auto at = entries_.find(std::pair<PluginKind, std::string>(kind, name));
  return at == entries_.end() ? nullptr : at->second.plugin;
}

std::vector<std::string> Registry::names(PluginKind kind) const {
  std::vector<std::string> names;
  for (const auto& [key, entry] : entries_)
    if (key.first == kind) names.push_back(key.second);
  return names;
}

std::string Registry::where_looked() const {
  std::string out;
  for (const std::string& folder : folders_) {
    std::error_code code;
    const bool there = std::filesystem::is_directory(folder, code);
    out += (out.empty() ? "; plugins were looked for in " : ", ") + folder +
           (there ? "" : " (not there)");
  }
  return out;
}

std::vector<std::string> plugin_folders(const std::vector<std::string>& given) {
  std::vector<std::string> folders = given;
  if (const char* path = std::getenv("NEK_PLUGIN_PATH")) {
    std::string_view left = path;
    while (!left.empty()) {
      const size_t end = std::min(left.find(':'), left.size());
      if (end) folders.emplace_back(left.substr(0, end));
      left.remove_prefix(std::min(end + 1, left.size()));
    }
  }
  std::error_code code;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", code).parent_path();
  if (!code) {
    folders.push_back((program / "plugins").string());
    folders.push_back((program / "../lib/nek/plugins").lexically_normal().string());
  }
  return folders;
}

}  // namespace nek
