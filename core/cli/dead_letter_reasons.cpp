// SPDX-License-Identifier: Apache-2.0
#include "cli/dead_letter_reasons.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "pipeline/diagnostics.h"

namespace nek {
namespace {

using Json = nlohmann::json;

uint64_t count_lines(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return static_cast<uint64_t>(
      std::count(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>(), '\n'));
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string example_of(const Json& letter) {
  std::string out;
  if (letter.contains("line")) out += "line " + letter["line"].dump() + ": ";
  if (letter.contains("detail")) out += text_of(letter["detail"]) + ": ";
  for (const char* key : {"raw", "raw_hex", "record", "encoded", "encoded_hex"})
    if (letter.contains(key)) return out + in_quotes(text_of(letter[key]));
  return out;
}

}  // namespace

std::vector<DeadLetterReason> dead_letter_reasons(const std::string& path, uint64_t count) {
  const uint64_t all = count_lines(path);
  std::map<std::pair<std::string, std::string>, DeadLetterReason> found;
  std::ifstream file(path, std::ios::binary);
  std::string line;
  for (uint64_t number = 0; std::getline(file, line); number++) {
    if (number + count < all) continue;
    const Json letter = Json::parse(line, nullptr, false);
    if (!letter.is_object()) continue;
    const std::string component = letter.value("component", ""),
                      reason = letter.value("reason", "");
    DeadLetterReason& of = found[{component, reason}];
    if (of.count++ == 0) of = {component, reason, 1, example_of(letter)};
  }
  std::vector<DeadLetterReason> reasons;
  reasons.reserve(found.size());
  for (auto& [key, reason] : found) reasons.push_back(std::move(reason));
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const auto& a, const auto& b) { return a.count > b.count; });
  return reasons;
}

}  // namespace nek
