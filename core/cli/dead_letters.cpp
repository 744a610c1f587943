// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/dead_letter_reasons.h"
#include "cli/load.h"
#include "cli/summary.h"
#include "cli/table.h"
#include "pipeline/scalar.h"
#include "runtime/data_dir.h"
#include "util/log.h"

namespace nek {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kAttempts = 20;  // a nek that runs may put a file aside between two looks

// Empty: what is wrong was said.
std::string folder_of(const DeadLettersOptions& options) {
  if (options.data_dir) return *options.data_dir;
  if (std::filesystem::is_directory(options.file)) return options.file;
  const Loaded loaded = load_pipeline(options.file, options.plugin_folders);
  show(loaded.diagnostics);
  return loaded.config ? data_dir_of(*loaded.config) : "";
}

struct Store {
  std::string path;
  DeadLetterState state;
};

// Goes through those that are selected, as the last complete snapshot has them.
ExitCode visit(const std::string& folder, const LetterSelection& selection, Store& store,
               const std::function<void()>& begin,
               const std::function<bool(const std::string&)>& each) {
  const DataDir data_dir(system_env(), folder);
  store.path = data_dir.dead_letter_path();
  Status status;
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    const auto state = read_state(system_env(), data_dir.state_path());
    if (!state.ok()) {
      log_line(NEK_ERROR, "", state.status().message());
      return kExitFailed;
    }
    store.state = state->dead_letters;
    begin();
    const bool all = selection.component.empty() && selection.reason.empty();
    status = each_dead_letter(store.path, store.state, 0, [&](const std::string& line) {
      const auto letter = all ? std::optional<Letter>() : parse_letter(line);
      return !all && !(letter && selection.takes(*letter)) ? true : each(line);
    });
    if (status.ok()) return kExitOk;
  }
  log_line(NEK_ERROR, "", status.message());
  return kExitFailed;
}

std::string time_text(int64_t ms) {
  const std::time_t seconds = ms / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc));
}

void print_json(const Store& store, uint64_t count, const std::vector<DeadLetterReason>& reasons) {
  Json out;
  out["path"] = store.path;
  out["count"] = count;
  out["bytes"] = store.state.bytes();
  out["dropped"] = store.state.dropped;
  out["reasons"] = Json::array();
  for (const DeadLetterReason& r : reasons)
    out["reasons"].push_back({{"component", r.component},
                              {"reason", r.reason},
                              {"count", r.count},
                              {"first_ms", r.first_ms},
                              {"last_ms", r.last_ms},
                              {"example", r.example}});
  std::cout << out.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

void print_table(const Store& store, uint64_t count, const std::vector<DeadLetterReason>& reasons) {
  std::cout << grouped(count) << (count == 1 ? " dead letter in " : " dead letters in ")
            << std::filesystem::path(store.path).parent_path().string() << ", which holds "
            << grouped(store.state.bytes()) << " bytes of them\n";
  if (store.state.dropped)
    std::cout << grouped(store.state.dropped) << " older ones were taken away to make room\n";
  Rows rows = {{"component", "reason", "count", "first (UTC)", "last (UTC)", "example"}};
  for (const DeadLetterReason& r : reasons)
    rows.push_back({r.component, r.reason, grouped(r.count), time_text(r.first_ms),
                    time_text(r.last_ms), r.example});
  if (rows.size() > 1) std::cout << table(rows);
}

}  // namespace

ExitCode list_dead_letters(const DeadLettersOptions& options) {
  const std::string folder = folder_of(options);
  if (folder.empty()) return kExitUsage;
  Store store;
  DeadLetterReasons reasons;
  uint64_t count = 0;
  const ExitCode code = visit(
      folder, options.selection, store,
      [&] {
        reasons = {};
        count = 0;
      },
      [&](const std::string& line) {
        reasons.add(line);
        count++;
        return true;
      });
  if (code != kExitOk) return code;
  if (options.json)
    print_json(store, count, reasons.by_count());
  else
    print_table(store, count, reasons.by_count());
  return kExitOk;
}

ExitCode show_dead_letters(const DeadLettersOptions& options) {
  const std::string folder = folder_of(options);
  if (folder.empty()) return kExitUsage;
  Store store;
  uint64_t shown = 0, skip = 0;  // what an attempt that failed has shown
  const ExitCode code = visit(
      folder, options.selection, store, [&] { skip = shown; },
      [&](const std::string& line) {
        if (shown == options.limit) return false;
        if (skip > 0) {
          skip--;
          return true;
        }
        std::cout << line << '\n';
        shown++;
        return true;
      });
  std::cout.flush();
  if (code != kExitOk || std::cout.good()) return code;
  log_line(NEK_ERROR, "", "cannot write to standard output");
  return kExitFailed;
}

}  // namespace nek
