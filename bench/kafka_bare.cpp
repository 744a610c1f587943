// SPDX-License-Identifier: Apache-2.0
// What librdkafka alone does, for bench/kafka: consumes a topic as nek's input does, without
// looking at the messages, or produces lines as fast as produce_batch takes them.
//   kafka_bare consume BROKERS TOPIC COUNT      kafka_bare produce BROKERS TOPIC COMPRESSION <
//   LINES
// Prints seconds, from the first message to the last.
#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  std::cerr << what << '\n';
  std::exit(1);
}

rd_kafka_t* make(rd_kafka_type_t type,
                 std::initializer_list<std::pair<const char*, const char*>> all) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char error[512];
  for (const auto& [name, value] : all)
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) fail(error);
  if (type == RD_KAFKA_PRODUCER)
    rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* m, void*) {
      if (m->err) fail(rd_kafka_err2str(m->err));
    });
  rd_kafka_t* handle = rd_kafka_new(type, conf, error, sizeof error);
  if (!handle) fail(error);
  return handle;
}

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void consume(const char* brokers, const char* topic, size_t count) {
  rd_kafka_t* handle = make(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers},
                                                {"group.id", "bare"},
                                                {"enable.auto.commit", "false"},
                                                {"auto.offset.reset", "earliest"}});
  rd_kafka_poll_set_consumer(handle);
  rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
  rd_kafka_subscribe(handle, topics);
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(handle);
  std::vector<rd_kafka_message_t*> batch(4096);
  Clock::time_point begin;
  for (size_t seen = 0; seen < count;) {
    ssize_t got = rd_kafka_consume_batch_queue(queue, 0, batch.data(), batch.size());
    if (got == 0) got = rd_kafka_consume_batch_queue(queue, 100, batch.data(), 1);
    if (seen == 0 && got > 0) begin = Clock::now();
    for (ssize_t i = 0; i < got; i++) {
      if (!batch[static_cast<size_t>(i)]->err) seen++;
      rd_kafka_message_destroy(batch[static_cast<size_t>(i)]);
    }
  }
  std::printf("%.6f\n", since(begin));
  rd_kafka_consumer_close(handle);
}

void produce(const char* brokers, const char* topic, const char* compression) {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  rd_kafka_t* handle = make(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers},
                                                {"enable.idempotence", "true"},
                                                {"linger.ms", "20"},
                                                {"compression.codec", compression}});
  rd_kafka_topic_t* to = rd_kafka_topic_new(handle, topic, nullptr);
  std::vector<rd_kafka_message_t> batch;
  const auto begin = Clock::now();
  for (size_t at = 0; at < text.size();) {
    batch.clear();
    for (; at < text.size() && batch.size() < 4096; at = text.find('\n', at) + 1) {
      rd_kafka_message_t message{};
      message.payload = const_cast<char*>(text.data() + at);
      message.len = text.find('\n', at) - at;
      batch.push_back(message);
    }
    for (size_t sent = 0; sent < batch.size();) {
      sent += static_cast<size_t>(rd_kafka_produce_batch(to, RD_KAFKA_PARTITION_UA, 0,
                                                         batch.data() + sent,
                                                         static_cast<int>(batch.size() - sent)));
      while (sent < batch.size() && batch[sent].err == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
             rd_kafka_poll(handle, 10) == 0) {
      }
    }
    rd_kafka_poll(handle, 0);
  }
  rd_kafka_flush(handle, 600000);
  std::printf("%.6f\n", since(begin));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && std::strcmp(argv[1], "consume") == 0) {
    consume(argv[2], argv[3], std::strtoull(argv[4], nullptr, 10));
  } else if (argc == 5 && std::strcmp(argv[1], "produce") == 0) {
    produce(argv[2], argv[3], argv[4]);
  } else {
    fail(
        "usage: kafka_bare consume BROKERS TOPIC COUNT | produce BROKERS TOPIC COMPRESSION < "
        "LINES");
  }
  return 0;
}
