// SPDX-License-Identifier: Apache-2.0
#include "retention.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <tuple>
#include <vector>

namespace nek {
namespace {

struct Found {
  int64_t written_ms;
  std::string path;
  uint64_t bytes;
};

std::vector<Found> oldest_first(const PathPattern& pattern) {
  std::vector<Found> files;
  for (const std::string& path : pattern.find()) {
    struct stat file;
    if (lstat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode)) continue;
    const int64_t ms = int64_t{file.st_mtim.tv_sec} * 1000 + file.st_mtim.tv_nsec / 1'000'000;
    files.push_back({ms, path, static_cast<uint64_t>(file.st_size)});
  }
  std::sort(files.begin(), files.end(), [](const Found& a, const Found& b) {
    return std::tie(a.written_ms, a.path) < std::tie(b.written_ms, b.path);
  });
  return files;
}

// Upwards, as long as they are empty and named by a time.
void remove_empty_folders(const PathPattern& pattern, std::string path) {
  std::string_view of_pattern = pattern.text();
  for (;;) {
    const size_t slash = path.rfind('/'), pattern_slash = of_pattern.rfind('/');
    if (slash == std::string::npos || pattern_slash == std::string_view::npos) return;
    path.resize(slash);
    of_pattern = of_pattern.substr(0, pattern_slash);
    if (of_pattern.find('%', of_pattern.rfind('/') + 1) == std::string_view::npos) return;
    if (::rmdir(path.c_str()) != 0) return;
  }
}

}  // namespace

void remove_old_files(const PathPattern& pattern, const RetentionLimits& limits, int64_t now_ms,
                      const std::function<void(const std::string&)>& warn) {
  const std::vector<Found> files = oldest_first(pattern);
  uint64_t total = 0;
  for (const Found& file : files) total += file.bytes;
  for (const Found& file : files) {
    const bool too_old = limits.keep_ms && now_ms - file.written_ms > *limits.keep_ms;
    const bool too_much = limits.max_total_bytes && total > *limits.max_total_bytes;
    if (!too_old && !too_much) return;
    if (::unlink(file.path.c_str()) != 0) {
      warn("cannot remove " + file.path + ": " + std::system_category().message(errno));
      continue;
    }
    total -= file.bytes;
    remove_empty_folders(pattern, file.path);
  }
}

}  // namespace nek
