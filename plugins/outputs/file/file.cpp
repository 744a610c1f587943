// SPDX-License-Identifier: Apache-2.0
// file: writes records to one file or to a series of files that hold each of them exactly once,
// crashes included.
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nek/plugin.hpp"
#include "path_pattern.h"
#include "retention.h"
#include "series.h"

namespace nek {
namespace {

enum class IfExists : uint8_t { kResume, kAppend, kOverwrite };

struct Config {
  std::string path;
  IfExists if_exists = IfExists::kResume;
  std::string time_field;
  std::optional<Bytes> max_file_bytes;
  std::optional<std::chrono::milliseconds> keep;
  std::optional<Bytes> max_total_bytes;
  Compression compression = Compression::kAuto;
};

constexpr auto kOptions = options<Config>(
    option<&Config::path>("path",
                          "The file; missing folders are made. With conversions of time, as in "
                          "out/%Y%m%d/flows.ndjson, a series of files; UTC.",
                          {.type = "path"}),
    option<&Config::time_field>(
        "time_field",
        "The column whose time the conversions in 'path' are of; none: the time of writing.",
        {.type = "field", .fallback = ""}),
    option<&Config::max_file_bytes>("max_file_bytes",
                                    "A file of this size is finished and another one begun.",
                                    {.range = "4KiB.."}),
    option<&Config::keep>("keep", "Finished files are removed when they are older, such as 14d.",
                          {.range = "1s.."}),
    option<&Config::max_total_bytes>(
        "max_total_bytes", "The oldest finished files are removed when all together take more."),
    option<&Config::compression>("compression",
                                 "How files are compressed; auto: by their name, .gz or .zst.",
                                 {.fallback = "auto", .range = "auto|none|gzip|zstd"}),
    option<&Config::if_exists>(
        "if_exists",
        "What to do with a single file that is there at the start. What this pipeline has written "
        "is taken up by all. Any other is refused by resume, append writes behind its end, "
        "overwrite empties it.",
        {.fallback = "resume", .range = "resume|append|overwrite"}));

// With time_field a block begins with a table that says which of its bytes are of which time:
// a Table, then its Runs. Records of a block are mostly of one period, so it is short.
struct Run {
  int64_t time_ms;
  uint64_t end;  // in the block
};
struct Table {
  uint64_t runs;
};

Compression compression_of(const Config& config) {
  if (config.compression != Compression::kAuto) return config.compression;
  if (config.path.ends_with(".gz")) return Compression::kGzip;
  return config.path.ends_with(".zst") ? Compression::kZstd : Compression::kNone;
}

// A path that an output of this process writes to, as long as this lives. Two outputs with the same
// would each write over what the other wrote.
class Claim {
 public:
  Claim() = default;
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim() {
    const std::lock_guard lock(mutex);
    taken.erase(path_);
  }
  // False: another output has it.
  bool take(const std::string& path) {
    std::error_code none;
    std::string whole = std::filesystem::weakly_canonical(path, none).string();
    if (none) whole = path;
    const std::lock_guard lock(mutex);
    if (!taken.insert(whole).second) return false;
    path_ = whole;
    return true;
  }

 private:
  static inline std::mutex mutex;
  static inline std::set<std::string> taken;
  std::string path_;
};

class FileOutput {
 public:
  static constexpr uint32_t kControls =
      NEK_SNAPSHOT | NEK_COMMITTED | NEK_TICK | NEK_WATERMARK | NEK_FINISH;

  FileOutput(Host host, Config config) : host_(host), config_(std::move(config)) {}

  Status setup(Shape& shape) {
    Result<PathPattern> pattern = PathPattern::parse(config_.path);
    if (!pattern.ok()) return fail_at(host_.at("path"), "'path': " + pattern.status().message());
    pattern_ = std::move(*pattern);
    single_ = !pattern_.has_time() && !config_.max_file_bytes;
    std::error_code error;
    if (single_ && std::filesystem::is_directory(config_.path, error))
      return fail_at(host_.at("path"), config_.path + " is a folder; name a file in it");
    Status status = check_options();
    if (status.ok() && !claim_.take(config_.path))
      status = fail_at(host_.at("path"), "another output writes to " + config_.path + " already");
    if (status.ok() && has_event_time()) shape.read(config_.time_field, {NEK_TIME});
    return status;
  }

  Status start(const Start& start) {
    FileSeries::Options options;
    options.pattern = pattern_;
    options.single = single_;
    if (config_.max_file_bytes) options.max_file_bytes = config_.max_file_bytes->count;
    options.compression = compression_of(config_);
    options.header = [this] { return host_.header(); };
    options.warn = [this](const std::string& line) { host_.log(NEK_WARN, line); };
    files_.emplace(std::move(options));
    if (!start.restored().empty()) {
      Status status = files_->restore(start.restored());
      if (!status.ok()) return status;
    }
    remove_old();
    return single_ ? open_single() : Status();
  }

  Status encode(Call& call, Encoded& out) const {
    if (!has_event_time() || call.rows() == 0) return call.encode({}, out);
    std::vector<Run> runs;  // `end`: in rows
    PathPattern::Period period{0, 0};
    const TimeView times(call.read(0));
    for (uint32_t row = 0; row < call.rows(); row++) {
      const int64_t time = times.has(row) ? times[row] : host_.now_ms();
      if (!period.holds(time)) runs.push_back({time, 0});
      if (!period.holds(time)) period = pattern_.period_of(time);
      runs.back().end = row + 1;
    }
    return encode_runs(call, out, runs);
  }

