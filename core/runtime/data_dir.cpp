// SPDX-License-Identifier: Apache-2.0
#include "runtime/data_dir.h"

#include <algorithm>
#include <filesystem>

namespace nek {

std::string DataDir::inside(std::string_view name) const {
  return (std::filesystem::path(path_) / name).string();
}

std::string DataDir::spool_path(std::string_view input) const {
  return (std::filesystem::path(spools_path()) / input).string();
}

// Two processes would write the same state and the same files.
Status DataDir::lock() {
  Status status = env_.make_dirs(path_);
  if (!status.ok()) return status;
  auto lock = env_.lock(inside("lock"));
  if (!lock.ok())
    return fail("cannot use " + path_ + ": " + lock.status().message() +
                "; end the nek that runs there, or give this one another --data-dir");
  lock_ = std::move(*lock);
  return {};
}

// state.old, then state.old-2, and the dead letters alike.
Status DataDir::set_aside(DeadLetters& letters) {
  const auto names = env_.list(path_);
  if (!names.ok()) return names.status();
  std::string suffix = ".old";
  const auto taken = [&](const std::string& name) { return name.ends_with(suffix); };
  for (int number = 2; std::any_of(names->begin(), names->end(), taken); number++)
    suffix = ".old-" + std::to_string(number);
  Status status = letters.set_aside(suffix);
  if (status.ok() && env_.exists(state_path()))
    status = env_.rename(state_path(), state_path() + suffix);
  return status;
}

}  // namespace nek
