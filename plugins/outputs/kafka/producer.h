// SPDX-License-Identifier: Apache-2.0
// KafkaProducer: hands messages to librdkafka and answers a request when the brokers have answered
// for each of its records. An idempotent producer that the brokers have lost track of is made anew,
// and so is one whose batches are larger than a topic takes.
// Thread-safe as marked.
#pragma once
#include <librdkafka/rdkafka.h>

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "envelope.h"
#include "kafka/client.h"
#include "kafka/statistics.h"
#include "nek/plugin.hpp"

namespace nek {

class KafkaProducer {
 public:
  using Configure = std::function<Result<KafkaConf>()>;

  // alone_ms: until what is under way must have been answered, where it is waited for.
  KafkaProducer(Host host, Configure configure, int alone_ms = 5000);
  ~KafkaProducer() { stop(); }

  Status open();
  void send(nek_token* token, std::span<const nek_record> records);  // [writer-thread]
  void stop();  // what is under way is to be sent again

 private:
  struct Flight;
  struct Slot {
    Flight* flight;
    uint32_t row;
    const uint8_t* record;
    uint32_t bytes;  // of what its message carries
    bool alone;      // no other message was in its batch
  };
  // A request until all its records are answered for. The one that takes `left` to 0 completes it.
  struct Flight {
    KafkaProducer* producer;
    nek_token* token;
    std::atomic<uint32_t> left;
    std::atomic<bool> soon;  // what is to be sent again need not wait
    std::vector<Slot> slots;
    std::vector<nek_result> results;
    std::deque<std::string> reasons;
    std::mutex mutex;
  };

  static void on_delivery(rd_kafka_t* handle, const rd_kafka_message_t* message, void* opaque);
  rd_kafka_resp_err_t produce(const Envelope& envelope, Slot& slot);
  rd_kafka_topic_t* topic(std::string_view name);
  bool produce_alone(const Envelope& envelope, Slot& slot, rd_kafka_resp_err_t& error);
  void answer(const Slot& slot, rd_kafka_resp_err_t error, bool local);
  void settle(const Slot& slot, uint32_t verdict, std::string reason);
  bool may_be_of_another(const Slot& slot, rd_kafka_resp_err_t error);
  bool is_suspect(const uint8_t* record);
  void finish(Flight& flight, uint32_t answered);
  Status make_ready();
  bool all_is_answered();
  Status revive();
  void poll();

  struct FreeTopic {
    void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  };

  Host host_;
  Configure configure_;
  const int alone_ms_;
  KafkaMetrics metrics_;
  Metric too_large_;
  std::unique_ptr<KafkaClient> client_;
  std::map<std::string, std::unique_ptr<rd_kafka_topic_t, FreeTopic>, std::less<>> topics_;
  std::atomic<uint32_t> under_way_{0};  // messages that librdkafka has
  std::atomic<bool> broken_{false};     // a fatal error: nothing goes any more
  std::atomic<bool> stopping_{false};
  size_t batch_bytes_ = 0;  // no batch of more messages than one is larger
  std::atomic<size_t> wanted_batch_bytes_{SIZE_MAX};  // less: a topic has refused a batch
  Envelope envelope_;
  // A broker refuses a batch for a message in it: each of those goes alone the next time.
  std::mutex suspects_mutex_;
  std::set<const uint8_t*> suspects_;
  std::atomic<bool> has_suspects_{false};
  std::thread poller_;
};

}  // namespace nek
