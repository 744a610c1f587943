// SPDX-License-Identifier: Apache-2.0
// Mark: what tells a file that was read from another one that begins the same: hashes of bytes
// before some of its positions. It is kept in the snapshots, with the position. Not thread-safe.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nek {

// As it is kept.
struct KeptMark {
  // So many bytes before a position are hashed, or all there are.
  static constexpr uint64_t kWindow = 1024;
  static uint64_t window(uint64_t position) { return position < kWindow ? position : kWindow; }
  static uint64_t hash(std::string_view bytes);

  struct Point {
    uint64_t position = 0, hash = 0;
  };
  std::vector<Point> points;  // by position; the last is how far it was read
  uint64_t size = 0;          // of the file then; 0: not known
  int64_t gone_ms = 0;        // no file that is followed has it since; 0: one has
  std::string path;

  uint64_t position() const { return points.empty() ? 0 : points.back().position; }
  std::string text() const;
  // None where it is empty, or of another version.
  static std::optional<KeptMark> parse(std::string_view text);
};

// Of what is being read.
class Mark {
 public:
  Mark() = default;
  // Goes on at a position; `before`: window() bytes before it. kept: of the same file.
  Mark(uint64_t position, std::string before, const std::optional<KeptMark>& kept);
  void read(std::string_view bytes);
  KeptMark keep() const;

 private:
  uint64_t position_ = 0;
  std::string before_;                   // the last bytes before it
  std::vector<KeptMark::Point> points_;  // at kFirst and its multiples by kStep
};

}  // namespace nek
