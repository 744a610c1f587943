// SPDX-License-Identifier: Apache-2.0
// KafkaConsumer: a member of a consumer group, and the partitions that it has been dealt.
//
// Messages come by a queue of their own, and all else (rebalances, errors, answers) by another, so
// that the member stays alive while nothing can be read, and no message is met that was polled
// before a rebalance and handed out behind it.
//
// The eager protocol is used: at a rebalance all partitions are drained, committed and given up
// together. With the cooperative one, librdkafka before 2.4 goes back to old offsets when
// partitions are taken and resumed (its release notes, #4636).
//
// Not thread-safe: the reader's thread; close() when that has ended.
#pragma once
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kafka/client.h"
#include "kafka/statistics.h"
#include "nek/plugin.hpp"
#include "start.h"

namespace nek {

struct ConsumerConfig {
  std::vector<std::string> topics;
  KafkaStart start;
  std::chrono::milliseconds drain_timeout{};
};

class KafkaConsumer {
  struct FreeQueue {
    void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  };
  using Queue = std::unique_ptr<rd_kafka_queue_t, FreeQueue>;

 public:
  struct Partition {
    std::string topic;
    int32_t number = 0;
    Mark mark;         // see start.h
    int64_t next = 0;  // the least offset that may come
    nek_source* source = nullptr;
    nek_id id{};                         // of the partition itself: part of its messages' ids
    rd_kafka_topic_t* handle = nullptr;  // of messages met: compared only
    Queue queue;                         // librdkafka's own, forwarded to messages_
    int64_t to_commit = -1, committed = -1;
    bool at_end = false;  // nothing came behind what was read
  };
  // A message, with its partition; nullptr: it is not ours any more.
  struct Message {
    rd_kafka_message_t* c = nullptr;
    Partition* partition = nullptr;
  };

  KafkaConsumer(Host host, ConsumerConfig config);
  ~KafkaConsumer() { close(); }

  Status open(KafkaConf conf);
  // Whatever is not a message: to be called at least every max.poll.interval.ms.
  Status serve();
  // The next message of a partition that is ours; nullptr: none came in this time.
  const rd_kafka_message_t* next(std::chrono::milliseconds wait, Partition*& partition);
  void taken();  // the message of next() was used up
  // All that is dealt to us was read to its end, at least once. With enable.partition.eof only.
  bool at_end() const;
  // Gives all up in order: what was read is delivered and committed. Waits.
  void finish();
  void committed(nek_source& source, uint64_t position);
  // Commits what is known to be committed, and leaves the group.
  void close();

 private:
  using Clock = std::chrono::steady_clock;

  static void on_rebalance(rd_kafka_t* handle, rd_kafka_resp_err_t error,
                           rd_kafka_topic_partition_list_t* list, void* opaque);
  // Whether what was read and delivered may be committed, and how long that may take.
  void give_up(uint32_t wait_ms, bool commit);
  void note_handed_on();
  void open_anew();
  void try_to_open();
  Status open_assigned();
  void open_partition(const Beginning& at);
  void assign_open();
  PartitionList still_ours(const rd_kafka_topic_partition_list_t& list);
  Status commit_and_wait(const rd_kafka_topic_partition_list_t& list);
  PartitionList collect_commits();
  bool has_tokens();
  void send_commits();
  void take_answers(int wait_ms);
  void leave_group();
  void note_error(const rd_kafka_message_t& message);
  bool take_batch(std::chrono::milliseconds wait);
  void keep_fetching();
  void drop_messages();
  void empty(rd_kafka_queue_t* queue);
  Partition* find(const rd_kafka_message_t& message);
  Partition* find(std::string_view topic, int32_t number);

  Host host_;
  ConsumerConfig config_;
  KafkaMetrics metrics_;
  Metric lost_;
  KafkaClient client_;
  Queue messages_, answers_;
  // Of partitions that were given up, since they were dealt out last and before that: to be
  // emptied.
  std::vector<Queue> given_up_, given_up_before_;
  std::string cluster_;
  PartitionList assigned_;          // dealt to us, to be opened yet
  Clock::time_point open_retry_{};  // not before, after a failure
  std::chrono::milliseconds open_wait_{};
  int64_t since_ms_ = 0;       // since when something waits to be opened
  Clock::time_point retry_{};  // the same for commits
  Clock::time_point look_{};   // whether the group still has the tokens, at the latest
  enum class Reopen : uint8_t { kNo, kGone, kOutOfRange };
  Reopen reopen_ = Reopen::kNo;  // a partition is not what it was: all are to be opened anew
  bool check_range_ = false;     // of what is to be opened
  ReadTopics read_;              // since it began
  // How far a partition had come here when it was given up. If it comes back and is the same one,
  // it goes on there, whatever could be committed.
  struct Left {
    std::string token;
    int64_t next = 0, durable = -1;
  };
  std::map<std::string, Left> left_;  // by place
  bool closing_ = false;
  bool dealt_ = false;  // what is dealt to us is open, but for assigned_
  std::vector<std::unique_ptr<Partition>> partitions_;
  Partition* last_ = nullptr;  // of the message before
  std::vector<rd_kafka_message_t*> batch_;
  size_t at_ = 0, count_ = 0;                  // of batch_
  size_t message_bytes_ = 1;                   // on average, of the batch before
  size_t full_messages_ = 0, full_bytes_ = 0;  // what librdkafka's queue holds at most
  uint32_t finish_ms_ = 0;   // how long the end may wait until what was read is delivered
  size_t most_waiting_ = 0;  // messages in librdkafka's queue since it was woken last
  bool commit_under_way_ = false;
  bool commit_failed_ = false;
  bool is_no_member_ = false;  // said the last commit: the group has forgotten this consumer
};

}  // namespace nek
