// SPDX-License-Identifier: Apache-2.0
#include "paths.h"

#include <fnmatch.h>
#include <glob.h>

#include <algorithm>

namespace nek {

bool is_pattern(std::string_view path) {
  return path.find_first_of("*?[") != std::string_view::npos;
}

std::vector<std::string> expand(const std::string& pattern) {
  std::vector<std::string> files;
  glob_t found{};
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return files;
}

bool is_excluded(const std::string& path, const std::vector<std::string>& exclude) {
  const std::string name = path.substr(folder_prefix(path).size());
  return std::any_of(exclude.begin(), exclude.end(), [&](const std::string& pattern) {
    const bool whole = pattern.find('/') != std::string::npos;
    return ::fnmatch(pattern.c_str(), (whole ? path : name).c_str(), 0) == 0;
  });
}

std::string folder_prefix(const std::string& path) {
  return path.substr(0, path.rfind('/') + 1);  // npos + 1 is 0
}

std::vector<std::string> folders_of(const std::string& pattern) {
  const std::string prefix = folder_prefix(pattern);
  if (!is_pattern(prefix)) return {prefix};
  const std::string folder = prefix.substr(0, prefix.size() - 1);
  std::vector<std::string> folders = folders_of(folder);
  for (const std::string& one : expand(folder)) folders.push_back(one + "/");
  return folders;
}

}  // namespace nek
