// SPDX-License-Identifier: Apache-2.0
#include "kafka/client.h"

#include <syslog.h>

#include <utility>

namespace nek {
namespace {

constexpr std::chrono::seconds kAgain{60};

// "sasl_plaintext://127.0.0.1:9092/bootstrap: Connect to ... failed (after 0ms in state CONNECT, 5
// identical error(s) suppressed)": what changes from time to time is not what was said.
std::string without_counts(std::string_view text) {
  return std::string(text.substr(0, text.find(" (after ")));
}

std::string fatal_text(rd_kafka_t* handle) {
  char why[512] = "";
  rd_kafka_fatal_error(handle, why, sizeof why);
  return why;
}

}  // namespace

void QuietLog::say(int level, const std::string& what, const std::string& detail) {
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    std::erase_if(said_, [&](const auto& entry) { return now - entry.second >= kAgain; });
    if (!said_.emplace(what, now).second) return;
  }
  host_.log(level, what + detail);
}

void KafkaClient::on_log(const rd_kafka_t* handle, int level, const char* facility,
                         const char* text) {
  KafkaClient& client = of(rd_kafka_opaque(handle));
  // What fails comes to on_error as well; a broker that has just begun has no producer's number
  // yet.
  const std::string_view of = facility;
  if (of == "FAIL" || of == "ERROR" || of == "GETPID" || level > LOG_WARNING) return;
  client.log_.say(NEK_WARN, without_counts(text));
}

void KafkaClient::on_error(rd_kafka_t* handle, int error, const char* text, void* opaque) {
  KafkaClient& client = of(opaque);
  if (error == RD_KAFKA_RESP_ERR__FATAL) {
    client.log_.say(NEK_WARN, fatal_text(handle));
    return;
  }
  std::string line = without_counts(text);
  const auto now = Clock::now().time_since_epoch().count();
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    // So it is too when brokers have closed connections that were idle, and nothing is wrong.
    const auto since = Clock::duration(now - client.failed_at_.load());
    if (since >= kAgain) return;
    line = "no broker can be reached, will try on";
  } else {
    client.failed_at_ = now;
  }
  if (error == RD_KAFKA_RESP_ERR__AUTHENTICATION) line += "; see the option 'sasl'";
  if (error == RD_KAFKA_RESP_ERR__SSL) line += "; see the option 'tls'";
  client.log_.say(NEK_WARN, line);
}

int KafkaClient::on_statistics(rd_kafka_t*, char* json, size_t size, void* opaque) {
  KafkaClient& client = of(opaque);
  if (client.statistics_) client.statistics_({json, size});
  return 0;  // librdkafka frees it
}

Status KafkaClient::open(rd_kafka_type_t type, KafkaConf conf, void* owner) {
  owner_ = owner;
  rd_kafka_conf_set_opaque(conf.c(), this);
  rd_kafka_conf_set_log_cb(conf.c(), on_log);
  rd_kafka_conf_set_error_cb(conf.c(), on_error);
  rd_kafka_conf_set_stats_cb(conf.c(), on_statistics);
  Status status = conf.set("statistics.interval.ms", "1000");
  if (!status.ok()) return status;
  char error[512] = "";
  handle_ = rd_kafka_new(type, conf.c(), error, sizeof error);
  if (!handle_) return fail(error);
  (void)conf.release();  // the handle's
  return {};
}

std::string KafkaClient::fatal_reason() const { return fatal_text(handle_); }

void KafkaClient::close() {
  if (rd_kafka_t* handle = std::exchange(handle_, nullptr))
    rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

}  // namespace nek
