// SPDX-License-Identifier: Apache-2.0
// KafkaMetrics: what librdkafka tells of itself every second, as metrics of the host.
// Thread-safe after construction; update() is called by one thread.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "nek/plugin.hpp"

namespace nek {

class KafkaMetrics {
 public:
  enum class Role { kConsumer, kProducer };
  // What the group has committed of a partition; -1: others read it. librdkafka itself knows it
  // only when this process has committed.
  using Committed = std::function<int64_t(std::string_view topic, int32_t partition)>;

  KafkaMetrics(Host host, Role role, Committed committed = {});
  // librdkafka's statistics, a JSON object; what is none is left alone.
  void update(std::string_view json);

 private:
  Host host_;
  Role role_;
  const Committed committed_;
  Metric rtt_, queue_messages_, queue_bytes_, rebalances_, lag_;
  double rebalances_seen_ = 0;
  std::map<std::string, Metric> partition_lag_;
};

}  // namespace nek
