// SPDX-License-Identifier: Apache-2.0
// KafkaClient: a handle of librdkafka whose log, errors and statistics go to the host.
// Its errors come by the hundred while a broker is away; the user reads each kind now and then.
// Thread-safe: callbacks come from librdkafka's threads.
#pragma once
#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "kafka/options.h"
#include "nek/plugin.hpp"

namespace nek {

// A line of the log, but the same words at most once in a while. Thread-safe.
class QuietLog {
 public:
  explicit QuietLog(Host host) : host_(host) {}
  // `what`: the words that count as the same; `detail` may change.
  void say(int level, const std::string& what, const std::string& detail = {});

 private:
  using Clock = std::chrono::steady_clock;
  Host host_;
  std::mutex mutex_;
  std::map<std::string, Clock::time_point> said_;
};

class KafkaClient {
 public:
  using Statistics = std::function<void(std::string_view json)>;

  KafkaClient(Host host, Statistics statistics) : log_(host), statistics_(std::move(statistics)) {}
  ~KafkaClient() { close(); }
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  // Takes the configuration; `opaque` callbacks get what `rd_kafka_opaque` says: this client.
  Status open(rd_kafka_type_t type, KafkaConf conf, void* owner);
  // Without a farewell to the group: a consumer says that itself.
  void close();
  rd_kafka_t* c() const { return handle_; }
  // Nothing goes by this handle any more.
  bool fatal() const { return rd_kafka_fatal_error(handle_, nullptr, 0) != 0; }
  std::string fatal_reason() const;
  QuietLog& log() { return log_; }
  void* owner() const { return owner_; }

 private:
  static KafkaClient& of(void* opaque) { return *static_cast<KafkaClient*>(opaque); }
  static void on_log(const rd_kafka_t* handle, int level, const char* facility, const char* text);
  static void on_error(rd_kafka_t* handle, int error, const char* text, void* opaque);
  static int on_statistics(rd_kafka_t* handle, char* json, size_t size, void* opaque);

  using Clock = std::chrono::steady_clock;

  QuietLog log_;
  std::atomic<Clock::rep> failed_at_{0};  // a connection, or what was asked
  Statistics statistics_;
  void* owner_ = nullptr;
  rd_kafka_t* handle_ = nullptr;
};

}  // namespace nek
