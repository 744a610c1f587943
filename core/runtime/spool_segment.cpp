// SPDX-License-Identifier: Apache-2.0
#include "runtime/spool_segment.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <set>

#include "nek/plugin.h"

namespace nek {
namespace {

constexpr std::string_view kSuffix = ".spool", kReserve = "reserve";

// 0: it is no segment's name.
uint64_t number_of(std::string_view name) {
  uint64_t number = 0;
  if (!name.ends_with(kSuffix)) return 0;
  name.remove_suffix(kSuffix.size());
  const auto read = std::from_chars(name.data(), name.data() + name.size(), number);
  return read.ptr == name.data() + name.size() ? number : 0;
}

void set_aside(const SpoolFolder& folder, uint64_t number, const std::string& why,
               const SpoolSay& say) {
  const std::string path = folder.segment(number), to = folder.segment(number, ".unreadable");
  const Status status = folder.env.rename(path, to);
  say(NEK_ERROR, path + " is set aside" + (status.ok() ? " as " + to : "") + ": " + why);
  if (!status.ok()) say(NEK_ERROR, status.message());
}

void recover_frames(const SpoolScan& scan, SpoolSegment& segment, RecoveredSpool& found) {
  for (const SpoolFrame& frame : scan.frames) {
    SpoolSource source;
    SpoolChunk chunk;
    if (frame.kind == kSpoolSource && read_spool_source(frame, source)) {
      found.next_source = std::max(found.next_source, source.number + 1);
      if (source.flags & NEK_ONCE) found.sources.try_emplace(source.number, std::move(source));
    } else if (read_spool_chunk(frame.head, frame.body.size(), chunk)) {
      segment.note(chunk, found.sources);
    }
  }
}

void recover_segment(const SpoolFolder& folder, uint64_t number, const SpoolSay& say,
                     RecoveredSpool& found) {
  const std::string path = folder.segment(number);
  const auto bytes = folder.env.read(path);
  if (!bytes.ok()) return set_aside(folder, number, bytes.status().message(), say);
  const SpoolScan scan = scan_spool(*bytes);
  if (!scan.fault.empty()) return set_aside(folder, number, scan.fault, say);
  if (scan.frames.empty() && bytes->size() > kSpoolFileHead)
    return set_aside(folder, number,
                     "none of its " + bytes_text(bytes->size() - kSpoolFileHead) +
                         " can be read: they are damaged, or had not been synced",
                     say);
  if (scan.frames.empty()) {  // of a process that died before it wrote anything
    if (const Status status = folder.env.remove(path); !status.ok())
      say(NEK_WARN, status.message());
    return;
  }
  if (bytes->size() > scan.good) {
    say(NEK_WARN, path + " ends within a write: the last " + bytes_text(bytes->size() - scan.good) +
                      " are cut off, they had not been synced");
    auto file = folder.env.open(path);
    const Status status = file.ok() ? (*file)->truncate(scan.good) : file.status();
    if (!status.ok()) say(NEK_WARN, status.message());
  }
  SpoolSegment& segment = found.segments.emplace_back();
  segment.number = number;
  segment.size = scan.good;
  segment.holes = scan.holes;
  segment.damaged = !scan.holes.empty();
  found.bytes += segment.size;
  for (const SpoolHole& hole : scan.holes) {
    say(NEK_ERROR, path + " is damaged from byte " + std::to_string(hole.begin) +
                       " on: " + bytes_text(hole.end - hole.begin) +
                       " are left out; the file is kept as " + folder.segment(number, ".damaged"));
    found.damaged_bytes += hole.end - hole.begin;
  }
  recover_frames(scan, segment, found);
}

// Sources that no segment ends were cut off by the end of the process: they end with the last.
void cut_open_sources(RecoveredSpool& found) {
  std::set<uint64_t> ended;
  for (const SpoolSegment& segment : found.segments)
    for (const auto& [source, extent] : segment.extents)
      if (extent.ended) ended.insert(source);
  for (auto& [number, source] : found.sources) {
    if (ended.contains(number)) continue;
    source.cut = true;
    for (size_t i = found.segments.size(); i-- > 0;) {
      const auto extent = found.segments[i].extents.find(number);
      if (extent == found.segments[i].extents.end()) continue;
      extent->second.ended = true;
      break;
    }
  }
}

}  // namespace

std::string bytes_text(uint64_t bytes) { return std::to_string(bytes) + " bytes"; }

void SpoolSegment::note(const SpoolChunk& chunk, const SpoolSources& sources) {
  for (const SpoolPiece& piece : chunk.pieces) {
    const auto source = sources.find(piece.source);
    if (source == sources.end()) continue;
    const bool message = source->second.flags & NEK_MESSAGES;
    uint64_t& end = extents[piece.source].end;
    end = std::max(end, piece.position + (message ? 1 : piece.size));
  }
  for (const uint64_t source : chunk.ended)
    if (sources.contains(source)) extents[source].ended = true;
}

std::string SpoolFolder::segment(uint64_t number, const char* suffix) const {
  char name[32];
  std::snprintf(name, sizeof name, "%08llu", static_cast<unsigned long long>(number));
  return (std::filesystem::path(path) / (std::string(name) + suffix)).string();
}

std::string SpoolFolder::reserve() const {
  return (std::filesystem::path(path) / kReserve).string();
}

RecoveredSpool recover_spool(const SpoolFolder& folder, const SpoolSay& say) {
  RecoveredSpool found;
  const auto names = folder.env.list(folder.path);
  if (!names.ok()) {
    say(NEK_ERROR, names.status().message() + "; what may be left there waits for the next run");
    return found;
  }
  std::vector<uint64_t> numbers;
  for (const std::string& name : *names) {
    if (name == kReserve) found.has_reserve = true;
    const std::string stem = name.substr(0, name.find('.')) + std::string(kSuffix);
    found.next_segment = std::max(found.next_segment, number_of(stem) + 1);
    if (const uint64_t number = number_of(name)) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  for (const uint64_t number : numbers) recover_segment(folder, number, say, found);
  cut_open_sources(found);
  return found;
}

}  // namespace nek
