// SPDX-License-Identifier: Apache-2.0
// read_number() for many texts at once, on vector units that the compiler alone would not assume.
// Most of a flow's columns are numbers.
// Thread-safe: functions without state.
#pragma once
#include <cstdint>
#include <vector>

namespace nek::csv {

// Of `count` texts that number_text() made; wrong[i] is what read_number() returns. Returns what is
// wrong with any of them.
using NumbersReader = uint64_t (*)(const uint64_t* texts, uint32_t count, uint64_t* values,
                                   uint64_t* wrong);

// Those that this processor has, the fastest last.
std::vector<NumbersReader> numbers_readers();

}  // namespace nek::csv
