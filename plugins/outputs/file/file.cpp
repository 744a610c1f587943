// SPDX-License-Identifier: Apache-2.0
// file: appends records to a file that holds each of them exactly once, crashes included.
#include <string>
#include <vector>

#include "exact_file.h"
#include "nek/plugin.hpp"

namespace nek {
namespace {

enum class IfExists : uint8_t { kResume, kAppend, kOverwrite, kFail };

struct Config {
  std::string path;
  IfExists if_exists = IfExists::kResume;
};

constexpr auto kOptions = options<Config>(
    option<&Config::path>("path", "The file; missing folders are made.", {.type = "path"}),
    option<&Config::if_exists>(
        "if_exists",
        "What to do with a file that this pipeline has not written: resume and fail refuse it, "
        "append writes behind its end, overwrite empties it.",
        {.fallback = "resume", .range = "resume|append|overwrite|fail"}));

// What a snapshot holds: "nek-file 1 LENGTH PATH".
constexpr std::string_view kStateMagic = "nek-file 1 ";

struct State {
  uint64_t length = 0;
  std::string path;

  std::string write() const {
    return std::string(kStateMagic) + std::to_string(length) + " " + path;
  }
  static std::optional<State> parse(std::string_view text) {
    if (!text.starts_with(kStateMagic)) return std::nullopt;
    text.remove_prefix(kStateMagic.size());
    const size_t space = text.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const auto length = parse_number<uint64_t>(text.substr(0, space));
    if (!length) return std::nullopt;
    return State{*length, std::string(text.substr(space + 1))};
  }
};

iovec piece_of(const void* data, size_t size) { return {const_cast<void*>(data), size}; }

class FileOutput {
 public:
  static constexpr uint32_t kControls = NEK_SNAPSHOT;

  FileOutput(Host host, Config config) : host_(host), config_(std::move(config)) {}

  Status start(Start start) {
    std::optional<State> state;
    if (!start.restored().empty()) {
      state = State::parse(start.restored());
      if (!state) return fail("the recorded state is not of this version of nek");
    }
    Result<ExactFile> file = ExactFile::open(config_.path);
    if (!file.ok()) return file.status();
    file_ = std::move(*file);
    if (state && state->path == config_.path) return resume(state->length);
    return begin();
  }

  Status write(std::span<const nek_encoded* const> blocks) {
    std::vector<iovec> pieces;
    pieces.reserve(blocks.size() + 1);
    const std::string_view header = file_.length() == 0 ? host_.header() : std::string_view();
    if (!header.empty()) pieces.push_back(piece_of(header.data(), header.size()));
    for (const nek_encoded* block : blocks) pieces.push_back(piece_of(block->data, block->used));
    return file_.append(pieces);
  }

  Status control(Call&, const nek_control& control) {
    Status status = file_.sync();
    if (status.ok())
      host_.write_state(control.snapshot, State{file_.length(), file_.path()}.write());
    if (status.code() == NEK_FAIL) return status;
    if (!status.ok()) host_.log(NEK_WARN, status.message());
    host_.finish_state(control.snapshot, status.code());
    return {};
  }

 private:
  Status resume(uint64_t length) {
    if (file_.length() >= length) return file_.truncate(length);
    return fail(config_.path + " holds " + std::to_string(file_.length()) + " bytes, but " +
                std::to_string(length) +
                " were recorded: it was shortened or replaced; put it back, or write to another "
                "path");
  }
  Status begin() {
    if (file_.length() == 0) return {};
    switch (config_.if_exists) {
      case IfExists::kAppend: return {};
      case IfExists::kOverwrite: return file_.truncate(0);
      default:
        return fail_at(host_.at("path"),
                       config_.path +
                           " exists and was not written by this pipeline; remove it, or say "
                           "'if_exists: append' or 'if_exists: overwrite'");
    }
  }

  Host host_;
  Config config_;
  ExactFile file_;
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::output<nek::FileOutput, nek::kOptions>({
    .name = "file",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Writes records to a file, each exactly once.",
    .example = "file: {path: out/flows.ndjson}",
    .codec = "json",
}));
