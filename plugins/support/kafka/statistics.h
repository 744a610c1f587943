// SPDX-License-Identifier: Apache-2.0
// KafkaMetrics: what librdkafka tells of itself every second, as metrics of the host.
// Thread-safe after construction; update() is called by one thread.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "nek/plugin.hpp"

namespace nek {

class KafkaMetrics {
 public:
  enum class Role { kConsumer, kProducer };
  KafkaMetrics(Host host, Role role);
  // librdkafka's statistics, a JSON object; what is none is left alone.
  void update(std::string_view json);

 private:
  Host host_;
  Role role_;
  Metric rtt_, queue_messages_, queue_bytes_, rebalances_, lag_;
  double rebalances_seen_ = 0;
  std::map<std::string, Metric> partition_lag_;
};

}  // namespace nek
