// SPDX-License-Identifier: Apache-2.0
// Steps: what becomes of a task at each step. Its chunk is decoded; filters process and commit the
// batches, which go from stream to stream; outputs encode them. Every row is accounted for.
//
// Thread-safe for different tasks with different workers; commit() of a component is called for one
// task at a time, in chunk order.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/graph.h"
#include "runtime/component.h"
#include "runtime/records.h"

namespace nek {

// What one worker works with.
struct Worker {
  std::vector<Lane> lanes;  // by component
  std::vector<uint32_t> rows;
};

class Steps {
 public:
  // failed: a component broke, the pipeline must end.
  Steps(const Graph& graph, std::vector<Component>& components, bool strict,
        std::function<void(std::string)> failed);

  bool wants_time() const { return wants_time_; }  // some component wants watermarks
  void decode(Worker& worker, Task& task);
  void process(Worker& worker, uint32_t component, Task& task);
  // Of filters that are ordered(); what the others processed is complete.
  void commit(Worker& worker, uint32_t component, Task& task);
  void encode(Worker& worker, uint32_t component, Task& task);

 private:
  void control(uint32_t component, Task& task, const nek_control& message);
  void finish_visits(Worker& worker, uint32_t component, Task& task);
  void finish_visit(Worker& worker, uint32_t component, Task& task, Visit& visit);
  void encode_batch(Worker& worker, uint32_t component, Task& task, Batch& batch,
                    std::string_view stream);
  using Sources = std::vector<std::pair<uint32_t, uint32_t>>;
  using Edge = Sources::value_type;
  const Sources& sources_of(uint32_t component, const Task& task) const;  // edges that are open
  std::string_view name_of(const Edge& edge, uint32_t reader) const;      // as in Visit
  // The task replays a record that another component below this one refused.
  static bool leads_to_entry(uint32_t component, const Task& task);
  void keep_back(uint32_t component, Task& task, Visit& visit);
  void add_encoded(uint32_t component, Task& task);
  bool visit_reads(Lane& lane, Task& task, Visit& visit, const Component& of);
  void refuse_all(Task& task, Visit& visit, const Component& of, std::string_view reason);
  void broken(const Component& of, const char* where);

  const Graph& graph_;
  std::vector<Component>& components_;
  const bool strict_;
  const bool wants_time_;
  const std::function<void(std::string)> failed_;
};

}  // namespace nek
