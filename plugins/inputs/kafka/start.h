// SPDX-License-Identifier: Apache-2.0
// Where reading of a partition begins, and what tells a topic from one that took its name.
// The group's offsets lie in the broker with a word of ours beside them, the token: who finds it
// reads on where the group was; where it is missing the topic was made anew or somebody has set the
// offset, and what nek remembers of the name does not count.
// Not thread-safe: the reader's thread.
#pragma once
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <map>
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

// What stands beside an offset.
struct Mark {
  std::string token;
  // How many partitions the topic had when the group began with it: one that is numbered higher was
  // added since, and all that it holds is to be read. 0: so it is with every one.
  int32_t partitions = 0;
};

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
  Mark mark;
  bool fresh = false;   // the group has neither this offset nor the mark yet
  int64_t end = -1;     // of the partition; -1: was not asked for
  int64_t deleted = 0;  // messages that the broker deleted before the group had read them
};

// What this process has read of a topic.
struct ReadTopic {
  std::set<int32_t> numbers;
  int32_t partitions = 0;  // as in Mark
};
using ReadTopics = std::map<std::string, ReadTopic, std::less<>>;

// The text that is kept beside an offset, and what it says; no token where it is none of ours.
std::string metadata_of(const Mark& mark);
Mark mark_of(const rd_kafka_topic_partition_t& of);

struct Search {
  KafkaStart start;        // counts for partitions that were there when the group began
  const ReadTopics& read;  // a partition of these without an offset was made anew since
  std::string new_token;
  bool check_range = false;          // also whether the broker has what lies at the group's offset
  std::chrono::milliseconds wait{};  // for all answers together
};
struct Found {
  std::vector<Beginning> all;
  PartitionList later;  // those where nobody can tell yet, those that nobody was asked for first
  std::string why;      // of the first that somebody was asked for; of `later` only
};
// An error where nobody tells the group's offsets.
Result<Found> find_beginnings(rd_kafka_t* handle, const rd_kafka_topic_partition_list_t& list,
                              const Search& search);

// Adds a partition with an offset, and with the mark beside it where it has a token.
void add_offset(rd_kafka_topic_partition_list_t& to, const std::string& topic, int32_t partition,
                int64_t offset, const Mark& mark);

}  // namespace nek
