// SPDX-License-Identifier: Apache-2.0
#include "cli/dead_letter_reasons.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "pipeline/diagnostics.h"

namespace nek {
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string text_at(const Json& letter, const char* key) {
  const auto at = letter.find(key);
  return at != letter.end() && at->is_string() ? at->get<std::string>() : "";
}

std::string example_of(const Json& letter) {
  std::string out = text_at(letter, "name");
  if (letter.contains("line")) out += (out.empty() ? "line " : " line ") + letter["line"].dump();
  if (!out.empty()) out += ": ";
  if (letter.contains("detail")) out += text_of(letter["detail"]) + ": ";
  for (const char* key : {"raw", "raw_hex", "record", "encoded", "encoded_hex"})
    if (letter.contains(key)) return out + in_quotes(text_of(letter[key]));
  return out;
}

// A file that was put aside after the state was written still counts as the one that grows.
std::string file_of(const std::string& path, const DeadLetterState& state, size_t segment) {
  std::string aside = numbered_letters_path(path, state.segments[segment].number);
  const bool grows = segment + 1 == state.segments.size() && !std::filesystem::exists(aside);
  return grows ? path : aside;
}

}  // namespace

Status each_dead_letter(const std::string& path, const DeadLetterState& state, uint64_t skip,
                        const std::function<bool(const std::string&)>& each) {
  for (size_t i = 0; i < state.segments.size(); i++) {
    const DeadLetterSegment& segment = state.segments[i];
    if (segment.begin == segment.end) continue;
    if (segment.letters != kUnknownLetters && segment.letters <= skip) {
      skip -= segment.letters;
      continue;
    }
    const std::string name = file_of(path, state, i);
    std::ifstream file(name, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(segment.begin));
    uint64_t at = segment.begin;
    for (std::string line; at < segment.end && std::getline(file, line); at += line.size() + 1) {
      if (skip > 0)
        skip--;
      else if (!each(line))
        return {};
    }
    if (at < segment.end)
      return fail(name + " ends at " + std::to_string(at) + " of " + std::to_string(segment.end) +
                  " bytes that the last snapshot recorded");
  }
  return {};
}

void DeadLetterReasons::add(const std::string& line) {
  const Json letter = Json::parse(line, nullptr, false);
  if (!letter.is_object()) return;
  const std::string component = text_at(letter, "component"), reason = text_at(letter, "reason");
  auto of = std::find_if(found_.begin(), found_.end(), [&](const DeadLetterReason& r) {
    return r.component == component && r.reason == reason;
  });
  const auto time = letter.find("time_ms");
  const int64_t ms = time != letter.end() && time->is_number_integer() ? time->get<int64_t>() : 0;
  if (of == found_.end()) {
    found_.push_back({component, reason, 0, example_of(letter), ms, ms});
    of = found_.end() - 1;
  }
  of->count++;
  of->first_ms = std::min(of->first_ms, ms);
  of->last_ms = std::max(of->last_ms, ms);
}

std::vector<DeadLetterReason> DeadLetterReasons::by_count() const {
  std::vector<DeadLetterReason> reasons = found_;
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const auto& a, const auto& b) { return a.count > b.count; });
  return reasons;
}

std::vector<DeadLetterReason> last_reasons(const Pipeline& pipeline, uint64_t count) {
  const DeadLetterState state = pipeline.dead_letter_state();
  const uint64_t all = state.letters();
  DeadLetterReasons reasons;
  const Status status = each_dead_letter(pipeline.dead_letter_path(), state,
                                         all > count ? all - count : 0, [&](const auto& line) {
                                           reasons.add(line);
                                           return true;
                                         });
  return status.ok() ? reasons.by_count() : std::vector<DeadLetterReason>();
}

}  // namespace nek
