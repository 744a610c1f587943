// SPDX-License-Identifier: Apache-2.0
// Table: suspects and tracked sources in pages, with bounded memory.
// Extendible hashing: the hash's highest bits choose a page, a full one splits; what has no room
// takes the place of what is worth least. Docs: docs/scan-detection.md, section 2.
// Not thread-safe but for write_image(), as Pages says.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "pages.h"
#include "records.h"

namespace nek::scan {

constexpr uint32_t kNoSlot = UINT32_MAX;

struct TableLimits {
  uint32_t suspect_pages = 8192, tracked_pages = 7680, kept_copies = 512;
  static TableLimits of_memory(uint64_t bytes);
};

class Table {
 public:
  // Where a suspect is; stays until the next make().
  struct Place {
    uint32_t page = 0, slot = 0;
  };
  struct Counts {
    uint64_t suspects = 0, tracked = 0;
    uint64_t evicted = 0;  // suspects whose place another one took
    uint64_t refused = 0;  // new suspects for which there was none
    uint64_t evicted_tracked = 0, refused_tracked = 0;
  };

  explicit Table(TableLimits limits);

  static constexpr uint32_t kSuspectsInPage = Page::capacity<Suspect>();
  static constexpr uint32_t kTrackedInPage = Page::capacity<Tracked>();

  void prefetch(uint64_t key) const;
  // False: not there.
  bool find(uint64_t key, Place& place) const;
  const Suspect& read(Place place) const {
    return pages_.read(place.page).slots<Suspect>()[place.slot];
  }
  Suspect& write(Place place) { return pages_.write(place.page).slots<Suspect>()[place.slot]; }
  // Of a key that is not there: a new one, all 0 but its key, `first` the greatest. `oldest`:
  // suspects whose last flow was before that are forgotten when room is needed. False: there is no
  // room.
  bool make(uint64_t key, uint32_t oldest, Place& place);

  const Tracked& tracked(uint32_t slot) const {
    return pages_.read(tracked_pages_[slot / kTrackedInPage])
        .slots<Tracked>()[slot % kTrackedInPage];
  }
  Tracked& change(uint32_t slot) {
    return pages_.write(tracked_pages_[slot / kTrackedInPage])
        .slots<Tracked>()[slot % kTrackedInPage];
  }
  // Makes the suspect a tracked source, all 0 but its key; kNoSlot: all places have scanners.
  uint32_t track(Place place);
  // It becomes a suspect without pairs again.
  void untrack(uint32_t slot);
  uint32_t tracked_slots() const {
    return static_cast<uint32_t>(tracked_pages_.size()) * kTrackedInPage;
  }

  const Counts& counts() const { return counts_; }
  Pages& pages() { return pages_; }

  // State.
  uint32_t bits() const { return bits_; }
  std::span<const uint32_t> directory() const { return directory_; }
  uint32_t hand() const { return hand_; }
  // Pages were added to pages(); false: this does not fit together.
  bool restore(uint32_t bits, std::vector<uint32_t> directory, uint32_t hand);

 private:
  uint32_t directory_index(uint64_t key) const {
    return bits_ ? static_cast<uint32_t>(key >> (64 - bits_)) : 0;
  }
  static uint32_t home(uint64_t key) {
    return static_cast<uint32_t>((key & 0xFFFFFFFF) * kSuspectsInPage >> 32);
  }
  static uint32_t next(uint32_t slot) { return slot + 1 == kSuspectsInPage ? 0 : slot + 1; }
  uint32_t page_of(uint64_t key) const { return directory_[directory_index(key)]; }
  static uint32_t put(Page& page, const Suspect& suspect);
  uint32_t put_for_another(uint32_t number, const Suspect& suspect);
  void forget(uint32_t number, uint32_t oldest);
  bool split(uint32_t number, uint64_t key);
  static void erase(Page& page, uint32_t slot);
  uint32_t free_tracked_slot();
  uint32_t evict_tracked();
  void use_tracked(uint32_t slot, bool used);
  bool links_are_whole() const;

  const TableLimits limits_;
  Pages pages_;
  uint32_t bits_ = 0;
  std::vector<uint32_t> directory_;      // 2^bits_ page numbers
  std::vector<uint32_t> tracked_pages_;  // page numbers
  std::vector<uint64_t> tracked_used_;   // bitmap of slots
  uint32_t first_free_ = 0;              // no slot below it is free
  uint32_t hand_ = 0;                    // where the search for a tracked place goes on
  uint32_t suspect_pages_ = 0;
  Counts counts_;
};

}  // namespace nek::scan
