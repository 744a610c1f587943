// SPDX-License-Identifier: Apache-2.0
// Writes the rows of a batch as JSON objects, one a line: the loops of JsonEncoder.
// Thread-safe: a function without state; members and lines are one lane's.
#pragma once
#include <vector>

#include "encoder.h"

namespace nek {

// `columns`: one a member. `lines`: room that is kept from batch to batch.
void write_json_rows(Encoded& out, const nek_batch& batch, const nek_column* const* columns,
                     std::vector<JsonEncoder::Member>& members, std::vector<char>& lines,
                     Nulls nulls, const TimeFormat& time_format);

}  // namespace nek
