// SPDX-License-Identifier: Apache-2.0
// Origin: where a record came from, worked out from its batch only when somebody asks: id, source,
// position, line, and the dead letter of a record that was refused. Not thread-safe: works on a
// task of the caller's.
#pragma once
#include <string>
#include <string_view>

#include "runtime/records.h"

namespace nek {

// Ids of all records of the batch, in the task's arena. All 0 where a derived record has none.
const nek_id* batch_ids(Task& task, const Batch& batch);
const nek_column* source_column(Task& task, const Batch& batch);
const nek_column* position_column(Task& task, const Batch& batch);
const nek_column* line_column(Task& task, const Batch& batch);

// Segment of the chunk that holds the byte.
size_t segment_at(const HostChunk& chunk, uint32_t offset);

// One line of the dead-letter file, without the newline.
struct Refusal {
  std::string_view component, reason, detail;
  int64_t time_ms = 0;
  std::string_view stream = {};  // as in Visit
};
std::string dead_letter_of_bytes(const Task& task, const Refusal& refusal, nek_span bytes);
std::string dead_letter_of_row(const Task& task, const Refusal& refusal, const Batch& batch,
                               uint32_t row);
std::string dead_letter_of_encoded(const Refusal& refusal, std::string_view encoded);

}  // namespace nek
