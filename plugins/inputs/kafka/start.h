// SPDX-License-Identifier: Apache-2.0
// Where reading of a partition begins, and what tells a topic from one that took its name.
// The group's offsets lie in the broker with a word of ours beside them, the token: who finds it
// reads on where the group was; where it is missing the topic was made anew or somebody has set the
// offset, and what nek remembers of the name does not count.
// Not thread-safe: the reader's thread.
#pragma once
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nek/status.hpp"

namespace nek {

struct FreePartitions {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t, FreePartitions>;

inline PartitionList copy_of(const rd_kafka_topic_partition_list_t* list) {
  return PartitionList(rd_kafka_topic_partition_list_copy(list));
}
inline PartitionList new_partitions(size_t room) {
  return PartitionList(rd_kafka_topic_partition_list_new(static_cast<int>(room)));
}

// What `start` says.
struct KafkaStart {
  enum class From { kEarliest, kLatest, kTime };
  From from = From::kEarliest;
  int64_t time_ms = 0;
};
// "earliest", "latest" or a time.
std::optional<KafkaStart> parse_kafka_start(std::string_view text);

// A partition with the offset to begin at.
struct Beginning {
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
  std::string token;
  bool fresh = false;   // the group has neither this offset nor the token yet
  int64_t deleted = 0;  // messages that the broker deleted before the group had read them
};

// The text that is kept beside an offset, and what it says; "" where it is none of ours.
std::string metadata_of_token(std::string_view token);
std::string token_of(const rd_kafka_topic_partition_t& of);

// For all partitions of the list; an error where a broker does not answer. Waits. `start` counts
// for topics that the group has not read yet. Of `read`, which this process has, one without
// offsets was made anew since, and all that it holds is to be read. `check_range`: also whether the
// broker still has, or has already, what lies at the group's offset.
Result<std::vector<Beginning>> find_beginnings(rd_kafka_t* handle,
                                               const rd_kafka_topic_partition_list_t& list,
                                               const KafkaStart& start,
                                               const std::set<std::string>& read,
                                               const std::string& new_token, bool check_range);

// Adds a partition with an offset, and with the token beside it.
void add_offset(rd_kafka_topic_partition_list_t& to, const std::string& topic, int32_t partition,
                int64_t offset, std::string_view token);

}  // namespace nek
