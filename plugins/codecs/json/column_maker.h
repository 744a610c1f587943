// SPDX-License-Identifier: Apache-2.0
// Makes columns of the values that JsonDecoder found in records, one column at a time.
// Thread-safe: a function without state; Codes are one lane's.
#pragma once
#include "decoder.h"

namespace nek {

// `from`: of texts, where they stand in the chunk. `codes`: of a dictionary column.
const nek_column* make_json_column(const Call& call, const char* chunk,
                                   const JsonDecoder::Values& from, uint32_t rows, ColumnType type,
                                   JsonDecoder::Codes* codes);

}  // namespace nek
