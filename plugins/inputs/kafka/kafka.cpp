// SPDX-License-Identifier: Apache-2.0
// Input `kafka`: reads topics as a member of a consumer group. Each partition is a source of
// messages; an offset is committed when every output has the records before it.
#include <malloc.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "consumer.h"
#include "kafka/connect.h"
#include "kafka/record_id.h"
#include "metadata.h"
#include "nek/plugin.hpp"

namespace nek {
namespace {

enum class AtEnd : uint8_t { kWait, kStop };

struct Config : KafkaOptions {
  std::vector<std::string> topics;
  std::string group;
  std::string start;
  AtEnd at_end = AtEnd::kWait;
  std::chrono::milliseconds drain_timeout{};
  bool record_ids = true;
  KafkaMetadata metadata;
};

constexpr auto kOptions = options<Config>(
    kKafkaBrokers,
    option<&Config::topics>("topics", "Topics to read; one that begins with ^ is a pattern."),
    option<&Config::group>("group", "Those that share the work, and how far they are."),
    option<&Config::start>("start",
                           "Where to begin what the group has not read yet: earliest, latest, or a "
                           "time such as 2026-11-24T00:00:00Z.",
                           {.fallback = "earliest"}),
    option<&Config::at_end>("at_end",
                            "Whether to wait for more where a topic ends, or to stop when all "
                            "partitions that are read here were read to their end.",
                            {.fallback = "wait", .range = "wait|stop"}),
    option<&Config::drain_timeout>("drain_timeout",
                                   "How long outputs may take to accept what was read when "
                                   "partitions are given up; what is left others read again.",
                                   {.fallback = "30s", .range = "1s.."}),
    option<&Config::record_ids>(
        "record_ids",
        "Whether messages may bear a record's id, as the output kafka sends it; where none does, "
        "false makes messages of one row a quarter faster.",
        {.fallback = "true"}),
    option<&Config::metadata, kKafkaMetadataOptions>(
        "metadata", "Columns for what Kafka knows of a message.", {.fallback = "{}"}),
    kKafkaTls, kKafkaSasl, kKafkaLibrdkafka);

constexpr KafkaProperty kReserved[] = {
    {"group.id", "'group'"},
    {"enable.auto.commit", ""},
    {"enable.auto.offset.store", ""},
    {"auto.offset.reset", "'start'"},
    {"partition.assignment.strategy", ""},
    {"enable.partition.eof", "'at_end'"},
};

constexpr int kKeptBytes = 64 << 20;

class KafkaInput {
 public:
  KafkaInput(Host host, Config config)
      : host_(host), config_(std::move(config)), metadata_(config_.metadata) {}

  Status setup(Shape& shape) {
    if (config_.topics.empty()) return fail_at(host_.at("topics"), "topics: names no topic");
    if (config_.group.empty()) return fail_at(host_.at("group"), "group: must not be empty");
    const auto start = parse_kafka_start(config_.start);
    if (!start)
      return fail_at(host_.at("start"), "start: '" + config_.start +
                                            "' is neither earliest, latest nor a time such as "
                                            "2026-11-24T00:00:00Z");
    start_ = *start;
    KafkaConf conf;
    Status status = configure(conf);
    if (status.ok()) status = conf.check(host_, RD_KAFKA_CONSUMER);
    if (!status.ok()) return status;
    if (!metadata_.empty()) shape.derived("out", metadata_.fields());
    return {};
  }

  Status start(const Start&) {
    // librdkafka unpacks batches into memory of their own, a few MiB each: it stays here when they
    // are gone, else the kernel would clear it for each of them again.
    mallopt(M_MMAP_THRESHOLD, kKeptBytes / 2);
    mallopt(M_TRIM_THRESHOLD, kKeptBytes);
    KafkaConf conf;
    Status status = configure(conf);
    if (!status.ok()) return status;
    if (!metadata_.empty()) metadata_.start(host_);
    consumer_.emplace(host_, ConsumerConfig{config_.topics, start_, config_.drain_timeout});
    return consumer_->open(std::move(conf));
  }

