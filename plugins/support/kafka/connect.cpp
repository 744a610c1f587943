// SPDX-License-Identifier: Apache-2.0
#include "kafka/connect.h"

#include <memory>
#include <mutex>
#include <set>
#include <utility>

namespace nek {
namespace {

// What went wrong while we waited: librdkafka itself only says that nobody answered.
struct Errors {
  std::mutex mutex;
  std::set<std::string> texts;

  void add(std::string_view text) {
    const std::lock_guard lock(mutex);
    texts.emplace(text.substr(0, text.find(" (after ")));
  }
  std::string all() {
    const std::lock_guard lock(mutex);
    std::string all;
    for (const std::string& text : texts) all += (all.empty() ? "" : "; ") + text;
    return all;
  }
};

void on_error(rd_kafka_t*, int error, const char* text, void* opaque) {
  if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) static_cast<Errors*>(opaque)->add(text);
}
void on_log(const rd_kafka_t*, int, const char*, const char*) {}

struct Free {
  void operator()(rd_kafka_t* handle) const {
    rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};
using Handle = std::unique_ptr<rd_kafka_t, Free>;
using Topic = std::unique_ptr<rd_kafka_topic_t, Free>;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Free>;

void tell_topic(rd_kafka_t* handle, const std::string& name, int wait_ms,
                const Findings& findings) {
  const Topic topic(rd_kafka_topic_new(handle, name.c_str(), nullptr));
  if (!topic) return findings.error("topic '" + name + "': this cannot be the name of a topic");
  const rd_kafka_metadata_t* found = nullptr;
  const auto error = rd_kafka_metadata(handle, 0, topic.get(), &found, wait_ms);
  const Metadata metadata(found);
  const auto of_topic = error || !found->topic_cnt ? error : found->topics[0].err;
  if (of_topic) return findings.error("topic '" + name + "': " + rd_kafka_err2str(of_topic));
  findings.good("topic '" + name + "' has " + std::to_string(found->topics[0].partition_cnt) +
                " partitions");
}

}  // namespace

void check_kafka(KafkaConf conf, const std::vector<std::string>& topics,
                 std::chrono::milliseconds wait, const Findings& findings) {
  Errors errors;
  const std::string brokers = conf.get("bootstrap.servers");
  rd_kafka_conf_set_opaque(conf.c(), &errors);
  rd_kafka_conf_set_error_cb(conf.c(), on_error);
  rd_kafka_conf_set_log_cb(conf.c(), on_log);
  char error[512] = "";
  // A producer that asks for a topic makes it, where brokers allow that.
  Status status = conf.set("allow.auto.create.topics", "false");
  if (!status.ok()) return findings.error(status.message());
  const Handle handle(rd_kafka_new(RD_KAFKA_CONSUMER, conf.c(), error, sizeof error));
  if (!handle) return findings.error(error);
  (void)conf.release();  // the handle's
  const auto wait_ms = static_cast<int>(wait.count());
  const rd_kafka_metadata_t* found = nullptr;
  const auto failed = rd_kafka_metadata(handle.get(), 0, nullptr, &found, wait_ms);
  const Metadata metadata(found);
  rd_kafka_poll(handle.get(), 0);  // errors that are still to be told
  if (failed) {
    const std::string why = errors.all();
    return findings.error(brokers + ": no broker answers" +
                          (why.empty() ? std::string() : ": " + why));
  }
  findings.good(brokers + ": a cluster of " + std::to_string(found->broker_cnt) + " brokers");
  for (const std::string& topic : topics)
    if (!topic.starts_with('^')) tell_topic(handle.get(), topic, wait_ms, findings);
}

}  // namespace nek
