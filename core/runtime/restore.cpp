// SPDX-License-Identifier: Apache-2.0
#include "runtime/restore.h"

#include <algorithm>
#include <filesystem>

#include "util/bytes.h"
#include "util/hash.h"
#include "util/log.h"

namespace nek {
namespace {

// Which components there are and what each reads: a ledger of another form counts other things.
uint64_t form_of(const PipelineConfig& config, const Graph& graph) {
  ByteWriter all;
  for (size_t i = 0; i < graph.nodes.size(); i++) {
    all.text(config.components[i].id);
    for (const auto& [component, stream] : graph.nodes[i].sources) {
      all.number(component);
      all.number(stream);
    }
  }
  return hash64(all.bytes());
}

Ledger restored_ledger(const PipelineConfig& config, const Graph& graph, const std::string& saved) {
  ByteReader from(saved);
  Ledger ledger(graph);
  if (from.number<uint64_t>() == form_of(config, graph) && ledger.read(from)) return ledger;
  if (!saved.empty())
    log_line(NEK_WARN, "",
             "the pipeline has other components than at the last run: the ledger begins at 0");
  return Ledger(graph);
}

std::string own_file(const PipelineConfig& config, Env& env) {
  std::error_code error;
  const auto path = std::filesystem::absolute(config.file, error).lexically_normal();
  const bool stays = !config.file.empty() && !error && env.exists(path.string()) &&
                     !path.string().starts_with("/dev/") && !path.string().starts_with("/proc/");
  return stays ? path.string() : std::string();
}

// What an input has read that is not there any more, or is called otherwise now.
void warn_of_spools(const PipelineConfig& config, const DataDir& folder) {
  const auto ids = folder.env().list(folder.spools_path());
  if (!ids.ok()) return;
  for (const std::string& id : *ids) {
    if (std::any_of(config.components.begin(), config.components.end(),
                    [&](const ComponentConfig& c) { return c.kind == Kind::kInput && c.id == id; }))
      continue;
    const auto left = folder.env().list(folder.spool_path(id));
    if (left.ok() && !left->empty())
      log_line(NEK_WARN, "",
               "no input is called '" + id + "', and what it had read still waits in its spool, " +
                   folder.spool_path(id));
  }
}

// Two pipelines with one state: what one has read counts as delivered in the other too. A file that
// is gone was moved.
void warn_of_other_file(const Restored& restored, const DataDir& folder) {
  const auto known = restored.state.components.find("");
  if (known == restored.state.components.end()) return;
  const std::string& own = restored.own_file;
  const std::string& other = known->second;
  if (own.empty() || other.empty() || own == other || !folder.env().exists(other)) return;
  std::error_code error;
  if (std::filesystem::equivalent(own, other, error)) return;  // by another name
  log_line(NEK_WARN, "",
           "the state in " + folder.path() + " is that of another file, " + other +
               ": what that pipeline has read counts as delivered here too. If they are two "
               "pipelines, give this one a 'name' or a data_dir of its own; if it is to deliver "
               "all again, --from-start");
}

// An output that is new gets nothing of what earlier runs delivered.
void warn_of_new_outputs(const PipelineConfig& config, const State& state) {
  uint64_t records = 0;
  for (const SourceState& source : state.sources) records += source.at.records;
  if (records == 0) return;
  for (const ComponentConfig& c : config.components) {
    if (c.kind != Kind::kOutput ||
        std::find(state.ids.begin(), state.ids.end(), c.id) != state.ids.end())
      continue;
    log_line(NEK_WARN, "",
             "output '" + c.id + "' is new: it gets what is read from now on, and none of the " +
                 std::to_string(records) + (records == 1 ? " record" : " records") +
                 " of earlier runs. --from-start delivers all of them again, to each output");
  }
}

}  // namespace

std::string saved_ledger(const PipelineConfig& config, const Graph& graph, const Ledger& ledger) {
  ByteWriter bytes;
  bytes.number(form_of(config, graph));
  ledger.write(bytes);
  return bytes.bytes();
}

Result<Restored> restore(const PipelineConfig& config, const Graph& graph, DataDir& folder,
                         DeadLetters& letters, RestoreMode mode) {
  Status status = folder.lock();
  if (status.ok() && mode.from_start) status = folder.set_aside(letters);
  if (!status.ok()) return status;
  const std::string state_path = folder.state_path();
  if (mode.replay && !folder.env().exists(state_path))
    return fail("there is nothing to replay: no nek has run with the data_dir " + folder.path());
  // Dead letters without a state are another run's: they are kept.
  if (!folder.env().exists(state_path)) status = folder.set_aside(letters);
  if (!status.ok()) return status;
  auto state = read_state(folder.env(), state_path);
  if (!state.ok()) return state.status();
  status = letters.restore(state->dead_letters);
  if (!status.ok()) return status;
  Restored restored{std::move(*state), Ledger(graph), 0, own_file(config, folder.env())};
  if (mode.replay) return restored;
  restored.ledger = restored_ledger(config, graph, restored.state.ledger);
  for (size_t i = 0; i < config.components.size(); i++)
    if (config.components[i].kind == Kind::kInput)
      restored.records += restored.ledger.streams[i][0].created;
  warn_of_spools(config, folder);
  warn_of_other_file(restored, folder);
  warn_of_new_outputs(config, restored.state);
  return restored;
}

}  // namespace nek
