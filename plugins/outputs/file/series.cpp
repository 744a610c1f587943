// SPDX-License-Identifier: Apache-2.0
#include "series.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "compress/compress.h"
#include "nek/text.hpp"

namespace nek {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxLive = 64;  // open files, where times are far apart
constexpr std::string_view kPart = ".part";

std::optional<uint64_t> size_of(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? std::nullopt : std::optional<uint64_t>(size);
}

std::string_view take_until(std::string_view& text, char end) {
  const size_t size = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, size);
  text.remove_prefix(std::min(size + 1, text.size()));
  return taken;
}

const char* name_of(Compression compression) {
  switch (compression) {
    case Compression::kGzip: return "gzip";
    case Compression::kZstd: return "zstd";
    default: return "none";
  }
}

}  // namespace

// ---- State --------------------------------------------------------------------------------------
//
//   nek-file 1 series gzip out/%Y%m%d/flows.ndjson.gz
//   live 1048576 1402358400000 out/20140610/flows.ndjson.gz
//   done 9238423 1402272000000 out/20140609/flows.ndjson.gz
//
// Each line: whether records may still come, length, beginning of the period, name.

std::string FileSeries::state_header() const {
  return std::string("nek-file 1 ") + (options_.single ? "single " : "series ") +
         name_of(options_.compression) + " " + options_.pattern.text();
}

Result<std::string> FileSeries::snapshot() {
  std::string state = state_header() + "\n";
  const auto add = [&](const char* what, Entry& entry) {
    Status status = entry.file.sync();
    entry.in_snapshot = entry.file.length();
    state += std::string(what) + " " + std::to_string(entry.in_snapshot) + " " +
             std::to_string(entry.period.begin) + " " + entry.name + "\n";
    return status;
  };
  for (auto& [begin, entry] : live_) {
    Status status = add("live", *entry);
    if (!status.ok()) return status;
  }
  for (auto& entry : finished_) {
    Status status = add("done", *entry);
    if (!status.ok()) return status;
  }
  return state;
}

Status FileSeries::restore(std::string_view state) {
  const std::string_view header = take_until(state, '\n');
  if (!header.starts_with("nek-file 1 "))
    return fail("what the last snapshot says of its files is of another version of nek");
  Before before;
  before.single = header.starts_with("nek-file 1 single ");
  before.same = header == state_header();
  while (!state.empty()) {
    Status status = restore_entry(take_until(state, '\n'), before);
    if (!status.ok()) return status;
  }
  if (!options_.single) remove_leftovers();
  publish();
  return {};
}

Status FileSeries::restore_entry(std::string_view line, Before before) {
  const bool live = take_until(line, ' ') == "live";
  const auto length = parse_number<uint64_t>(take_until(line, ' '));
  const auto begin = parse_number<int64_t>(take_until(line, ' '));
  if (!length || !begin || line.empty()) return fail("the state of the last snapshot is damaged");
  auto entry = std::make_unique<Entry>();
  entry->name = line;
  entry->period = options_.pattern.period_of(*begin);
  entry->in_snapshot = entry->committed = *length;
  const bool goes_on = live && before.same;  // records may still come to it
  const std::string path = before.single ? entry->name : entry->name + std::string(kPart);
  const auto size = size_of(path);
  if (!size && !(before.single && goes_on)) {
    // A part that is gone has its name already, if nobody took it away since.
    if (before.single || size_of(entry->name) != *length)
      options_.warn(goes_on ? path + " is gone, and with it " + std::to_string(*length) +
                                  " bytes of records, unless it was finished and taken away as " +
                                  entry->name + " since; --from-start delivers all of them again"
                            : entry->name + " is gone, or was changed after it was finished");
    return {};
  }
  if (size.value_or(0) < *length) {
    return fail(path + " holds " + std::to_string(size.value_or(0)) + " bytes, but " +
                std::to_string(*length) +
                " were recorded: it was shortened or replaced; put it back, write to "
                "another path, or begin anew with --from-start");
  }
  Result<ExactFile> file = ExactFile::open(path);
  if (!file.ok()) return file.status();
  entry->file = std::move(*file);
  entry->file.rewind(*length);
  if (goes_on) {
    live_[entry->period.begin] = std::move(entry);
  } else {
    finished_.push_back(std::move(entry));
  }
  return {};
}

