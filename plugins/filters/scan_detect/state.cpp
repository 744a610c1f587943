// SPDX-License-Identifier: Apache-2.0
#include "state.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

namespace nek::scan {
namespace {

static_assert(std::endian::native == std::endian::little, "states are little-endian");

constexpr std::string_view kMagic{"NEKSCAN\0", 8};
constexpr uint32_t kVersion = 2, kOldestVersion = 1;

class Writer {
 public:
  void number(uint32_t value) { bytes.append(reinterpret_cast<const char*>(&value), sizeof value); }
  template <class Record>
  void record(const Record& record) {
    bytes.append(reinterpret_cast<const char*>(&record), sizeof record);
  }
  std::string bytes;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  uint32_t number() {
    uint32_t value = 0;
    take(&value, sizeof value);
    return value;
  }
  void take(void* to, size_t size) {
    if (left_.size() < size) {
      ok_ = false;
      left_ = {};
      return;
    }
    std::memcpy(to, left_.data(), size);
    left_.remove_prefix(size);
  }
  size_t left() const { return left_.size(); }
  bool ok() const { return ok_; }

 private:
  std::string_view left_;
  bool ok_ = true;
};

template <class Record>
void write_slots(const Page& page, Writer& to) {
  for (uint32_t slot = 0; slot < Page::capacity<Record>(); slot++) {
    const Record& record = page.slots<Record>()[slot];
    if (record.key == 0) continue;
    to.number(slot);
    to.record(record);
  }
}

bool is_sound(const Suspect& suspect) {
  if (suspect.fails > kShortPairs || suspect.flags > Suspect::kTracked) return false;
  return suspect.is_tracked() ||
         std::all_of(suspect.pairs, suspect.pairs + suspect.fails,
                     [](const ShortPair& p) { return p.protocol() <= Protocol::kIcmp; });
}
bool is_sound(const Tracked& source) {
  const auto port = [](const Endpoint& e) {
    return e.family <= Family::kText && e.protocol <= Protocol::kIcmp;
  };
  if (source.family > Family::kText || source.state > State::kEnded ||
      source.type > Type::kSparse || source.ports_used > kTopPorts ||
      source.hosts_used > kSampleHosts || source.open_used > kOpenPorts ||
      source.connected_used > kConnections || source.early >> source.open_used != 0) {
    return false;
  }
  if (!std::all_of(source.hosts, source.hosts + kSampleHosts, port) ||
      !std::all_of(source.open, source.open + kOpenPorts, port)) {
    return false;
  }
  for (const PortCount& p : source.ports)
    if (p.protocol > Protocol::kIcmp) return false;
  for (const Generation& g : source.generations) {
    if (g.count > kPairs || g.sketched > 1 || (g.sketched && g.count)) return false;
    if (!g.sketched) continue;
    for (const auto& registers : g.registers)
      for (const uint8_t rank : registers)
        if (rank > 64) return false;
  }
  return true;
}

// Version 1 had 16 bits of a target's hash where there are 14 and the protocol now.
void from_version_1(Suspect& suspect) {
  if (suspect.is_tracked()) return;
  for (ShortPair& pair : suspect.pairs) pair.target &= ShortPair::kTargetBits;
}
// It did not count answers.
void from_version_1(Tracked& source) {
  source.answered = 0;
  source.early = 0;
  for (Generation& generation : source.generations) {
    generation.successes = 0;
    for (uint8_t i = 0; i < std::min(generation.count, kPairs); i++)
      if (generation.pairs[i].is(Pair::kShort))
        generation.pairs[i].target &= ShortPair::kTargetBits;
  }
}

template <class Record>
bool read_slots(Reader& from, uint32_t version, uint32_t count, Page& page) {
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t slot = from.number();
    if (!from.ok() || slot >= Page::capacity<Record>()) return false;
    Record& record = page.slots<Record>()[slot];
    if (record.key != 0) return false;
    from.take(&record, sizeof record);
    if (version == 1) from_version_1(record);
    if (!from.ok() || record.key == 0 || !is_sound(record)) return false;
  }
  page.head.count = count;
  return true;
}

bool read_page(Reader& from, uint32_t version, Pages& pages, std::vector<bool>& seen) {
  const uint32_t number = from.number();
  const auto kind = static_cast<PageKind>(from.number());
  const uint32_t depth = from.number(), cleared = from.number(), count = from.number();
  if (!from.ok() || number >= pages.count() || seen[number]) return false;
  if (kind != PageKind::kSuspects && kind != PageKind::kTracked) return false;
  seen[number] = true;
  Page& page = pages.write(number);
  page.head.kind = kind;
  page.head.depth = depth;
  page.head.cleared = cleared;
  return kind == PageKind::kSuspects ? read_slots<Suspect>(from, version, count, page)
                                     : read_slots<Tracked>(from, version, count, page);
}

std::string differs(std::string_view what, uint64_t was, uint64_t is) {
  return "it was written with " + std::string(what) + " " + std::to_string(was) + ", now it is " +
         std::to_string(is) + ": set it back, or begin anew with --from-start";
}

std::string unknown(uint32_t version) {
  return "it has version " + std::to_string(version) + ", and this nek reads " +
         std::to_string(kOldestVersion) + " to " + std::to_string(kVersion) +
         ": run the nek that wrote it, or begin anew with --from-start";
}

constexpr const char* kDamaged = "it is damaged";

}  // namespace

