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

int parse_and_run(int count, char** arguments) {
  CLI::App app("nek: pipelines of plugins over columns");
  app.require_subcommand(1);
  nek::ExitCode code = nek::kExitOk;

  nek::RunOptions run;
  CLI::App* run_verb = app.add_subcommand("run", "Runs a pipeline until its inputs end");
  run_verb->add_option("FILE", run.file, "The pipeline's YAML")->required();
  add_optional(run_verb, "--workers", run.workers, "Worker threads, instead of the file's setting")
      ->type_name("N")
      ->check(CLI::Range(0, 1024).description(""));
  add_optional(run_verb, "--data-dir", run.data_dir, "Where state and dead letters lie")
      ->type_name("DIR");
  run_verb
      ->add_option_function<std::string>(
          "--max-dead-letters",
          [&run](const std::string& text) { run.max_dead_letters = parse_limit(text); },
          "With more of them, or a larger share of the records, the exit code is 3")
      ->type_name("N|P%");
  run_verb->add_option("--report", run.report, "Writes the figures of the summary as JSON")
      ->type_name("FILE");
  run_verb->add_flag("--from-start", run.from_start,
                     "Sets the last state aside and reads all inputs again");
  add_log_options(run_verb, run.log_level, run.quiet);
  add_plugin_folders(run_verb, run.plugin_folders);
  run_verb->callback([&] { code = nek::run(run); });

  nek::CheckOptions check;
  CLI::App* check_verb =
      app.add_subcommand("check", "Says everything that is wrong with a pipeline");
  check_verb->alias("validate");
  check_verb->add_option("FILE", check.file, "The pipeline's YAML")->required();
  check_verb->add_flag("--print", check.print, "Prints it with all defaults, and its edges");
  check_verb->add_flag("--connect", check.connect,
                       "Also speaks to the servers that it names, and says what it finds");
  add_plugin_folders(check_verb, check.plugin_folders);
  check_verb->callback([&] { code = nek::check(check); });

  nek::PluginsOptions plugins;
  CLI::App* plugins_verb = app.add_subcommand("plugins", "Lists plugins, or describes one");
  plugins_verb->add_option("NAME", plugins.name, "Of the plugin to describe");
  plugins_verb->add_flag("--json", plugins.json, "As JSON, for programs");
  add_plugin_folders(plugins_verb, plugins.plugin_folders);
  plugins_verb->callback([&] { code = nek::plugins(plugins); });

  nek::ReplayOptions replay;
  CLI::App* replay_verb =
      app.add_subcommand("replay", "Hands dead letters in again, where they were refused");
  replay_verb->add_option("FILE", replay.file, "The pipeline's YAML")->required();
  add_letter_filters(replay_verb, replay.selection);
  add_optional(replay_verb, "--workers", replay.workers, "Worker threads")
      ->type_name("N")
      ->check(CLI::Range(0, 1024).description(""));
  add_optional(replay_verb, "--data-dir", replay.data_dir, "Where state and dead letters lie")
      ->type_name("DIR");
  add_log_options(replay_verb, replay.log_level, replay.quiet);
  add_plugin_folders(replay_verb, replay.plugin_folders);
  replay_verb->callback([&] { code = nek::replay(replay); });

  nek::DeadLettersOptions letters;
  CLI::App* letters_verb = app.add_subcommand("dead-letters", "Looks at records nobody would take");
  letters_verb->alias("dlq");
  letters_verb->require_subcommand(1);
  CLI::App* ls_verb = letters_verb->add_subcommand("ls", "Counts them by component and reason");
  ls_verb->add_flag("--json", letters.json, "As JSON, for programs");
  CLI::App* show_verb = letters_verb->add_subcommand("show", "Prints them, one JSON object a line");
  show_verb->add_option("--limit", letters.limit, "At most so many")->type_name("N");
  for (CLI::App* verb : {ls_verb, show_verb}) {
    verb->add_option("FILE", letters.file, "The pipeline's YAML, or its data_dir")->required();
    add_letter_filters(verb, letters.selection);
    add_optional(verb, "--data-dir", letters.data_dir, "Where state and dead letters lie")
        ->type_name("DIR");
    add_plugin_folders(verb, letters.plugin_folders);
  }
  ls_verb->callback([&] { code = nek::list_dead_letters(letters); });
  show_verb->callback([&] { code = nek::show_dead_letters(letters); });

  app.add_subcommand("version", "Says which nek this is")->callback([&] { code = nek::version(); });

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
