// SPDX-License-Identifier: Apache-2.0
// Output `kafka`: writes each record as a message, and is told by the brokers that they have it.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "envelope.h"
#include "kafka/connect.h"
#include "nek/plugin.hpp"
#include "producer.h"

namespace nek {
namespace {

enum class LineBreak : uint8_t { kDrop, kKeep };

struct Config : KafkaOptions {
  std::string topic, topic_field, key, partitioner, compression;
  StringPairs headers;
  bool record_ids = true;
  LineBreak line_break = LineBreak::kDrop;
};

constexpr auto kOptions = options<Config>(
    kKafkaBrokers,
    option<&Config::topic>("topic", "Topic to write to; with 'topic_field' for records without.",
                           {.fallback = ""}),
    option<&Config::topic_field>("topic_field", "Column that names the record's topic.",
                                 {.type = "field", .fallback = ""}),
    option<&Config::key>(
        "key",
        "Column that becomes the key: records with the same stay in one partition, "
        "in order.",
        {.type = "field", .fallback = ""}),
    option<&Config::headers>("headers", "Headers from columns of text, as header: column.",
                             {.fallback = "{}"}),
    option<&Config::record_ids>(
        "record_ids",
        "Whether each message bears its record's id, as header nek-id: by it an input kafka "
        "recognises what comes again after a crash. Without it messages are shorter.",
        {.fallback = "true"}),
    option<&Config::partitioner>(
        "partitioner", "How a key becomes a partition; murmur2_random is that of Java's clients.",
        {.fallback = "murmur2_random",
         .range = "murmur2_random|murmur2|consistent_random|consistent|fnv1a_random|fnv1a|random"}),
    option<&Config::compression>("compression", "How batches of messages are packed.",
                                 {.fallback = "lz4", .range = "none|gzip|snappy|lz4|zstd"}),
    option<&Config::line_break>("line_break",
                                "Whether the line break that a codec ends a record with is sent.",
                                {.fallback = "drop", .range = "drop|keep"}),
    kKafkaTls, kKafkaSasl, kKafkaLibrdkafka);

constexpr std::string_view kAcks =
    "leave it out: all that keep the partition acknowledge, with fewer records could be lost";
constexpr std::string_view kPatience =
    "leave it out: records are sent until they arrive, giving up could change their order";
constexpr std::string_view kQueue = "leave it out: what waits is bounded by the output's 'buffer'";

// What would lose records, have them twice or in another order.
constexpr KafkaProperty kReserved[] = {
    {"partitioner", "'partitioner'"},
    {"compression.codec", "'compression'"},
    {"compression.type", "'compression'"},
    {"transactional.id", ""},
    {"delivery.report.only.error", ""},
    {"acks", "", kAcks},
    {"request.required.acks", "", kAcks},
    {"enable.idempotence", "", "leave it out: without it records could change their order"},
    {"message.timeout.ms", "", kPatience},
    {"delivery.timeout.ms", "", kPatience},
    {"retries", "", kPatience},
    {"message.send.max.retries", "", kPatience},
    {"queue.buffering.max.messages", "", kQueue},
    {"queue.buffering.max.kbytes", "", kQueue},
};

constexpr uint32_t kInFlight = 8;  // requests; with them less waits than librdkafka's queue holds

class KafkaOutput {
 public:
  struct Lane {
    std::string envelopes;
    std::vector<size_t> ends;
    std::vector<nek_text> before;
  };

  KafkaOutput(Host host, Config config) : host_(host), config_(std::move(config)) {}

  Status setup(Shape& shape) {
    if (config_.topic.empty() && config_.topic_field.empty())
      return fail_at(host_.at("topic"), "needs 'topic', or 'topic_field'");
    auto conf = configure();
    if (!conf.ok()) return conf.status();
    if (Status status = conf->check(host_, RD_KAFKA_PRODUCER); !status.ok()) return status;
    const auto read = [&](const std::string& column) {
      return shape.read(column, {NEK_TEXT, NEK_DICT_TEXT});
    };
    if (!config_.topic_field.empty()) topic_ = read(config_.topic_field);
    if (!config_.key.empty()) key_ = read(config_.key);
    for (const auto& [name, column] : config_.headers) headers_.push_back(read(column));
    shape.max_in_flight(kInFlight);
    return {};
  }

  Status start(const Start&) {
    producer_.emplace(host_, [this] { return configure(); });
    return producer_->open();
  }

  void connect(Findings& findings, std::chrono::milliseconds wait) {
    auto conf = configure();
    std::vector<std::string> topics;
    if (!config_.topic.empty()) topics.push_back(config_.topic);
    if (conf.ok()) check_kafka(std::move(*conf), topics, wait, findings);
  }

  Status encode(Call& call, Encoded& out, Lane& lane) const {
    const nek_id* ids = config_.record_ids ? call.ids() : nullptr;
    const auto view = [&](std::optional<uint32_t> column) {
      return column ? std::optional(TextView(call.read(*column))) : std::nullopt;
    };
    const auto topics = view(topic_), keys = view(key_);
    std::vector<TextView> headers;
    headers.reserve(headers_.size());
    for (const uint32_t column : headers_) headers.emplace_back(call.read(column));
    const size_t line_break =
        config_.line_break == LineBreak::kDrop ? host_.record_end().size() : 0;
    const auto value = [](const std::optional<TextView>& of, uint32_t row) {
      return of && of->has(row) ? std::optional((*of)[row]) : std::nullopt;
    };
    lane.envelopes.clear();
    lane.ends.clear();
    for (uint32_t row = 0; row < call.rows(); row++) {
      begin_envelope(lane.envelopes, ids ? ids[row] : nek_id{}, line_break, headers.size());
      add_field(lane.envelopes, value(topics, row).value_or(config_.topic));
      add_field(lane.envelopes, value(keys, row));
      for (size_t i = 0; i < headers.size(); i++) {
        add_field(lane.envelopes, config_.headers[i].first);
        add_field(lane.envelopes, value(headers[i], row));
      }
      end_envelope(lane.envelopes);
      lane.ends.push_back(lane.envelopes.size());
    }
    lane.before.clear();
    size_t begin = 0;
    for (const size_t end : lane.ends) {
      lane.before.push_back({lane.envelopes.data() + begin, end - begin});
      begin = end;
    }
    return call.encode(lane.before, out);
  }

  void send(nek_token* token, std::span<const nek_record> records) {
    producer_->send(token, records);
  }

  void stop() {
    if (producer_) producer_->stop();
  }

 private:
  Result<KafkaConf> configure() const {
    KafkaConf conf;
    Status status = conf.set("enable.idempotence", "true");
    if (status.ok()) status = conf.set("message.timeout.ms", "0");  // never
    if (status.ok()) status = conf.set("linger.ms", "20");
    if (status.ok()) status = conf.set("sticky.partitioning.linger.ms", "50");
    if (status.ok()) status = conf.apply(host_, config_, kReserved);
    if (status.ok()) status = conf.set("partitioner", config_.partitioner);
    if (status.ok()) status = conf.set("compression.codec", config_.compression);
    if (!status.ok()) return status;
    return conf;
  }

  Host host_;
  Config config_;
  std::optional<uint32_t> topic_, key_;
  std::vector<uint32_t> headers_;
  std::optional<KafkaProducer> producer_;
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::output<nek::KafkaOutput, nek::kOptions>({
    .name = "kafka",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Writes records to topics of Kafka.",
    .example = R"(kafka:
  brokers: ["127.0.0.1:9092"]
  topic: flows
  key: sa)",
    .codec = "json",
}));
