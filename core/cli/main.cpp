// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <map>

#include "cli/command.h"
#include "nek/plugin.h"
#include "pipeline/scalar.h"
#include "pipeline/suggest.h"
#include "util/log.h"

namespace {

const std::map<std::string, int> kLogLevels = {
    {"error", NEK_ERROR}, {"warn", NEK_WARN}, {"info", NEK_INFO}, {"debug", NEK_DEBUG}};

void add_plugin_folders(CLI::App* verb, std::vector<std::string>& folders) {
  verb->add_option("--plugin-dir", folders,
                   "Where plugins are looked for first; may be given several times")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory.description(""))
      ->allow_extra_args(false);
}

// CLI11 only says that a verb is required.
std::optional<std::string> unknown_verb(const CLI::App& app, int count, char** arguments) {
  const std::string verb = count > 1 ? arguments[1] : "";
  if (verb.empty() || verb.starts_with('-')) return std::nullopt;
  std::vector<std::string> names;
  for (const CLI::App* each : app.get_subcommands({})) {
    names.push_back(each->get_name());
    for (const std::string& alias : each->get_aliases()) names.push_back(alias);
  }
  if (std::find(names.begin(), names.end(), verb) != names.end()) return std::nullopt;
  return "nek has no verb '" + verb + "'" + nek::did_you_mean(verb, names);
}

void add_log_options(CLI::App* verb, int& level, bool& quiet) {
  verb->add_option("--log-level", level, "error, warn, info or debug")
      ->type_name("LEVEL")
      ->transform(CLI::CheckedTransformer(kLogLevels, CLI::ignore_case).description(""));
  verb->add_flag("--quiet", quiet, "No progress and no summary");
}

void add_letter_filters(CLI::App* verb, nek::LetterSelection& selection) {
  verb->add_option("--component", selection.component, "Only those that this component refused")
      ->type_name("ID");
  verb->add_option("--reason", selection.reason, "Only those with this reason")
      ->type_name("REASON");
}

// An option that is only there when it was written.
template <class T>
CLI::Option* add_optional(CLI::App* verb, const std::string& name, std::optional<T>& to,
                          const std::string& help) {
  return verb->add_option_function<T>(name, [&to](const T& value) { to = value; }, help);
}

// "100" or "0.1%"; CLI11 turns what is thrown into its message.
nek::DeadLetterLimit parse_limit(std::string text) {
  nek::DeadLetterLimit limit;
  limit.percent = text.ends_with('%');
  if (limit.percent) text.pop_back();
  const auto number = nek::parse_real(text);
  const bool whole = number && *number == std::floor(*number);
  if (!number || *number < 0 || (limit.percent ? *number > 100 : !whole))
    throw CLI::ValidationError("--max-dead-letters", "must be a number, or a share such as 0.1%");
  limit.number = *number;
  return limit;
}

void add_file(CLI::App* verb, std::string& file, const char* help = "The pipeline's YAML") {
  verb->add_option("FILE", file, help)->required();
}

void add_data_dir(CLI::App* verb, std::optional<std::string>& folder) {
  add_optional(verb, "--data-dir", folder, "Where state and dead letters lie")->type_name("DIR");
}

void add_workers(CLI::App* verb, std::optional<uint32_t>& workers, const char* help) {
  add_optional(verb, "--workers", workers, help)
      ->type_name("N")
      ->check(CLI::Range(0, 1024).description(""));
}

// ---- The verbs: each with its options; what it answers goes into `code`
// --------------------------

void add_run(CLI::App& app, nek::RunOptions& run, nek::ExitCode& code) {
  CLI::App* verb = app.add_subcommand("run", "Runs a pipeline until its inputs end");
  add_file(verb, run.file);
  add_workers(verb, run.workers, "Worker threads, instead of the file's setting");
  add_data_dir(verb, run.data_dir);
  verb->add_option_function<std::string>(
          "--max-dead-letters",
          [&run](const std::string& text) { run.max_dead_letters = parse_limit(text); },
          "With more of them, or a larger share of the records, the exit code is 3")
      ->type_name("N|P%");
  verb->add_option("--report", run.report, "Writes the figures of the summary as JSON")
      ->type_name("FILE");
  verb->add_option("--metrics", run.metrics,
                   "Writes all figures every 10 s as Prometheus text, while it runs")
      ->type_name("FILE");
  verb->add_flag("--from-start", run.from_start,
                 "Sets the last state aside and reads all inputs again");
  add_log_options(verb, run.log_level, run.quiet);
  add_plugin_folders(verb, run.plugin_folders);
  verb->callback([&] { code = nek::run(run); });
}