// Files that were begun after the last complete snapshot: their records come again.
void FileSeries::remove_leftovers() const {
  const auto parts = PathPattern::parse(options_.pattern.text() + std::string(kPart));
  for (const std::string& path : parts->find()) {
    const auto is_it = [&](const EntryPtr& entry) { return entry->file.path() == path; };
    const bool known = std::any_of(finished_.begin(), finished_.end(), is_it) ||
                       std::any_of(live_.begin(), live_.end(),
                                   [&](const auto& entry) { return is_it(entry.second); });
    if (!known && ExactFile::open(path).ok()) ::unlink(path.c_str());
  }
}

// ---- Writing ------------------------------------------------------------------------------------

Result<ExactFile*> FileSeries::single() {
  if (!live_.empty()) return &live_.begin()->second->file;
  const auto entry = file_of(0);
  if (!entry.ok()) return entry.status();
  return &(*entry)->file;
}

Status FileSeries::write(std::span<const Part> parts) {
  std::vector<std::pair<Entry*, uint64_t>> undo;  // and the length before
  for (const Part& part : parts) {
    Status status = write_part(part, undo);
    if (status.ok()) continue;
    for (; !undo.empty(); undo.pop_back()) undo.back().first->file.rewind(undo.back().second);
    return status;
  }
  return {};
}

Status FileSeries::write_part(const Part& part, std::vector<std::pair<Entry*, uint64_t>>& undo) {
  const auto entry = file_of(part.time_ms);
  if (!entry.ok()) return retry(entry.status().message());
  ExactFile& file = (*entry)->file;
  undo.emplace_back(*entry, file.length());
  return append(file, part.pieces);
}

Status FileSeries::append(ExactFile& file, std::vector<std::string_view> pieces) {
  if (file.length() == 0) pieces.insert(pieces.begin(), options_.header());
  if (options_.compression != Compression::kNone) {
    compressed_.clear();
    Status status = options_.compression == Compression::kGzip ? append_gzip(pieces, compressed_)
                                                               : append_zstd(pieces, compressed_);
    if (!status.ok()) return status;
    pieces = {compressed_};
  }
  std::vector<iovec> io;
  io.reserve(pieces.size());
  for (const std::string_view piece : pieces)
    io.push_back({const_cast<char*>(piece.data()), piece.size()});
  return file.append(io);
}

Result<FileSeries::Entry*> FileSeries::file_of(int64_t time_ms) {
  const PathPattern::Period period = options_.pattern.period_of(time_ms);
  const auto live = live_.find(period.begin);
  if (live != live_.end()) {
    if (live->second->file.length() < options_.max_file_bytes) return live->second.get();
    finish(live);
  }
  if (live_.size() >= kMaxLive) finish(live_.begin());
  auto entry = std::make_unique<Entry>();
  entry->period = period;
  entry->name = new_name(period);
  Result<ExactFile> file = ExactFile::open(written_name(entry->name));
  if (!file.ok()) return file.status();
  entry->file = std::move(*file);
  return (live_[period.begin] = std::move(entry)).get();
}

std::string FileSeries::new_name(const PathPattern::Period& period) const {
  std::string path = options_.pattern.expand(period.begin);
  if (options_.single) return path;
  auto folder = fs::path(path).parent_path();
  if (folder.empty()) folder = ".";
  int64_t last = -1;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::string name = at->path().filename().string();
    if (name.ends_with(kPart)) name.resize(name.size() - kPart.size());
    last = std::max(last, PathPattern::number_of(name, path));
  }
  return PathPattern::numbered(path, static_cast<uint32_t>(last + 1));
}

// ---- Finishing ----------------------------------------------------------------------------------

void FileSeries::finish(std::map<int64_t, EntryPtr>::iterator live) {
  finished_.push_back(std::move(live->second));
  live_.erase(live);
}

void FileSeries::finish_until(int64_t time_ms) {
  if (options_.single) return;
  while (!live_.empty() && live_.begin()->second->period.end <= time_ms) finish(live_.begin());
}

void FileSeries::committed() {
  for (auto& [begin, entry] : live_) entry->committed = entry->in_snapshot;
  for (auto& entry : finished_) entry->committed = entry->in_snapshot;
  publish();
}

void FileSeries::publish() {
  std::erase_if(finished_, [&](const EntryPtr& entry) { return publish(*entry); });
}

// Whether nothing is left to be done.
bool FileSeries::publish(Entry& entry) const {
  if (entry.committed != entry.file.length()) return false;
  if (entry.file.length() == 0) return ::unlink(entry.file.path().c_str()) == 0;
  Status status;
  if (entry.file.path() != entry.name) status = entry.file.rename(entry.name);
  if (status.ok()) status = sync_folder(entry.name);
  if (!status.ok()) options_.warn(status.message());
  return status.ok();
}

}  // namespace nek
