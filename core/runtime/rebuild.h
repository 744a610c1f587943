// SPDX-License-Identifier: Apache-2.0
// Columns out of dead letters: what origin.cpp wrote of a derived record, or of a message, becomes
// a batch again. Not thread-safe: works on a task of the caller's.
#pragma once
#include <span>

#include "runtime/letter.h"
#include "runtime/records.h"

namespace nek {

// Every value is of the type that it says it has.
bool is_whole(const Letter::Columns& columns);

struct RebuiltColumns {
  const nek_schema* schema = nullptr;
  const nek_column** columns = nullptr;  // in the arena
};
// One row for each letter, all of which have the types of the first. After is_whole().
RebuiltColumns rebuild_columns(Task& task, Arena& arena,
                               std::span<const Letter::Columns* const> rows);
// The batch of derived records, with their ids.
Batch& rebuild_batch(Task& task, std::span<const Letter> letters);

}  // namespace nek