void add_check(CLI::App& app, nek::CheckOptions& check, nek::ExitCode& code) {
  CLI::App* verb = app.add_subcommand("check", "Says everything that is wrong with a pipeline");
  verb->alias("validate");
  add_file(verb, check.file);
  verb->add_flag("--print", check.print, "Prints it with all defaults, and its edges");
  verb->add_flag("--connect", check.connect,
                 "Also speaks to the servers that it names, and says what it finds");
  add_plugin_folders(verb, check.plugin_folders);
  verb->callback([&] { code = nek::check(check); });
}

void add_plugins(CLI::App& app, nek::PluginsOptions& plugins, nek::ExitCode& code) {
  CLI::App* verb = app.add_subcommand("plugins", "Lists plugins, or describes one");
  verb->add_option("NAME", plugins.name, "Of the plugin to describe");
  verb->add_flag("--json", plugins.json, "As JSON, for programs");
  add_plugin_folders(verb, plugins.plugin_folders);
  verb->callback([&] { code = nek::plugins(plugins); });
}

void add_replay(CLI::App& app, nek::ReplayOptions& replay, nek::ExitCode& code) {
  CLI::App* verb =
      app.add_subcommand("replay", "Hands dead letters in again, where they were refused");
  add_file(verb, replay.file);
  add_letter_filters(verb, replay.selection);
  add_workers(verb, replay.workers, "Worker threads");
  add_data_dir(verb, replay.data_dir);
  add_log_options(verb, replay.log_level, replay.quiet);
  add_plugin_folders(verb, replay.plugin_folders);
  verb->callback([&] { code = nek::replay(replay); });
}

void add_dead_letters(CLI::App& app, nek::DeadLettersOptions& letters, nek::ExitCode& code) {
  CLI::App* both = app.add_subcommand("dead-letters", "Looks at records nobody would take");
  both->alias("dlq");
  both->require_subcommand(1);
  CLI::App* ls = both->add_subcommand("ls", "Counts them by component and reason");
  ls->add_flag("--json", letters.json, "As JSON, for programs");
  CLI::App* show = both->add_subcommand("show", "Prints them, one JSON object a line");
  show->add_option("--limit", letters.limit, "At most so many")->type_name("N");
  for (CLI::App* verb : {ls, show}) {
    add_file(verb, letters.file, "The pipeline's YAML, or its data_dir");
    add_letter_filters(verb, letters.selection);
    add_data_dir(verb, letters.data_dir);
    add_plugin_folders(verb, letters.plugin_folders);
  }
  ls->callback([&] { code = nek::list_dead_letters(letters); });
  show->callback([&] { code = nek::show_dead_letters(letters); });
}

void add_version(CLI::App& app, nek::ExitCode& code) {
  app.add_subcommand("version", "Says which nek this is")->callback([&] { code = nek::version(); });
}

int parse_and_run(int count, char** arguments) {
  CLI::App app("nek: pipelines of plugins over columns");
  app.require_subcommand(1);
  nek::ExitCode code = nek::kExitOk;
  nek::RunOptions run;
  nek::CheckOptions check;
  nek::PluginsOptions plugins;
  nek::ReplayOptions replay;
  nek::DeadLettersOptions letters;
  add_run(app, run, code);
  add_check(app, check, code);
  add_plugins(app, plugins, code);
  add_replay(app, replay, code);
  add_dead_letters(app, letters, code);
  add_version(app, code);

  if (const auto unknown = unknown_verb(app, count, arguments)) {
    std::fprintf(stderr, "%s\n", unknown->c_str());
    return nek::kExitUsage;
  }
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? nek::kExitOk : nek::kExitUsage;
  }
  return code;
}

}  // namespace

// CLI11 throws; so may the standard library where memory ends.
int main(int count, char** arguments) {
  try {
    return parse_and_run(count, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "nek: %s\n", error.what());
    return nek::kExitFailed;
  }
}
