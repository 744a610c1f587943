// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>

#include "cli/command.h"
#include "cli/load.h"
#include "pipeline/print_effective.h"
#include "runtime/pipeline.h"

namespace nek {
namespace {

constexpr std::chrono::milliseconds kConnectWait{10000};

ExitCode connect(Pipeline& pipeline) {
  bool any = false, good = true;
  pipeline.connect(kConnectWait, [&](const Pipeline::Finding& finding) {
    any = true;
    good &= finding.level != NEK_ERROR;
    const char* mark = finding.level == NEK_ERROR  ? "error: "
                       : finding.level == NEK_WARN ? "warning: "
                                                   : "";
    std::printf("%s: %s%s\n", finding.component.c_str(), mark, finding.text.c_str());
  });
  if (!any) std::puts("it names no servers");
  return good ? kExitOk : kExitFailed;
}

}  // namespace

ExitCode check(const CheckOptions& options) {
  Loaded loaded = load_pipeline(options.file, options.plugin_folders);
  std::unique_ptr<Pipeline> pipeline;
  if (loaded.config) {
    PipelineOptions pipeline_options;
    pipeline_options.data_dir = data_dir_of(*loaded.config);
    pipeline = Pipeline::make(std::move(*loaded.config), pipeline_options, loaded.diagnostics);
  }
  show(loaded.diagnostics);
  if (!pipeline) return kExitUsage;
  if (options.print)
    std::fputs(print_effective(pipeline->config(), pipeline->graph()).c_str(), stdout);
  else
    std::printf("%s: good\n", options.file.c_str());
  return options.connect ? connect(*pipeline) : kExitOk;
}

}  // namespace nek
