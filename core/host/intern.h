// SPDX-License-Identifier: Apache-2.0
// Interned schemas and counted dictionaries: what outlives a batch and is compared by address or
// id. Thread-safe.
#pragma once
#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "nek/arena.hpp"
#include "nek/plugin.h"

namespace nek {

// The one schema with these fields; valid for the life of the process.
const nek_schema* intern_schema(std::span<const nek_field> fields);

// A dictionary owned by the host: freed with its last hold.
struct HostDictionary : nek_dictionary {
  Arena arena{size_t{4} << 10};
  mutable std::atomic<uint32_t> holds{1};
  std::vector<uint32_t> not_utf8;  // codes of texts that are not, in order
};

// Copies `values`; the caller has one hold.
const HostDictionary* make_dictionary(const nek_column& values);
void hold(const HostDictionary* dictionary);
void release(const HostDictionary* dictionary);

// A deep copy of a column into the arena; only NEK_TEXT and NEK_LIST columns have to be copied.
nek_column* copy_column(Arena& arena, const nek_column& column);

}  // namespace nek
