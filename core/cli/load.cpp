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

}  // namespace

Registry load_registry(const std::vector<std::string>& folders) {
  Registry registry;
  for (const std::string& folder : plugin_folders(folders))
    for (const Status& fault : registry.add_folder(folder)) log_line(NEK_WARN, "", fault.message());
  return registry;
}

Loaded load_pipeline(const std::string& file, const Registry& registry) {
  const Result<std::string> text = read_text_file(file, kMaxFileBytes);
  if (!text.ok()) {
    Loaded failed{Diagnostics(file, ""), std::nullopt};
    failed.diagnostics.error({}, "cannot read it: " + text.status().message());
    return failed;
  }
  Loaded loaded{Diagnostics(file, *text), std::nullopt};
  const auto document = parse_document(file, *text, process_environment, loaded.diagnostics);
  if (document) loaded.config = validate(*document, registry, loaded.diagnostics);
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

std::unique_ptr<Pipeline> make_pipeline(const std::string& file, const Registry& registry,
                                        const Overrides& overrides, PipelineOptions options) {
  Loaded loaded = load_pipeline(file, registry);
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
