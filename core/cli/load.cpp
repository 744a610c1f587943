// SPDX-License-Identifier: Apache-2.0
#include "cli/load.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "pipeline/document.h"
#include "pipeline/text_file.h"
#include "pipeline/validate.h"
#include "util/log.h"

namespace nek {
namespace {

constexpr size_t kMaxFileBytes = 4 << 20;

// Where programs keep their state: the system's, or the user's as the XDG specification has it.
std::string state_home() {
  if (geteuid() == 0) return "/var/lib";
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state && *state == '/') return state;  // a relative one is to be ignored
  const char* home = std::getenv("HOME");
  return std::string(home ? home : "") + "/.local/state";
}

// `folders` as the command line has them; returns what is wrong with plugins.
std::vector<Status> add_folders(Registry& registry, const std::vector<std::string>& folders,
                                std::optional<std::string_view> text = std::nullopt) {
  std::vector<Status> faults;
  for (const std::string& folder : plugin_folders(folders))
    for (Status& fault : registry.add_folder(folder, text)) faults.push_back(std::move(fault));
  return faults;
}

void log_faults(const std::vector<Status>& faults) {
  for (const Status& fault : faults) log_line(NEK_WARN, "", fault.message());
}

Loaded parse_pipeline(const std::string& file, const std::string& text, const Registry& registry) {
  Loaded loaded{Diagnostics(file, text), std::nullopt};
  const auto document = parse_document(file, text, process_environment, loaded.diagnostics);
  if (document) loaded.config = validate(*document, registry, loaded.diagnostics);
  return loaded;
}

}  // namespace

Registry load_registry(const std::vector<std::string>& folders) {
  Registry registry;
  log_faults(add_folders(registry, folders));
  return registry;
}

Loaded load_pipeline(const std::string& file, const std::vector<std::string>& folders) {
  const Result<std::string> text = read_text_file(file, kMaxFileBytes);
  if (!text.ok()) {
    Loaded failed{Diagnostics(file, ""), std::nullopt};
    failed.diagnostics.error({}, "cannot read it: " + text.status().message());
    return failed;
  }
  Registry registry;
  std::vector<Status> faults = add_folders(registry, folders, *text);
  Loaded loaded = parse_pipeline(file, *text, registry);
  if (!loaded.config) {  // plugins may have other names than their files; others are suggested
    faults = add_folders(registry, folders);
    loaded = parse_pipeline(file, *text, registry);
  }
  log_faults(faults);
  return loaded;
}

void show(const Diagnostics& diagnostics) {
  const bool colour = isatty(STDERR_FILENO) && !std::getenv("NO_COLOR");
  std::fputs(diagnostics.print(colour).c_str(), stderr);
}

std::string data_dir_of(const PipelineConfig& config) {
  if (!config.settings.data_dir.empty()) return config.settings.data_dir;
  return state_home() + "/nek/" + config.name;
}

std::unique_ptr<Pipeline> make_pipeline(const std::string& file,
                                        const std::vector<std::string>& folders,
                                        const Overrides& overrides, PipelineOptions options) {
  Loaded loaded = load_pipeline(file, folders);
  std::unique_ptr<Pipeline> pipeline;
  if (loaded.config) {
    PipelineConfig& config = *loaded.config;
    if (overrides.workers) config.settings.workers = *overrides.workers;
    if (overrides.data_dir) config.settings.data_dir = *overrides.data_dir;
    options.data_dir = data_dir_of(config);
    pipeline = Pipeline::make(std::move(config), std::move(options), loaded.diagnostics);
  }
  show(loaded.diagnostics);
  return pipeline;
}

}  // namespace nek
