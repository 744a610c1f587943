// SPDX-License-Identifier: Apache-2.0
// Binding: which columns of a batch a component gets, and which go on in its streams. Worked out
// once for each schema met and kept by the worker, so that a batch costs a comparison of pointers.
// Not thread-safe: a Binder belongs to one worker.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "pipeline/graph.h"
#include "runtime/records.h"

namespace nek {

// A column of which every row is null.
const nek_column* null_column(Arena& arena, nek_type type, uint32_t rows);
// The chosen rows of a column, in a column of the arena; long texts stay where they are.
const nek_column* gather_column(Arena& arena, const nek_column& column,
                                std::span<const uint32_t> rows);
// What is wrong with the columns handed in for a schema; empty when nothing is. `values`: codes and
// views too.
std::string column_defect(const nek_schema& schema, uint32_t rows, const nek_column* const* columns,
                          bool values);

class Binder {
 public:
  // shape: of the instance; node: its place in the graph, for streams; NULL for codecs.
  Binder(const nek_shape& shape, const Graph::Node* node) : shape_(&shape), node_(node) {}

  // Columns for shape.reads in that order. NULL and `why` when a column has a type that is not
  // taken.
  const nek_column* const* reads(Task& task, const Batch& batch, std::string* why);
  // The batch that an emission to a pass or subset stream makes of `in`; `rows`: those that stay,
  // NULL: all.
  Batch* emitted(Task& task, const Batch& in, const Emission& emission,
                 const std::vector<uint32_t>* rows);

 private:
  struct ReadPlan {
    const nek_schema* schema;
    std::vector<int32_t> index;  // column of the batch; kNull, kSource, ...: made by the host
    std::string defect;
  };
  struct EmitPlan {
    const nek_schema *in, *out;
    std::vector<int32_t> from;  // column of `in`, or -1 - index into what is added
  };
  const ReadPlan& read_plan(const nek_schema& schema);
  const EmitPlan& emit_plan(const nek_schema& schema, uint32_t stream);

  const nek_shape* shape_;
  const Graph::Node* node_;
  std::vector<ReadPlan> read_plans_;
  std::vector<std::vector<EmitPlan>> emit_plans_;  // by stream
};

}  // namespace nek
