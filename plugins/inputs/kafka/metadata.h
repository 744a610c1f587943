// SPDX-License-Identifier: Apache-2.0
// What Kafka knows of a message besides its bytes, as columns with one value a message.
// Not thread-safe: the reader's thread.
#pragma once
#include <librdkafka/rdkafka.h>

#include <deque>
#include <string>
#include <vector>

#include "nek/plugin.hpp"

namespace nek {

// Names of columns; empty: not made.
struct KafkaMetadata {
  std::string topic, partition, offset, timestamp, key, headers;
};

inline constexpr auto kKafkaMetadataOptions = options<KafkaMetadata>(
    option<&KafkaMetadata::topic>("topic", "Column for the topic.", {.fallback = ""}),
    option<&KafkaMetadata::partition>("partition", "Column for the number of the partition.",
                                      {.fallback = ""}),
    option<&KafkaMetadata::offset>("offset", "Column for the offset in the partition.",
                                   {.fallback = ""}),
    option<&KafkaMetadata::timestamp>("timestamp", "Column for the message's time.",
                                      {.fallback = ""}),
    option<&KafkaMetadata::key>("key", "Column for the key; null where it is no UTF-8.",
                                {.fallback = ""}),
    option<&KafkaMetadata::headers>("headers", "Column for the headers, as a JSON object.",
                                    {.fallback = ""}));

class MetadataColumns {
 public:
  explicit MetadataColumns(const KafkaMetadata& names);
  bool empty() const { return fields_.empty(); }
  std::vector<Field> fields() const;
  void start(const Host& host);

  void clear();
  void add(const std::string& topic, const rd_kafka_message_t& message);
  // The columns so far; until the next clear().
  void give(Chunk& chunk);

 private:
  enum class What { kTopic, kPartition, kOffset, kTimestamp, kKey, kHeaders };
  struct Column {
    What what;
    nek_column c{};
    nek_buffer buffer{};
    std::vector<int64_t> numbers;
    std::vector<nek_view> views;
    std::vector<uint8_t> validity;
    std::string text;
    std::vector<nek_span> spans;  // of `text`: it moves while it grows
    void null();
    void number(int64_t value);
    void put(std::string_view value);
    void mark(bool has);
    uint32_t rows = 0;
  };
  static nek_type type_of(What what);
  static void add_headers(Column& to, const rd_kafka_message_t& message);

  std::vector<std::pair<std::string, What>> fields_;
  const nek_schema* schema_ = nullptr;
  std::deque<Column> columns_;
  std::vector<const nek_column*> pointers_;
};

}  // namespace nek
