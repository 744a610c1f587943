// SPDX-License-Identifier: Apache-2.0
#include "mark.h"

#include <algorithm>
#include <charconv>

#include "fingerprint.h"

namespace nek {

namespace {

constexpr uint64_t kFirst = 512, kStep = 8;  // positions of points: the file may be shorter later
constexpr uint64_t kVersion = 1;

// Numbers with a space behind each.
void put(std::string& to, uint64_t number) {
  std::array<char, 24> digits;
  to.append(digits.data(),
            std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr);
  to += ' ';
}

bool take(std::string_view& from, uint64_t& number) {
  const auto read = std::from_chars(from.data(), from.data() + from.size(), number, 16);
  const auto used = static_cast<size_t>(read.ptr - from.data());
  if (read.ec != std::errc() || used == from.size() || from[used] != ' ') return false;
  from.remove_prefix(used + 1);
  return true;
}

uint64_t next_step(uint64_t position) {
  uint64_t next = kFirst;
  while (next <= position) next *= kStep;
  return next;
}
bool is_step(uint64_t position) { return position > 0 && next_step(position - 1) == position; }

}  // namespace

uint64_t KeptMark::hash(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string KeptMark::text() const {
  std::string text;
  put(text, kVersion);
  put(text, size);
  put(text, static_cast<uint64_t>(gone_ms));
  put(text, points.size());
  for (const Point& point : points) {
    put(text, point.position);
    put(text, point.hash);
  }
  return text + path;
}

std::optional<KeptMark> KeptMark::parse(std::string_view text) {
  KeptMark mark;
  uint64_t version = 0, gone_ms = 0, count = 0;
  if (!take(text, version) || version != kVersion || !take(text, mark.size) ||
      !take(text, gone_ms) || !take(text, count))
    return std::nullopt;
  for (uint64_t i = 0; i < count; i++) {
    Point point;
    if (!take(text, point.position) || !take(text, point.hash)) return std::nullopt;
    if (point.position <= mark.position()) return std::nullopt;
    mark.points.push_back(point);
  }
  mark.gone_ms = static_cast<int64_t>(gone_ms);
  mark.path = text;
  return mark;
}

Mark::Mark(uint64_t position, std::string before, const std::optional<KeptMark>& kept)
    : position_(position), before_(std::move(before)) {
  if (!kept) return;
  for (const KeptMark::Point& point : kept->points)
    if (point.position <= position && is_step(point.position)) points_.push_back(point);
}

void Mark::read(std::string_view bytes) {
  const auto add = [&](std::string_view more) {
    if (more.size() >= KeptMark::kWindow) {
      before_ = more.substr(more.size() - KeptMark::kWindow);
    } else {
      before_ += more;
      before_.erase(0, before_.size() - std::min<size_t>(before_.size(), KeptMark::kWindow));
    }
    position_ += more.size();
  };
  for (uint64_t next = next_step(position_); next <= position_ + bytes.size(); next *= kStep) {
    const size_t size = next - position_;
    add(bytes.substr(0, size));
    bytes.remove_prefix(size);
    if (before_.size() == KeptMark::window(next))
      points_.push_back({next, KeptMark::hash(before_)});
  }
  add(bytes);
}

KeptMark Mark::keep() const {
  KeptMark kept;
  kept.points = points_;
  // Where the file was cut as it was opened, the bytes before are not all there.
  if (position_ > kept.position() && before_.size() == KeptMark::window(position_))
    kept.points.push_back({position_, KeptMark::hash(before_)});
  return kept;
}

}  // namespace nek