  void connect(Findings& findings, std::chrono::milliseconds wait) {
    KafkaConf conf;
    if (configure(conf).ok()) check_kafka(std::move(conf), config_.topics, wait, findings);
  }

  Status read(Chunk& chunk, std::chrono::milliseconds wait) {
    // Partitions may be given up there: not while a chunk holds messages of them, which would be
    // left out of it. It is handed on soon.
    Status status = chunk.segments() ? Status() : consumer_->serve();
    if (!status.ok() || chunk.memory_full()) return status;
    metadata_.clear();
    bool waits = false;  // a message, for room
    const size_t before = chunk.segments();
    for (;;) {
      KafkaConsumer::Partition* partition = nullptr;
      const bool none_yet = chunk.segments() == before;
      const rd_kafka_message_t* message =
          consumer_->next(none_yet ? wait : std::chrono::milliseconds(0), partition);
      if (!message) break;
      const std::string_view bytes(static_cast<const char*>(message->payload),
                                   message->payload ? message->len : 0);
      if (!chunk.add(partition->source, static_cast<uint64_t>(message->offset), bytes)) {
        chunk.need(bytes.size());  // also says that this chunk is full
        waits = true;
        break;
      }
      chunk.set_id(id_of(*partition, *message, bytes));
      if (!metadata_.empty()) metadata_.add(partition->topic, *message);
      partition->next = message->offset + 1;
      consumer_->taken();
    }
    if (!metadata_.empty() && chunk.segments() > 0) metadata_.give(chunk);
    const bool done = config_.at_end == AtEnd::kStop && chunk.segments() == 0;
    if (!done || waits || !consumer_->at_end()) return {};
    consumer_->finish();
    return end();
  }

  void committed(nek_source& source, uint64_t position) { consumer_->committed(source, position); }

  void stop() {
    if (consumer_) consumer_->close();
  }

 private:
  Status configure(KafkaConf& conf) {
    Status status;
    // Brokers say that a partition has ended only when they have waited so long for more.
    if (config_.at_end == AtEnd::kStop) status = conf.set("fetch.wait.max.ms", "100");
    if (status.ok()) status = conf.apply(host_, config_, kReserved);
    if (status.ok()) status = conf.set("group.id", config_.group);
    if (status.ok()) status = conf.set("enable.auto.commit", "false");
    if (status.ok()) status = conf.set("enable.auto.offset.store", "false");
    if (status.ok()) status = conf.set("auto.offset.reset", "error");
    if (status.ok() && config_.at_end == AtEnd::kStop)
      status = conf.set("enable.partition.eof", "true");
    if (!status.ok()) return status;
    const auto longest = std::atoll(conf.get("max.poll.interval.ms").c_str());
    if (config_.drain_timeout.count() * 2 > longest)
      return fail_at(host_.at("drain_timeout"),
                     "drain_timeout: must be at most half of max.poll.interval.ms, which is " +
                         std::to_string(longest) + " ms");
    return {};
  }

  // What the producer gave it; else of the place and the time, by which a message of a topic that
  // was made anew differs from the one that stood there before.
  nek_id id_of(const KafkaConsumer::Partition& partition, const rd_kafka_message_t& message,
               std::string_view bytes) const {
    rd_kafka_headers_t* headers = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    // librdkafka takes memory for each message to look whether it has headers.
    if (config_.record_ids && !rd_kafka_message_headers(&message, &headers) &&
        !rd_kafka_header_get_last(headers, kRecordIdHeader, &value, &size)) {
      if (const auto id = parse_record_id({static_cast<const char*>(value), size})) return *id;
    }
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    return message_id(partition.id, message.offset, rd_kafka_message_timestamp(&message, &type),
                      bytes);
  }

  Host host_;
  Config config_;
  KafkaStart start_;
  MetadataColumns metadata_;
  std::optional<KafkaConsumer> consumer_;
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::input<nek::KafkaInput, nek::kOptions>({
    .name = "kafka",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Reads topics of Kafka, sharing the work with others of its group.",
    .example = R"(kafka:
  brokers: ["127.0.0.1:9092"]
  topics: flows
  group: nek
  columns: {ts: time, sa: text, byte: uint64})",
    .codec = "json",
}));
