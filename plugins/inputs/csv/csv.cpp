// SPDX-License-Identifier: Apache-2.0
// Input `csv`: reads files from their beginning to their end, one after the other, or follows them.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "file_reader.h"
#include "fingerprint.h"
#include "follow.h"
#include "nek/plugin.hpp"
#include "paths.h"
#include "seen.h"

namespace nek {

namespace {

enum class Watch : uint8_t { kAuto, kPoll };

struct Config {
  std::vector<std::string> path;
  std::vector<std::string> exclude;
  bool follow = false;
  std::optional<std::chrono::milliseconds> close_after, ignore_older;
  std::optional<uint32_t> fingerprint_lines;
  std::optional<Watch> watch;
};
constexpr auto kOptions = options<Config>(
    option<&Config::path>("path",
                          "Files to read: a path, a list of paths, patterns like 'in/*.csv', or "
                          "'-' for stdin."),
    option<&Config::exclude>("exclude",
                             "Files that are not read: patterns for names like '*.gz', or for "
                             "whole paths where they have a '/'.",
                             {.fallback = "[]"}),
    option<&Config::follow>("follow",
                            "Goes on: reads what is added to files, and files that come later.",
                            {.fallback = "false"}),
    option<&Config::close_after>(
        "close_after",
        "With follow (default 60s): a file that is gone or has another name is "
        "read until nothing came so long."),
    option<&Config::ignore_older>("ignore_older",
                                  "With follow: leaves out files that were last written to longer "
                                  "ago."),
    option<&Config::fingerprint_lines>(
        "fingerprint_lines",
        "With follow (default 2): a file is known by so many of its first "
        "lines, all of the first, then up to 1 KiB.",
        {.range = "1..1000"}),
    option<&Config::watch>(
        "watch",
        "With follow (default auto): hears of changes from the kernel, or looks every "
        "250 ms.",
        {.range = "auto|poll"}));

constexpr std::string_view kStdin = "-";

class CsvInput {
 public:
  CsvInput(Host host, Config config) : host_(host), config_(std::move(config)) {}

  Status setup(Shape&) {
    if (config_.follow) return follow();
    for (const char* option : {"close_after", "ignore_older", "fingerprint_lines", "watch"})
      if (const nek_value* at = host_.at(option); at != &host_.config())
        return fail_at(at, std::string(option) + ": is for files that are followed, follow: true");
    for (size_t i = 0; i < config_.path.size(); i++) {
      const Status status = add(config_.path[i]);
      if (!status.ok()) return fail_at(node(i), "path: " + status.message());
    }
    if (paths_.empty()) return fail_at(host_.at("path"), "path: names no file");
    return {};
  }

  Status read(Chunk& chunk, std::chrono::milliseconds wait) {
    if (chunk.memory_full()) return {};
    if (follower_) return follower_->read(chunk, wait);
    while (!chunk.room().empty()) {
      if (!file_) {
        if (next_ == paths_.size()) return end_all(chunk);
        if (Status status = open_file(); !status.ok()) {
          give_up(status);
          continue;
        }
      }
      // What is there already is not held back.
      const auto wait_ms = chunk.empty() ? static_cast<int>(wait.count()) : 0;
      if (!source_) {
        const auto known = open_source(wait_ms);
        if (!known.ok()) give_up(known.status());
        if (known.ok() && !*known) return {};
      } else {
        const auto got = read_file(chunk, wait_ms);
        if (!got.ok()) give_up(got.status());
        if (got.ok() && !*got) return {};
      }
    }
    return {};
  }

  Progress progress() const {
    return follower_ ? Progress{follower_->bytes(), 0} : Progress{done_, total_};
  }

 private:
  const nek_value* node(size_t i) const {
    const nek_value* at = host_.at("path");
    return i < at->count ? &at->items[i] : at;
  }
  // Files may come later, but what is there has to be one.
  Status follow() {
    for (size_t i = 0; i < config_.path.size(); i++) {
      const std::string& path = config_.path[i];
      if (path == kStdin)
        return fail_at(node(i),
                       "path: standard input cannot be followed; it is read until it ends "
                       "without 'follow'");
      if (is_pattern(path) || ::access(path.c_str(), F_OK) != 0) continue;
      if (const auto file = FileReader::open(path); !file.ok())
        return fail_at(node(i), "path: " + file.status().message());
    }
    if (config_.path.empty()) return fail_at(host_.at("path"), "path: names no file");
    FollowSettings settings{.patterns = config_.path, .exclude = config_.exclude};
    if (config_.close_after) settings.close_after_ms = config_.close_after->count();
    if (config_.ignore_older) settings.ignore_older_ms = config_.ignore_older->count();
    settings.fingerprint_lines = config_.fingerprint_lines.value_or(settings.fingerprint_lines);
    settings.poll = config_.watch == Watch::kPoll;
    follower_.emplace(host_, std::move(settings));
    return {};
  }
  Status add(const std::string& path) {
    if (path == kStdin) {
      paths_.push_back(path);
      return {};
    }
    auto found = is_pattern(path) ? expand(path) : std::vector{path};
    std::erase_if(found, [&](const auto& one) { return is_excluded(one, config_.exclude); });
    if (found.empty()) return fail("no file matches '" + path + "'");
    for (const auto& one : found) {
      const auto file = FileReader::open(one);
      if (!file.ok()) return file.status();
      if (Status status = file->refuse_foreign(); !status.ok()) return status;
      if (!files_.insert(file->id()).second) continue;  // by another name, or of two patterns
      paths_.push_back(one);
      total_ += file->size();
    }
    return {};
  }

