// SPDX-License-Identifier: Apache-2.0
// Golden pairs: a folder of cases, each what goes into a plugin and what must come out, as files.
// A case runs whole, then row by row (filters, up to the control `finish`) or in chunks of 1, 7
// and 64 bytes (decoders): the result must not depend on how records are cut into batches.
// Not thread-safe.
//
//   testdata/CASE/
//     config.yaml               options, as the plugin's entry in a pipeline has them; optional
//     input.*                   decoders: bytes; the others: a table (table.hpp)
//     expected.ndjson           filters, decoders: the table that comes out
//     expected.STREAM.ndjson    filters with several streams; without a file it must stay empty
//     expected.refused.ndjson   {"row":0,"reason":"r","detail":"d"}; decoders: "raw"; none: nothing
//     expected.*                encoders, outputs: the bytes
//     expected.error            instead of the others: why create or start fails
#pragma once
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "nek/plugin.h"
#include "nek/testing/run.hpp"

namespace nek::testing {

namespace detail {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
inline std::string first_line(std::string_view table) {
  return std::string(table.substr(0, std::min(table.find('\n'), table.size() - 1) + 1));
}
// `more` behind `table`; its first line is left out where it is that of the table.
inline void append_table(std::string& table, std::string_view more) {
  if (!table.empty() && !more.empty() && first_line(table) == first_line(more)) {
    more.remove_prefix(first_line(more).size());
  }
  table += more;
}
inline void append(Emitted& all, const Emitted& more) {
  all.streams.resize(std::max(all.streams.size(), more.streams.size()));
  for (size_t i = 0; i < more.streams.size(); i++) append_table(all.streams[i], more.streams[i]);
  all.refused += more.refused;
}
// Where the texts differ first, or "".
inline std::string difference(std::string_view expected, std::string_view is) {
  for (int line = 1; expected != is; line++) {
    const std::string_view a = expected.substr(0, expected.find('\n'));
    const std::string_view b = is.substr(0, is.find('\n'));
    const bool last = a.size() == expected.size() || b.size() == is.size();
    if (a != b || last) {
      return "line " + std::to_string(line) +
             "\n  expected: " + std::string(expected.substr(0, a.size() + 1)) +
             "\n  but was:  " + std::string(is.substr(0, b.size() + 1)) + "\n";
    }
    expected.remove_prefix(a.size() + 1);
    is.remove_prefix(b.size() + 1);
  }
  return {};
}
inline Emitted finished(Filter& filter, Emitted all) {
  if (filter.asks_for(NEK_FINISH)) append(all, filter.control(NEK_FINISH));
  return all;
}
inline Emitted filter_whole(const nek_plugin& plugin, const std::string& options,
                            std::string_view table) {
  Filter filter(plugin, options);
  return finished(filter, filter.process(table));
}
inline Emitted filter_by_rows(const nek_plugin& plugin, const std::string& options,
                              std::string_view table) {
  Filter filter(plugin, options);
  const std::string types = first_line(table);
  Emitted all;
  uint32_t row = 0;
  for (std::string_view rest = table.substr(types.size()); !rest.empty(); row++) {
    const std::string line = first_line(rest);
    append(all, filter.process(types + line, row));
    rest.remove_prefix(line.size());
  }
  if (row == 0) append(all, filter.process(types));
  return finished(filter, std::move(all));
}

// One folder.
class GoldenCase {
 public:
  GoldenCase(const nek_plugin& plugin, std::filesystem::path dir)
      : plugin_(plugin), dir_(std::move(dir)), options_(read_file(dir_ / "config.yaml")) {
    for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
      if (entry.path().stem() == "input") input_ = read_file(entry.path());
    }
  }
  std::string run() {
    if (std::filesystem::exists(dir_ / "expected.error")) {
      std::string expected = read_file(dir_ / "expected.error");
      if (!expected.empty() && expected.back() == '\n') expected.pop_back();
      compare("expected.error", expected, Instance(plugin_, options_).error());
    } else if (plugin_.filter) {
      compare_all("whole", filter_whole(plugin_, options_, input_));
      compare_all("row by row", filter_by_rows(plugin_, options_, input_));
    } else if (plugin_.decoder) {
      for (const size_t chunk : {SIZE_MAX, size_t{1}, size_t{7}, size_t{64}}) {
        Feed feed;
        feed.chunk = chunk;
        compare_all(chunk == SIZE_MAX ? "whole" : "in chunks of " + std::to_string(chunk),
                    Decoder(plugin_, options_).decode(input_, feed));
      }
    } else if (plugin_.encoder) {
      Encoder encoder(plugin_, options_);
      compare_bytes(encoder.header() + encoder.encode(input_).all);
    } else if (plugin_.output) {
      compare_bytes(Output(plugin_, options_).encode(input_).all);
    } else {
      problems_ += "inputs have no golden cases";
    }
    return problems_;
  }

 private:
  void compare(const std::string& what, std::string_view expected, std::string_view is) {
    const std::string where = difference(expected, is);
    if (!where.empty()) problems_ += dir_.filename().string() + ", " + what + ": " + where;
  }
  void compare_all(const std::string& how, const Emitted& is) {
    Instance instance(plugin_, options_);
    const nek_shape& shape = instance.shape();
    for (uint32_t i = 0; i < shape.stream_count; i++) {
      const std::string one = "expected.ndjson";
      const std::string name = shape.stream_count == 1 && std::filesystem::exists(dir_ / one)
                                   ? one
                                   : std::string("expected.") + shape.streams[i].name + ".ndjson";
      compare(name + " " + how, read_file(dir_ / name), is.streams[i]);
    }
    compare("expected.refused.ndjson " + how, read_file(dir_ / "expected.refused.ndjson"),
            is.refused);
  }
  void compare_bytes(const std::string& is) {
    for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
      if (entry.path().stem() != "expected") continue;
      return compare(entry.path().filename().string(), read_file(entry.path()), is);
    }
    problems_ += dir_.filename().string() + ": no file expected.*\n";
  }

  const nek_plugin& plugin_;
  std::filesystem::path dir_;
  std::string options_, input_, problems_;
};

}  // namespace detail

// All cases in `dir`; what differs, or "".
inline std::string run_golden(const nek_plugin& plugin, const std::string& dir) {
  std::vector<std::filesystem::path> cases;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    if (entry.is_directory()) cases.push_back(entry.path());
  }
  if (cases.empty()) return "no cases in " + dir;
  std::sort(cases.begin(), cases.end());
  std::string problems;
  for (const auto& one : cases) {
    try {
      problems += detail::GoldenCase(plugin, one).run();
    } catch (const std::exception& e) {
      problems += one.filename().string() + ": " + e.what() + "\n";
    }
  }
  return problems;
}

}  // namespace nek::testing
