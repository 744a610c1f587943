// SPDX-License-Identifier: Apache-2.0
#include "kafka/options.h"

#include "readable.h"

namespace nek {
namespace {

// What apply() itself sets.
constexpr KafkaProperty kOurs[] = {
    {"bootstrap.servers", "'brokers'"},
    {"metadata.broker.list", "'brokers'"},
    {"security.protocol", "'tls', 'sasl'"},
    {"sasl.username", "'sasl.username'"},
    {"sasl.password", "'sasl.password'"},
    {"sasl.mechanism", "'sasl.mechanism'"},
    {"sasl.mechanisms", "'sasl.mechanism'"},
    {"ssl.ca.location", "'tls.ca_file'"},
    {"ssl.key.location", "'tls.key'"},
    {"ssl.key.password", "'tls.key_password'"},
    {"ssl.certificate.location", "'tls.certificate'"},
    {"statistics.interval.ms", ""},
};

const KafkaProperty* find_reserved(std::string_view name, std::span<const KafkaProperty> list) {
  for (const KafkaProperty& property : list)
    if (property.name == name) return &property;
  return nullptr;
}

}  // namespace

Status KafkaConf::set(const char* name, const std::string& value) {
  char error[256] = "";
  if (rd_kafka_conf_set(conf_.get(), name, value.c_str(), error, sizeof error) == RD_KAFKA_CONF_OK)
    return {};
  return fail(error);
}

std::string KafkaConf::get(const char* name) const {
  char value[512] = "";
  size_t size = sizeof value;
  if (rd_kafka_conf_get(conf_.get(), name, value, &size) != RD_KAFKA_CONF_OK) return {};
  return value;
}

Status KafkaConf::check(const Host& host, rd_kafka_type_t type) const {
  KafkaConf copy;
  copy.conf_.reset(rd_kafka_conf_dup(conf_.get()));
  if (Status status = copy.set("bootstrap.servers", ""); !status.ok()) return status;
  rd_kafka_conf_set_log_cb(copy.c(), [](const rd_kafka_t*, int, const char*, const char*) {});
  char error[512] = "";
  rd_kafka_t* client = rd_kafka_new(type, copy.c(), error, sizeof error);
  if (!client) return fail_at(host.at("librdkafka"), std::string("librdkafka: ") + error);
  (void)copy.release();  // the client's
  rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  return {};
}

Status KafkaConf::apply_tls(const Host& host, const KafkaTls& tls) {
  for (const auto& [option, path] :
       {std::pair{"tls.ca_file", tls.ca_file}, std::pair{"tls.certificate", tls.certificate},
        std::pair{"tls.key", tls.key}}) {
    Status status = check_readable(host.at("tls"), option, path);
    if (!status.ok()) return status;
  }
  const std::pair<const char*, std::string> all[] = {{"ssl.ca.location", tls.ca_file},
                                                     {"ssl.certificate.location", tls.certificate},
                                                     {"ssl.key.location", tls.key},
                                                     {"ssl.key.password", tls.key_password}};
  for (const auto& [name, value] : all) {
    Status status = value.empty() ? Status() : set(name, value);
    if (!status.ok()) return fail_at(host.at("tls"), status.message());
  }
  if (tls.verify) return {};
  Status status = set("enable.ssl.certificate.verification", "false");
  return status.ok() ? set("ssl.endpoint.identification.algorithm", "none") : status;
}

Status KafkaConf::apply(const Host& host, const KafkaOptions& options,
                        std::span<const KafkaProperty> reserved) {
  std::string brokers;
  for (const std::string& broker : options.brokers)
    brokers += (brokers.empty() ? "" : ",") + broker;
  if (brokers.empty()) return fail_at(host.at("brokers"), "brokers: names no broker");
  Status status = set("bootstrap.servers", brokers);
  if (status.ok() && options.tls) status = apply_tls(host, *options.tls);
  if (status.ok() && options.sasl) {
    status = set("sasl.mechanism", options.sasl->mechanism);
    if (status.ok()) status = set("sasl.username", options.sasl->username);
    if (status.ok()) status = set("sasl.password", options.sasl->password);
  }
  if (status.ok())
    status = set("security.protocol", options.sasl ? (options.tls ? "sasl_ssl" : "sasl_plaintext")
                                                   : (options.tls ? "ssl" : "plaintext"));
  if (status.ok()) status = set("log.connection.close", "false");
  if (status.ok()) status = set("client.id", "nek");
  if (!status.ok()) return status;
  const nek_value* node = host.at("librdkafka");
  for (const auto& [name, value] : options.librdkafka) {
    const nek_value* at = find(*node, name);
    const KafkaProperty* property = find_reserved(name, kOurs);
    if (!property) property = find_reserved(name, reserved);
    if (property)
      return fail_at(
          at, "librdkafka: '" + name + "' is set by nek" +
                  (property->instead.empty() ? "" : "; use " + std::string(property->instead)) +
                  (property->why.empty() ? "" : "; " + std::string(property->why)));
    status = set(name.c_str(), value);
    if (!status.ok()) return fail_at(at, "librdkafka: " + status.message());
  }
  return {};
}

}  // namespace nek
