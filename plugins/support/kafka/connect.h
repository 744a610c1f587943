// SPDX-License-Identifier: Apache-2.0
// What `nek check --connect` finds out about a Kafka cluster: who answers, and which topics it has.
// Thread-safe: a function without state.
#pragma once
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <string>
#include <vector>

#include "kafka/options.h"
#include "nek/plugin.hpp"

namespace nek {

// Tells of each topic that is named in full; those that begin with ^ are passed over. Makes none.
void check_kafka(KafkaConf conf, const std::vector<std::string>& topics,
                 std::chrono::milliseconds wait, const Findings& findings);

}  // namespace nek