  Status write(std::span<const nek_encoded* const> blocks) {
    std::vector<FileSeries::Part> parts;
    if (!has_event_time()) {
      const int64_t now = host_.now_ms();
      files_->finish_until(now);
      auto& pieces = parts.emplace_back(FileSeries::Part{now, {}}).pieces;
      for (const nek_encoded* block : blocks) pieces.push_back(bytes_of(*block, 0, block->used));
    } else {
      for (const nek_encoded* block : blocks) add_runs(*block, parts);
    }
    return files_->write(parts);
  }

  Status control(Call&, const nek_control& control) {
    switch (control.kind) {
      case NEK_SNAPSHOT: return snapshot(control.snapshot);
      case NEK_COMMITTED: files_->committed(); break;
      case NEK_WATERMARK:
        if (has_event_time()) files_->finish_until(control.time_ms);
        break;
      case NEK_TICK: tick(); break;
      default:  // FINISH
        if (!control.drain) files_->finish_until(INT64_MAX);
    }
    return {};
  }

 private:
  static constexpr int64_t kRetentionMs = 60'000;  // how often it is looked after

  bool has_event_time() const { return !config_.time_field.empty(); }

  Status check_options() const {
    if (has_event_time() && !pattern_.has_time()) {
      return fail_at(host_.at("time_field"),
                     "'time_field' is for a 'path' with conversions of time, such as "
                     "out/%Y%m%d/flows.ndjson");
    }
    for (const auto& [name, given] :
         {std::pair{"keep", config_.keep.has_value()},
          std::pair{"max_total_bytes", config_.max_total_bytes.has_value()}}) {
      if (!single_ || !given) continue;
      return fail_at(host_.at(name),
                     std::string("'") + name +
                         "' is for a series of files: say 'max_file_bytes', or conversions of time "
                         "in 'path'");
    }
    if (!single_ && config_.if_exists != IfExists::kResume) {
      return fail_at(host_.at("if_exists"),
                     "'if_exists' is for a single file: in a series each new file has a new name");
    }
    return {};
  }

  Status open_single() {
    const bool restored = files_->has_single();
    const auto file = files_->single();
    if (!file.ok()) return file.status();
    if (restored || (*file)->length() == 0) return {};
    switch (config_.if_exists) {
      case IfExists::kAppend: return {};
      case IfExists::kOverwrite: (*file)->rewind(0); return {};
      default:
        return fail_at(host_.at("path"),
                       config_.path +
                           " exists, and by what is known this pipeline has not written it (with "
                           "--from-start nothing is known); remove it, or say 'if_exists: append' "
                           "or 'if_exists: overwrite'");
    }
  }

  static std::string_view bytes_of(const nek_encoded& block, size_t begin, size_t end) {
    return {reinterpret_cast<const char*>(block.data) + begin, end - begin};
  }

  // The table is made room for, and filled when the ends of the records are known.
  static Status encode_runs(Call& call, Encoded& out, std::vector<Run>& runs) {
    const size_t begin = out.c()->used;
    const size_t size = sizeof(Table) + runs.size() * sizeof(Run);
    out.wrote_to(out.room(size) + size);
    Status status = call.encode({}, out);
    if (!status.ok()) return status;
    if (out.c()->used == begin + size) out.c()->used = begin;  // nothing to be told apart
    uint32_t* ends = out.c()->ends;
    size_t row = 0, end = begin + size;
    for (Run& run : runs) {
      for (; row < run.end; row++) {
        end = std::max<size_t>(end, ends[row]);
        if (ends[row] <= begin + size) ends[row] = 0;  // left out: the table is no record
      }
      run.end = end;
    }
    uint8_t* at = out.c()->data + begin;
    const Table table = {runs.size()};
    std::memcpy(at, &table, sizeof table);
    if (!runs.empty()) std::memcpy(at + sizeof table, runs.data(), runs.size() * sizeof(Run));
    return {};
  }
  static void add_runs(const nek_encoded& block, std::vector<FileSeries::Part>& parts) {
    Table table;
    std::memcpy(&table, block.data, sizeof table);
    size_t begin = sizeof table + table.runs * sizeof(Run);
    for (uint64_t i = 0; i < table.runs; i++) {
      Run run;
      std::memcpy(&run, block.data + sizeof table + i * sizeof run, sizeof run);
      if (run.end > begin) parts.push_back({run.time_ms, {bytes_of(block, begin, run.end)}});
      begin = run.end;
    }
  }

  Status snapshot(nek_snapshot* snapshot) {
    const auto state = files_->snapshot();
    if (state.ok()) host_.write_state(snapshot, *state);
    Status status = state.status();
    if (status.code() == NEK_FAIL) return status;
    if (!status.ok()) host_.log(NEK_WARN, status.message());
    host_.finish_state(snapshot, status.code());
    return {};
  }

  void tick() {
    if (!has_event_time()) files_->finish_until(host_.now_ms());
    files_->publish();
    if (host_.now_ms() - retention_ms_ >= kRetentionMs) remove_old();
  }
  void remove_old() {
    retention_ms_ = host_.now_ms();
    if (!config_.keep && !config_.max_total_bytes) return;
    RetentionLimits limits;
    if (config_.keep) limits.keep_ms = config_.keep->count();
    if (config_.max_total_bytes) limits.max_total_bytes = config_.max_total_bytes->count;
    remove_old_files(pattern_, limits, retention_ms_,
                     [this](const std::string& line) { host_.log(NEK_WARN, line); });
  }

  Host host_;
  Config config_;
  Claim claim_;
  PathPattern pattern_;
  bool single_ = true;
  int64_t retention_ms_ = 0;
  std::optional<FileSeries> files_;  // once started
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::output<nek::FileOutput, nek::kOptions>({
    .name = "file",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Writes records to files that hold each exactly once.",
    .example = "file: {path: out/flows.ndjson}",
    .codec = "json",
}));
