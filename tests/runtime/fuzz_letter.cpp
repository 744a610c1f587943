// SPDX-License-Identifier: Apache-2.0
// Any bytes as a dead letter and as the first bytes of its source: read or refused, never more.
// What is read of a source is written and read again alike; a whole record becomes columns again.
#include <cstdlib>

#include "memory_env.h"
#include "runtime/dead_letter.h"
#include "runtime/letter.h"
#include "runtime/rebuild.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto source = nek::parse_letter_source(bytes)) {
    const auto again = nek::parse_letter_source(nek::line_of_source(*source));
    if (!again || !(again->name() == source->name()) || again->head != source->head ||
        again->messages != source->messages)
      std::abort();
  }
  if (auto letter = nek::parse_letter(bytes)) {
    if (letter->payload == nek::Letter::Payload::kRecord && nek::is_whole(letter->record)) {
      nek::Task task;
      if (nek::rebuild_batch(task, {&*letter, 1}).c.rows != 1) std::abort();
    }
    if (letter->payload == nek::Letter::Payload::kRaw && nek::is_whole(letter->message)) {
      nek::Task task;
      const nek::Letter::Columns* row = &letter->message;
      (void)nek::rebuild_columns(task, task.arena, {&row, 1});
    }
  }
  // As what a crash has left: a start reads it to its end.
  nek::test::MemoryEnv env;
  (void)(*env.open("data/dead-letter-sources.ndjson"))->append(bytes);
  (void)(*env.open("data/dead-letters.ndjson"))->append(bytes);
  nek::DeadLetters letters(env, "data/dead-letters.ndjson", {});
  nek::DeadLetterState state;
  state.segments = {{1, 0, size, nek::kUnknownLetters}};
  if (!letters.restore(state).ok()) std::abort();
  return 0;
}
