// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger.h"

namespace nek {

void StreamLedger::add(const StreamLedger& other) {
  in += other.in;
  created += other.created;
  out += other.out;
  filtered += other.filtered;
  absorbed += other.absorbed;
  dead += other.dead;
}

void OutputLedger::add(const OutputLedger& other) {
  in += other.in;
  delivered += other.delivered;
  duplicate += other.duplicate;
  dropped += other.dropped;
  dead += other.dead;
}

Ledger::Ledger(const Graph& graph) : streams(graph.nodes.size()), outputs(graph.nodes.size()) {
  for (size_t i = 0; i < graph.nodes.size(); i++) streams[i].resize(graph.nodes[i].streams.size());
}

void Ledger::add(const Ledger& other) {
  for (size_t i = 0; i < streams.size(); i++)
    for (size_t s = 0; s < streams[i].size(); s++) streams[i][s].add(other.streams[i][s]);
  for (size_t i = 0; i < outputs.size(); i++) outputs[i].add(other.outputs[i]);
}

std::vector<std::string> Ledger::faults(const Graph& graph, const PipelineConfig& config,
                                        bool enters_anywhere) const {
  std::vector<std::string> faults;
  for (size_t i = 0; i < graph.nodes.size(); i++) {
    const std::string& id = config.components[i].id;
    const bool is_output = config.components[i].kind == Kind::kOutput;
    uint64_t sent = 0;
    for (const auto& [component, stream] : graph.nodes[i].sources)
      sent += streams[component][stream].out;
    const auto differ = [&](const std::string& what, uint64_t left, uint64_t right) {
      if (left != right)
        faults.push_back(id + ": " + what + ": " + std::to_string(left) + " is not " +
                         std::to_string(right));
    };
    for (size_t s = 0; s < streams[i].size(); s++) {
      const StreamLedger& of = streams[i][s];
      differ("stream " + graph.nodes[i].streams[s].name +
                 ": in + created, and out + filtered + absorbed + dead-lettered",
             of.in + of.created, of.out + of.filtered + of.absorbed + of.dead);
      if (!enters_anywhere && graph.nodes[i].streams[s].kind != NEK_DERIVED &&
          !graph.nodes[i].sources.empty())
        differ("records in, and records sent to it", of.in, sent);
    }
    if (!is_output) continue;
    if (!enters_anywhere) differ("records in, and records sent to it", outputs[i].in, sent);
    differ("records in flight", outputs[i].in_flight(), 0);
  }
  return faults;
}

uint64_t Ledger::dead() const {
  uint64_t sum = 0;
  // A filter's refused record is missing in each of its streams, but it is one dead letter.
  for (const auto& component : streams) {
    uint64_t most = 0;
    for (const StreamLedger& stream : component) most = stream.dead > most ? stream.dead : most;
    sum += most;
  }
  for (const OutputLedger& output : outputs) sum += output.dead;
  return sum;
}

void Ledger::write(ByteWriter& to) const {
  to.number(static_cast<uint32_t>(streams.size()));
  for (size_t i = 0; i < streams.size(); i++) {
    to.number(static_cast<uint32_t>(streams[i].size()));
    for (const StreamLedger& s : streams[i])
      for (const uint64_t n : {s.in, s.created, s.out, s.filtered, s.absorbed, s.dead})
        to.number(n);
    const OutputLedger& o = outputs[i];
    for (const uint64_t n : {o.in, o.delivered, o.duplicate, o.dropped, o.dead}) to.number(n);
  }
}

bool Ledger::read(ByteReader& from) {
  if (from.number<uint32_t>() != streams.size()) return false;
  for (size_t i = 0; i < streams.size(); i++) {
    if (from.number<uint32_t>() != streams[i].size()) return false;
    for (StreamLedger& s : streams[i])
      for (uint64_t* n : {&s.in, &s.created, &s.out, &s.filtered, &s.absorbed, &s.dead})
        *n = from.number<uint64_t>();
    OutputLedger& o = outputs[i];
    for (uint64_t* n : {&o.in, &o.delivered, &o.duplicate, &o.dropped, &o.dead})
      *n = from.number<uint64_t>();
  }
  return from.ok();
}

}  // namespace nek
