// SPDX-License-Identifier: Apache-2.0
// Registry: all known plugins by kind and name, and the files they came from.
// Filled by one thread; read-only and shareable afterwards.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nek/plugin.h"
#include "nek/status.hpp"

namespace nek {

enum class PluginKind : uint8_t { kInput, kDecoder, kFilter, kEncoder, kOutput };
const char* plugin_kind_name(PluginKind kind);  // "input" ...
PluginKind plugin_kind(const nek_plugin& plugin);

class Registry {
 public:
  struct Entry {
    const nek_plugin* plugin = nullptr;
    std::string file;  // where it came from; empty: built into the program (tests)
  };

  // Refuses a second plugin of the same kind and name, naming both files.
  Status add(const nek_plugin* plugin, const std::string& file);
  Status add_file(const std::string& path);
  // Adds every *.so of a folder, by name; one file's fault does not stop the others. A folder that
  // does not exist adds nothing. With a pipeline's text, files nek-KIND-NAME.so are left out whose
  // NAME is not in it: opening one may bring in large libraries. Codecs are not left out, as a
  // plugin may have one by default.
  std::vector<Status> add_folder(const std::string& path,
                                 std::optional<std::string_view> text = std::nullopt);

  const nek_plugin* find(PluginKind kind, std::string_view name) const;
  std::vector<std::string> names(PluginKind kind) const;
  // "; plugins were looked for in FOLDER, FOLDER (not there)": for whoever misses one.
  std::string where_looked() const;
  const std::map<std::pair<PluginKind, std::string>, Entry, std::less<>>& entries() const {
    return entries_;
  }

 private:
  std::map<std::pair<PluginKind, std::string>, Entry, std::less<>> entries_;
  std::vector<std::string> folders_;  // that were added, or are not there
};

// Where plugins are looked for, in this order: `given` (--plugin-dir), the folders of
// NEK_PLUGIN_PATH (separated by ':'), "plugins" and "../lib/nek/plugins" beside the program.
std::vector<std::string> plugin_folders(const std::vector<std::string>& given);

}  // namespace nek
