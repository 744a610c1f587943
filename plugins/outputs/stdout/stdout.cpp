// SPDX-License-Identifier: Apache-2.0
// stdout: writes records to standard output, for other programs or as a table for people.
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "nek/plugin.hpp"
#include "table.h"

namespace nek {
namespace {

enum class Format : uint8_t { kRecords, kTable };

struct Config {
  Format format = Format::kRecords;
};

constexpr auto kOptions = options<Config>(option<&Config::format>(
    "format", "Records as the codec writes them, or a table for people, drawn of JSON records.",
    {.fallback = "records", .range = "records|table"}));

Status write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd ready = {STDOUT_FILENO, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return fail("cannot write to standard output: " + std::system_category().message(errno));
    }
  }
  return {};
}

class Stdout {
 public:
  Stdout(Host host, Config config) : host_(host), config_(config) {}

  Status write(std::span<const nek_encoded* const> blocks) {
    if (!begun_ && config_.format == Format::kRecords) {
      Status status = write_all(host_.header());
      if (!status.ok()) return status;
    }
    begun_ = true;
    for (const nek_encoded* block : blocks) {
      Status status =
          write_all(config_.format == Format::kTable ? table_of(*block) : bytes_of(*block));
      if (!status.ok()) return status;
    }
    return {};
  }

 private:
  static std::string_view bytes_of(const nek_encoded& block) {
    return {reinterpret_cast<const char*>(block.data), block.used};
  }
  std::string_view table_of(const nek_encoded& block) {
    const std::string_view bytes = bytes_of(block);
    text_.clear();
    size_t begin = 0;
    for (uint32_t row = 0; row < block.rows; begin = block.ends[row++])
      table_.add(bytes.substr(begin, block.ends[row] - begin), text_);
    return text_;
  }

  Host host_;
  Config config_;
  Table table_;
  std::string text_;
  bool begun_ = false;
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::output<nek::Stdout, nek::kOptions>({
    .name = "stdout",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Writes records to standard output.",
    .example = "stdout: {format: table}",
    .codec = "json",
}));
