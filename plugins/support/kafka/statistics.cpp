// SPDX-License-Identifier: Apache-2.0
#include "kafka/statistics.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

namespace nek {
namespace {

using Json = nlohmann::json;

const Json& at(const Json& object, const char* key) {
  static const Json kNone = Json::object();
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? kNone : *found;
}
double number(const Json& object, const char* key) {
  const Json& value = at(object, key);
  return value.is_number() ? value.get<double>() : 0;
}

}  // namespace

KafkaMetrics::KafkaMetrics(Host host, Role role, Committed committed)
    : host_(host), role_(role), committed_(std::move(committed)) {
  rtt_ = host.gauge("rtt_seconds", "Round trip to the slowest broker, on average.");
  queue_messages_ = host.gauge("queue_messages", "Messages that wait in librdkafka.");
  queue_bytes_ = host.gauge("queue_bytes", "Bytes that wait in librdkafka.");
  if (role == Role::kProducer) return;
  rebalances_ = host.counter("rebalances", "How often partitions were dealt out anew.");
  lag_ = host.gauge("lag", "Messages behind what is committed, of all partitions read here.");
}

void KafkaMetrics::update(std::string_view json) {
  const Json all = Json::parse(json, nullptr, false);
  if (!all.is_object()) return;
  double rtt = 0;
  for (const Json& broker : at(all, "brokers"))
    rtt = std::max(rtt, number(at(broker, "rtt"), "avg"));
  rtt_.set(rtt / 1e6);
  if (role_ == Role::kProducer) {
    queue_messages_.set(number(all, "msg_cnt"));
    queue_bytes_.set(number(all, "msg_size"));
    return;
  }
  // All partitions are forwarded to one queue, and each says how much there is in that.
  double messages = 0, bytes = 0, lag = 0;
  for (auto& [name, metric] : partition_lag_) metric.set(0);  // where others read them now
  for (const auto& [topic, of_topic] : at(all, "topics").items())
    for (const auto& [partition, of] : at(of_topic, "partitions").items()) {
      messages = std::max(messages, number(of, "fetchq_cnt"));
      bytes = std::max(bytes, number(of, "fetchq_size"));
      const auto committed = static_cast<double>(
          committed_(topic, static_cast<int32_t>(std::atoi(partition.c_str()))));
      // Each is asked for on a way of its own, and is the end as it was then.
      const double end = std::max(number(of, "hi_offset"), number(of, "ls_offset"));
      if (committed < 0 || end < 0) continue;
      const double behind = std::max(0.0, end - committed);
      lag += behind;
      const std::string name = "lag{topic=\"" + topic + "\",partition=\"" + partition + "\"}";
      auto [known, fresh] = partition_lag_.try_emplace(name);
      if (fresh)
        known->second = host_.gauge(known->first.c_str(), "Messages behind, by partition.");
      known->second.set(behind);
    }
  queue_messages_.set(messages);
  queue_bytes_.set(bytes);
  lag_.set(lag);
  const double seen = number(at(all, "cgrp"), "rebalance_cnt");
  rebalances_.add(std::max(0.0, seen - std::exchange(rebalances_seen_, seen)));
}

}  // namespace nek
