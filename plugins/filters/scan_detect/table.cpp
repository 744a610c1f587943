// SPDX-License-Identifier: Apache-2.0
#include "table.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

namespace nek::scan {
namespace {

constexpr uint32_t kFullest = Table::kSuspectsInPage * 9 / 10;  // then a page splits
constexpr uint32_t kMostBits = 20;
constexpr uint32_t kPlacesTried = 16, kTrackedTried = 64;

}  // namespace

TableLimits TableLimits::of_memory(uint64_t bytes) {
  const auto pages = static_cast<uint32_t>(bytes / kPageBytes);
  TableLimits limits;
  limits.suspect_pages = std::max(pages / 2, 1u);
  limits.kept_copies = std::max(pages / 32, 1u);
  limits.tracked_pages = std::max(pages - pages / 2 - limits.kept_copies, 1u);
  return limits;
}

Table::Table(TableLimits limits) : limits_(limits), pages_(limits.kept_copies) {
  directory_ = {pages_.add(PageKind::kSuspects)};
  suspect_pages_ = 1;
}

void Table::prefetch(uint64_t key) const {
  __builtin_prefetch(pages_.read(page_of(key)).slots<Suspect>() + home(key));
}

bool Table::find(uint64_t key, Place& place) const {
  place.page = page_of(key);
  const auto* slots = pages_.read(place.page).slots<Suspect>();
  place.slot = home(key);
  for (uint32_t tried = 0; tried < kSuspectsInPage; tried++) {
    if (slots[place.slot].key == key) return true;
    if (slots[place.slot].key == 0) return false;
    place.slot = next(place.slot);
  }
  return false;
}

// Into the first free slot from its home on; the page has one.
uint32_t Table::put(Page& page, const Suspect& suspect) {
  auto* slots = page.slots<Suspect>();
  uint32_t slot = home(suspect.key);
  while (slots[slot].key != 0) slot = next(slot);
  slots[slot] = suspect;
  page.head.count++;
  return slot;
}

bool Table::make(uint64_t key, uint32_t oldest, Place& place) {
  uint32_t number = page_of(key);
  const auto is_full = [&] { return pages_.read(number).head.count >= kFullest; };
  if (is_full()) forget(number, oldest);
  while (is_full() && split(number, key)) number = page_of(key);
  Suspect fresh{};
  fresh.key = key;
  fresh.first = UINT32_MAX;
  const uint32_t slot =
      is_full() ? put_for_another(number, fresh) : put(pages_.write(number), fresh);
  if (slot == kNoSlot) {
    counts_.refused++;
    return false;
  }
  place = {number, slot};
  counts_.suspects++;
  return true;
}

// Lays the page out anew without those that were silent for long; once for each `oldest`.
void Table::forget(uint32_t number, uint32_t oldest) {
  if (pages_.read(number).head.cleared >= oldest) return;
  pages_.write(number).head.cleared = oldest;
  const auto* slots = pages_.read(number).slots<Suspect>();
  const auto is_old = [&](const Suspect& s) {
    return s.key != 0 && !s.is_tracked() && s.last < oldest;
  };
  if (std::none_of(slots, slots + kSuspectsInPage, is_old)) return;
  Page& page = pages_.write(number);
  const std::vector<Suspect> all(slots, slots + kSuspectsInPage);
  std::memset(static_cast<void*>(page.slots<Suspect>()), 0, kSuspectsInPage * sizeof(Suspect));
  counts_.suspects -= page.head.count;
  page.head.count = 0;
  for (const Suspect& suspect : all)
    if (suspect.key != 0 && !is_old(suspect)) put(page, suspect);
  counts_.suspects += page.head.count;
}

// The page of `key` becomes two; false: there is no page any more.
bool Table::split(uint32_t number, uint64_t key) {
  const uint32_t depth = pages_.read(number).head.depth;
  if (suspect_pages_ >= limits_.suspect_pages || depth == kMostBits) return false;
  if (depth == bits_) {
    std::vector<uint32_t> wider(directory_.size() * 2);
    for (size_t i = 0; i < wider.size(); i++) wider[i] = directory_[i / 2];
    directory_ = std::move(wider);
    bits_++;
  }
  const uint32_t other_number = pages_.add(PageKind::kSuspects);
  suspect_pages_++;
  Page& page = pages_.write(number);
  Page& other = pages_.write(other_number);
  page.head.depth = other.head.depth = depth + 1;
  // The upper half of the directory's entries for this page.
  const uint32_t span = 1u << (bits_ - depth);
  const uint32_t begin = directory_index(key) / span * span;
  for (uint32_t i = begin + span / 2; i < begin + span; i++) directory_[i] = other_number;

  auto* slots = page.slots<Suspect>();
  const std::vector<Suspect> all(slots, slots + kSuspectsInPage);
  std::memset(static_cast<void*>(slots), 0, kSuspectsInPage * sizeof(Suspect));
  page.head.count = 0;
  for (const Suspect& suspect : all)
    if (suspect.key != 0) put(page_of(suspect.key) == number ? page : other, suspect);
  return true;
}

// In the place of another one: of those from its home on the one with fewest failed pairs goes,
// then the one silent longest.
uint32_t Table::put_for_another(uint32_t number, const Suspect& suspect) {
  const auto* slots = pages_.read(number).slots<Suspect>();
  uint32_t best = kNoSlot, slot = home(suspect.key);
  bool found_from_home = true, best_is_found = false;  // no free slot is before it
  for (uint32_t tried = 0; tried < kPlacesTried; tried++, slot = next(slot)) {
    const Suspect& other = slots[slot];
    found_from_home &= other.key != 0;
    if (other.key == 0 || other.is_tracked()) continue;
    if (best == kNoSlot ||
        std::pair(other.fails, other.last) < std::pair(slots[best].fails, slots[best].last)) {
      best = slot;
      best_is_found = found_from_home;
    }
  }
  if (best == kNoSlot) return kNoSlot;
  counts_.suspects--;
  counts_.evicted++;
  Page& page = pages_.write(number);
  if (best_is_found) {
    page.slots<Suspect>()[best] = suspect;
    return best;
  }
  erase(page, best);
  return put(page, suspect);
}

// Those behind it move up, so that each is still found from its home on.
void Table::erase(Page& page, uint32_t slot) {
  auto* slots = page.slots<Suspect>();
  const auto distance = [](uint32_t from, uint32_t to) {
    return to >= from ? to - from : to + kSuspectsInPage - from;
  };
  uint32_t hole = slot;
  for (uint32_t at = next(hole); slots[at].key != 0; at = next(at)) {
    if (distance(home(slots[at].key), at) < distance(hole, at)) continue;
    slots[hole] = slots[at];
    hole = at;
  }
  slots[hole] = {};
  page.head.count--;
}

void Table::use_tracked(uint32_t slot, bool used) {
  const uint64_t bit = uint64_t{1} << slot % 64;
  if (used) {
    tracked_used_[slot / 64] |= bit;
    counts_.tracked++;
  } else {
    tracked_used_[slot / 64] &= ~bit;
    counts_.tracked--;
    first_free_ = std::min(first_free_, slot);
  }
}

// The lowest, so that where a source lies depends on the records alone.
uint32_t Table::free_tracked_slot() {
  for (; first_free_ < tracked_slots(); first_free_++)
    if (!(tracked_used_[first_free_ / 64] >> first_free_ % 64 & 1)) return first_free_;
  if (tracked_pages_.size() >= limits_.tracked_pages) return kNoSlot;
  tracked_pages_.push_back(pages_.add(PageKind::kTracked));
  tracked_used_.resize((tracked_slots() + 63) / 64);
  return first_free_;
}

uint32_t Table::evict_tracked() {
  uint32_t best = kNoSlot;
  const uint32_t slots = tracked_slots();
  for (uint32_t tried = 0; tried < std::min(kTrackedTried, slots); tried++) {
    hand_ = hand_ + 1 < slots ? hand_ + 1 : 0;
    const Tracked& source = tracked(hand_);
    if (source.state == State::kScanning) continue;
    if (best == kNoSlot || source.probes < tracked(best).probes) best = hand_;
  }
  if (best == kNoSlot) {
    counts_.refused_tracked++;
    return kNoSlot;
  }
  untrack(best);
  counts_.evicted_tracked++;
  return best;
}

uint32_t Table::track(Place place) {
  uint32_t slot = free_tracked_slot();
  if (slot == kNoSlot) slot = evict_tracked();
  if (slot == kNoSlot) return kNoSlot;
  use_tracked(slot, true);
  Tracked& source = change(slot);
  std::memset(static_cast<void*>(&source), 0, sizeof source);
  Suspect& suspect = write(place);
  source.key = suspect.key;
  suspect.flags |= Suspect::kTracked;
  suspect.fails = 0;
  suspect.tracked = slot;
  pages_.write(tracked_pages_[slot / kTrackedInPage]).head.count++;
  return slot;
}

void Table::untrack(uint32_t slot) {
  Place place;
  if (find(tracked(slot).key, place)) {
    Suspect& suspect = write(place);
    suspect.flags = 0;
    suspect.first = UINT32_MAX;
    suspect.fails = 0;
    suspect.tracked = 0;
  }
  change(slot).key = 0;
  pages_.write(tracked_pages_[slot / kTrackedInPage]).head.count--;
  use_tracked(slot, false);
}

bool Table::restore(uint32_t bits, std::vector<uint32_t> directory, uint32_t hand) {
  if (bits > kMostBits || directory.size() != size_t{1} << bits) return false;
  bits_ = bits;
  directory_ = std::move(directory);
  hand_ = hand;
  suspect_pages_ = 0;
  for (uint32_t number = 0; number < pages_.count(); number++) {
    const Page& page = pages_.read(number);
    if (page.head.kind == PageKind::kTracked) {
      tracked_pages_.push_back(number);
      continue;
    }
    suspect_pages_++;
    counts_.suspects += page.head.count;
    if (page.head.depth > bits_ || page.head.count > kFullest) return false;
  }
  if (suspect_pages_ > limits_.suspect_pages || tracked_pages_.size() > limits_.tracked_pages)
    return false;
  tracked_used_.resize((tracked_slots() + 63) / 64);
  for (uint32_t slot = 0; slot < tracked_slots(); slot++)
    if (tracked(slot).key != 0) use_tracked(slot, true);
  return links_are_whole();
}

// Each page has its part of the directory, each suspect lies where it is looked for, and suspects
// and tracked sources belong together.
bool Table::links_are_whole() const {
  std::vector<uint32_t> entries(pages_.count());
  for (size_t i = 0; i < directory_.size(); i++) {
    const uint32_t number = directory_[i];
    if (number >= pages_.count() || pages_.read(number).head.kind != PageKind::kSuspects)
      return false;
    const size_t span = size_t{1} << (bits_ - pages_.read(number).head.depth);
    if (directory_[i / span * span] != number) return false;
    entries[number]++;
  }
  uint64_t linked = 0;
  for (uint32_t number = 0; number < pages_.count(); number++) {
    const Page& page = pages_.read(number);
    if (page.head.kind != PageKind::kSuspects) continue;
    if (entries[number] != 1u << (bits_ - page.head.depth)) return false;
    for (uint32_t slot = 0; slot < kSuspectsInPage; slot++) {
      const Suspect& suspect = page.slots<Suspect>()[slot];
      if (suspect.key == 0) continue;
      Place place;
      if (!find(suspect.key, place) || place.page != number || place.slot != slot) return false;
      if (!suspect.is_tracked()) continue;
      if (suspect.tracked >= tracked_slots() || tracked(suspect.tracked).key != suspect.key)
        return false;
      linked++;
    }
  }
  return linked == counts_.tracked;
}

}  // namespace nek::scan