std::string encode_head(Detector& detector) {
  Table& table = detector.table();
  Writer to;
  to.bytes = kMagic;
  for (const uint32_t value : {kVersion, table.pages().count(), detector.settings().window,
                               detector.settings().promotion(), detector.clock.now,
                               detector.clock.swept, detector.clock.far, table.hand(), table.bits(),
                               uint32_t{sizeof(Suspect)}, uint32_t{sizeof(Tracked)}}) {
    to.number(value);
  }
  for (const uint32_t page : table.directory()) to.number(page);
  return std::move(to.bytes);
}

std::string encode_page(uint32_t number, const Page& page) {
  Writer to;
  const bool suspects = page.head.kind == PageKind::kSuspects;
  to.bytes.reserve(24 + page.head.count * (4 + (suspects ? sizeof(Suspect) : sizeof(Tracked))));
  to.number(number);
  to.number(static_cast<uint32_t>(page.head.kind));
  to.number(page.head.depth);
  to.number(page.head.cleared);
  to.number(page.head.count);
  if (suspects) {
    write_slots<Suspect>(page, to);
  } else {
    write_slots<Tracked>(page, to);
  }
  return std::move(to.bytes);
}

std::string encode(Detector& detector) {
  std::string all = encode_head(detector);
  const Pages& pages = detector.table().pages();
  for (uint32_t number = 0; number < pages.count(); number++)
    all += encode_page(number, pages.read(number));
  return all;
}

std::string decode(std::string_view state, Detector& detector) {
  if (!state.starts_with(kMagic)) return "it is no state of scan_detect";
  Reader from(state.substr(kMagic.size()));
  const uint32_t version = from.number(), count = from.number();
  const uint32_t window = from.number(), promotion = from.number();
  if (!from.ok()) return kDamaged;
  if (version < kOldestVersion || version > kVersion) return unknown(version);
  const Settings& settings = detector.settings();
  if (window != settings.window) return differs("a window in seconds of", window, settings.window);
  // Another min_pairs may have been given since: suspects with more failed pairs are tracked next.
  if (promotion < 1 || promotion > uint32_t{kShortPairs} + 1) return kDamaged;
  detector.clock = {from.number(), from.number(), from.number()};
  const uint32_t hand = from.number(), bits = from.number();
  if (from.number() != sizeof(Suspect) || from.number() != sizeof(Tracked)) return kDamaged;
  const TableLimits limits = TableLimits::of_memory(settings.memory);
  const uint32_t most = limits.suspect_pages + limits.tracked_pages;
  if (count > most) return differs("pages of 64 KiB:", count, most) + " ('memory')";
  // A page takes 20 bytes at least: what a number says is not believed before.
  if (bits > 20 || from.left() / 4 < size_t{1} << bits || from.left() / 20 < count) return kDamaged;
  std::vector<uint32_t> directory(size_t{1} << bits);
  for (uint32_t& page : directory) page = from.number();
  Pages& pages = detector.table().pages();
  while (pages.count() < count) pages.add(PageKind::kSuspects);
  std::vector<bool> seen(count);
  for (uint32_t i = 0; i < count; i++)
    if (!read_page(from, version, pages, seen)) return kDamaged;
  if (!from.ok() || from.left() != 0 || count == 0) return kDamaged;
  if (!detector.table().restore(bits, std::move(directory), hand)) return kDamaged;
  return "";
}

}  // namespace nek::scan
