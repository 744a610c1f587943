// SPDX-License-Identifier: Apache-2.0
#include "runtime/records.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "host/texts.h"
#include "runtime/route.h"

namespace nek {

void Source::set_name(std::string of_people) {
  name = std::move(of_people);
  text_name = as_utf8(name);
}

void HostChunk::reserve(size_t bytes) {
  const size_t need = (bytes + Arena::kPadding + Arena::kAlign - 1) / Arena::kAlign * Arena::kAlign;
  if (need <= allocated) return;
  const size_t size = std::max(need, allocated + allocated / 2 / Arena::kAlign * Arena::kAlign);
  auto* bigger = static_cast<uint8_t*>(std::aligned_alloc(Arena::kAlign, size));
  if (!bigger) throw std::bad_alloc();
  if (data) std::memcpy(bigger, data.get(), allocated);
  data.reset(bigger);
  allocated = size;
  c.data = bigger;
}

void HostChunk::reset() {
  c = {};
  c.size = sizeof c;
  c.data = data.get();
  segments.clear();
  lines.clear();
  ids.clear();
  skipped.clear();
  columns.reset();
}

Task::Task() = default;

Task::~Task() {
  for (const HostDictionary* dictionary : dictionaries) release(dictionary);
}

void Task::reset() {
  for (const HostDictionary* dictionary : dictionaries) release(dictionary);
  dictionaries.clear();
  control = {};
  step = 0;
  epoch = 0;
  admitted = 0;
  retired = last = false;
  clock.clear();
  event_time = watermark = INT64_MIN;
  arena.reset();
  batches.clear();
  for (auto& component : streams)
    for (auto& stream : component) stream.clear();
  visits.clear();
  blocks.clear();
  dead_letters.clear();
  letter_sources.clear();
  replayed.reset();
  line_cursor = {};
  records.clear();
  for (auto& component : ledger.streams)
    std::fill(component.begin(), component.end(), StreamLedger());
  std::fill(ledger.outputs.begin(), ledger.outputs.end(), OutputLedger());
}

void Task::hold_dictionary(const nek_dictionary* dictionary) {
  if (dictionary->id == 0) return;  // the empty one of a null column
  const auto* own = static_cast<const HostDictionary*>(dictionary);
  for (const HostDictionary* held : dictionaries)
    if (held == own) return;
  hold(own);
  dictionaries.push_back(own);
}

}  // namespace nek
