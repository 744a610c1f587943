// SPDX-License-Identifier: Apache-2.0
// Which files an option `path` names: paths, and patterns like 'in/*.csv', without those excluded.
// Thread-safe: functions without state.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace nek {

bool is_pattern(std::string_view path);
// The files that a pattern matches, sorted.
std::vector<std::string> expand(const std::string& pattern);
// Whether one of these patterns matches the file's name; one with a '/' is for the whole path.
bool is_excluded(const std::string& path, const std::vector<std::string>& exclude);
// "in/" of "in/a.csv"; nothing where there is no folder.
std::string folder_prefix(const std::string& path);
// Folders where a file or folder that is made can make the pattern match more, as prefixes.
std::vector<std::string> folders_of(const std::string& pattern);

}  // namespace nek