  Status open_file() {
    const std::string& path = paths_[next_++];
    done_before_ = done_;
    if (path == kStdin) {
      file_ = FileReader::of_stdin();
      return {};
    }
    auto file = FileReader::open(path);
    if (!file.ok()) return file.status();
    file_ = std::move(*file);
    return {};
  }
  // False: the first bytes are not there yet.
  Result<bool> open_source(int wait_ms) {
    auto has_head = file_->read_head(wait_ms);
    if (has_head.ok() && !*has_head) return false;
    // What is damaged behind the bytes that tell it is read up to there.
    const std::string_view head = file_->head();
    if (!has_head.ok() && head.size() < fingerprint_bytes(head)) return has_head.status();
    const std::string& path = paths_[next_ - 1];
    const bool is_stdin = path == kStdin;
    const std::string told = is_stdin ? session() : fingerprint(head);
    const std::string identity = is_stdin ? told : known_as(path, told);
    const std::string key = is_stdin ? identity : path + " " + identity;
    nek_source_open open{};
    open.identity = to_text(identity);
    open.key = to_text(key);
    open.head = to_text(head);
    if (!is_stdin) open.name = to_text(path);
    if (is_stdin) open.flags = NEK_ONCE;
    source_ = host_.open_source(open);
    const Seen before = Seen::parse(Host::mark_of(*source_));
    seen_ = {told, 0, ""};
    if (source_->ended && has_grown()) {
      tell_grown(before);
      return skip_to_resume();
    }
    if (source_->ended) {
      tell_ended(before);
      seen_ = before.size > 0 ? before : seen_of(file_->size());
      close();
      return true;
    }
    // What was read to an end before says more.
    if (!is_stdin && before.size == 0) host_.mark_source(source_, seen_.text());
    return skip_to_resume();
  }
  // A source of a path, as earlier runs left it.
  struct Known {
    std::string identity;
    Seen seen;
  };
  const std::vector<Known>& known_at(const std::string& path) {
    if (!known_) {
      known_.emplace();
      const std::set<std::string_view> paths(paths_.begin(), paths_.end());
      host_.known_sources([&](const nek_known_source& source) {
        const std::string_view key = to_view(source.key);
        const size_t space = key.rfind(' ');
        if (space == std::string_view::npos || !paths.contains(key.substr(0, space))) return;
        (*known_)[std::string(key.substr(0, space))].push_back(
            {std::string(key.substr(space + 1)), Seen::parse(to_view(source.mark))});
      });
    }
    return (*known_)[path];
  }
  // What it was known by when less of it was there, or by versions before this one: by its first
  // KiB, however long its first line is. Unless another file has since been known by that.
  std::string known_as(const std::string& path, const std::string& told) {
    const std::string_view head = file_->head();
    const std::string first_kib = fingerprint_all(head.substr(0, kFingerprintBytes));
    std::string_view as = told;
    uint64_t most = 0;
    for (const Known& one : known_at(path)) {
      if (one.identity == told) return told;
      uint64_t fits = begins_as(one.seen) ? one.seen.size : 0;
      if (one.seen.identity == told) fits = UINT64_MAX;
      if (one.seen.identity.empty() && one.identity == first_kib) fits = 1;
      if (fits > most) as = one.identity;
      most = std::max(most, fits);
    }
    return std::string(as);
  }
  // It begins with all of a file that was read to its end and was too small for a fingerprint.
  bool begins_as(const Seen& seen) const {
    const std::string_view head = file_->head();
    if (file_->is_packed() || seen.size == 0 || seen.size >= head.size()) return false;
    const std::string_view then = head.substr(0, seen.size);
    return then.size() < fingerprint_bytes(then) && fingerprint_all(then) == seen.identity;
  }
  Seen seen_of(uint64_t size) const { return {seen_.identity, size, file_->end_print(size)}; }
  // Whether it begins as what was read does, and goes on otherwise.
  bool is_another(const Seen& before) const {
    if (before.size == 0) return false;
    const bool size_fits =
        file_->is_packed() ? file_->size() == before.size : file_->size() >= before.size;
    return !size_fits || file_->end_print(before.size) != before.end;
  }
  void tell_grown(const Seen& before) const {
    const std::string was = " it was read (" + read_before() + ")";
    if (is_another(before)) {
      host_.log(NEK_WARN, paths_[next_ - 1] + ": begins as when" + was +
                              ", but was changed since: only what lies behind byte " +
                              std::to_string(source_->resume) +
                              " is read; --from-start reads all of it");
    } else {
      host_.log(NEK_INFO,
                paths_[next_ - 1] + ": has grown since" + was + "; what was added is read");
    }
  }
  void tell_ended(const Seen& before) const {
    if (is_another(before)) {
      host_.log(NEK_WARN, paths_[next_ - 1] + ": begins as when it was read (" + read_before() +
                              "), but was changed since: nothing of it is read; --from-start "
                              "reads it again");
    } else {
      host_.log(NEK_INFO, paths_[next_ - 1] + ": already read (" + read_before() +
                              "); --from-start reads it again");
    }
  }
  Result<bool> skip_to_resume() {
    if (source_->resume == NEK_NO_POSITION) return true;
    if (Status status = file_->skip_to(source_->resume); !status.ok()) return status;
    return true;
  }
  // Packed ones would have to be unpacked to know.
  bool has_grown() const {
    return !file_->is_packed() && source_->resume != NEK_NO_POSITION &&
           file_->size() > source_->resume;
  }
  // "1,000,000 records, 2026-11-24 20:15"
  std::string read_before() const {
    std::string text = std::to_string(source_->ended_records);
    for (size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
    text += source_->ended_records == 1 ? " record" : " records";
    if (source_->ended_ms == 0) return text;
    const std::time_t seconds = source_->ended_ms / 1000;
    std::tm local{};
    char date[32];
    localtime_r(&seconds, &local);
    return text + std::string(date, std::strftime(date, sizeof date, ", %Y-%m-%d %H:%M", &local));
  }
  // What comes by stdin is a source of its own each time.
  std::string session() const {
    return "stdin " + std::to_string(host_.now_ms()) + " " + std::to_string(::getpid());
  }
  // False: stdin has nothing for now.
  Result<bool> read_file(Chunk& chunk, int wait_ms) {
    const uint64_t position = file_->position();
    const auto got = file_->read(chunk.room(), wait_ms);
    if (!got.ok()) return got.status();
    done_ = done_before_ + file_->taken();
    if (*got > 0) chunk.took(source_, position, static_cast<uint32_t>(*got));
    if (file_->at_end()) {
      close();
      return true;
    }
    return *got > 0;
  }
  // The next file is read; this one keeps its position, for when it is whole.
  void give_up(const Status& why) {
    if (failed_++ == 0) failure_ = why.message();
    if (next_ < paths_.size()) host_.log(NEK_WARN, why.message() + "; goes on with the next file");
    source_ = nullptr;
    file_.reset();
  }
  Status end_all(const Chunk& chunk) {
    if (failed_ == 0) return end();
    if (!chunk.empty()) return {};  // the failure comes behind it
    const std::string others = failed_ > 1 ? "; and " + std::to_string(failed_ - 1) + " more of " +
                                                 std::to_string(paths_.size()) +
                                                 " files could not be read to their end"
                                           : "";
    return fail(failure_ + others);
  }
  void close() {
    if (file_->passed_over()) {
      host_.log(NEK_WARN, "'" + paths_[next_ - 1] + "': what follows its compressed data is none " +
                              "and is left out");
    }
    done_ = done_before_ + file_->size();
    if (seen_.size == 0) seen_ = seen_of(file_->taken());
    if (paths_[next_ - 1] != kStdin) host_.mark_source(source_, seen_.text());
    host_.end_source(std::exchange(source_, nullptr));
    file_.reset();
  }

  Host host_;
  Config config_;
  std::optional<Follower> follower_;
  std::vector<std::string> paths_;
  std::set<std::pair<uint64_t, uint64_t>> files_;  // which they are
  size_t next_ = 0;                                // of paths_
  std::optional<FileReader> file_;
  nek_source* source_ = nullptr;  // of file_, once its first bytes are known
  Seen seen_;                     // of file_
  std::optional<std::map<std::string, std::vector<Known>>> known_;  // by path; once it is asked for
  size_t failed_ = 0;                                               // files
  std::string failure_;                                             // of the first of them
  uint64_t done_before_ = 0;
  std::atomic<uint64_t> done_ = 0, total_ = 0;  // bytes on disk
};

}  // namespace

}  // namespace nek

NEK_EXPORT_PLUGINS(nek::input<nek::CsvInput, nek::kOptions>(
    {.name = "csv",
     .version = "0.1.0",
     .vendor = "nek",
     .licence = "Apache-2.0",
     .summary = "Reads files of comma separated values, and follows those that grow.",
     .example = "csv: { path: flows.csv, format: nfdump }",
     .codec = "csv"}));
