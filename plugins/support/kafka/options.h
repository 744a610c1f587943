// SPDX-License-Identifier: Apache-2.0
// Options of whatever speaks to Kafka, and how they become librdkafka's properties.
// Each is declared once, so that input and output call the same thing by the same name.
// Thread-safe: constants and functions without state.
#pragma once
#include <librdkafka/rdkafka.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nek/plugin.hpp"

namespace nek {

struct KafkaTls {
  std::string ca_file, certificate, key, key_password;
  bool verify = true;
};
struct KafkaSasl {
  std::string mechanism, username, password;
};
struct KafkaOptions {
  std::vector<std::string> brokers;
  std::optional<KafkaTls> tls;
  std::optional<KafkaSasl> sasl;
  StringPairs librdkafka;
};

inline constexpr auto kKafkaTlsOptions = options<KafkaTls>(
    option<&KafkaTls::ca_file>(
        "ca_file",
        "Certificates (PEM) of who vouches for the brokers; none: those that "
        "the system trusts.",
        {.type = "path", .fallback = ""}),
    option<&KafkaTls::certificate>("certificate", "Who we are (PEM), for brokers that ask.",
                                   {.type = "path", .fallback = ""}),
    option<&KafkaTls::key>("key", "The key of 'certificate' (PEM).",
                           {.type = "path", .fallback = ""}),
    option<&KafkaTls::key_password>("key_password", "What 'key' is encrypted with.",
                                    {.type = "secret", .fallback = ""}),
    option<&KafkaTls::verify>("verify",
                              "Whether it must be the broker that it says it is; false is for "
                              "tests.",
                              {.fallback = "true"}));
inline constexpr auto kKafkaSaslOptions = options<KafkaSasl>(
    option<&KafkaSasl::mechanism>(
        "mechanism", "How the password is shown to the brokers.",
        {.fallback = "SCRAM-SHA-512", .range = "PLAIN|SCRAM-SHA-256|SCRAM-SHA-512"}),
    option<&KafkaSasl::username>("username", "Who we are."),
    option<&KafkaSasl::password>("password", "The password.", {.type = "secret"}));

inline constexpr auto kKafkaBrokers = option<&KafkaOptions::brokers>(
    "brokers", "Brokers to ask first, as HOST:PORT; they name the others.");
inline constexpr auto kKafkaTls = option<&KafkaOptions::tls, kKafkaTlsOptions>(
    "tls", "Encrypts; '{}' where the system trusts the brokers' certificates.");
inline constexpr auto kKafkaSasl =
    option<&KafkaOptions::sasl, kKafkaSaslOptions>("sasl", "A user and password for the brokers.");
inline constexpr auto kKafkaLibrdkafka = option<&KafkaOptions::librdkafka>(
    "librdkafka", "Other properties of librdkafka, such as fetch.min.bytes: 100000.",
    {.fallback = "{}"});

// A property that nek sets, with what to use instead where a user may, or why nobody may.
struct KafkaProperty {
  std::string_view name, instead, why = {};
};

// librdkafka's configuration under construction.
class KafkaConf {
 public:
  KafkaConf() : conf_(rd_kafka_conf_new()) {}

  // What the user said. `reserved`: what may not stand in 'librdkafka'.
  Status apply(const Host& host, const KafkaOptions& options,
               std::span<const KafkaProperty> reserved);
  // What nek says; a name that librdkafka does not know is a defect of ours, and an error.
  Status set(const char* name, const std::string& value);
  // For properties of the user's choice as well: what `name` is set to now.
  std::string get(const char* name) const;
  // Whether the properties go together, which librdkafka says only when it makes a client of them.
  // That one knows no broker, so nothing is connected.
  Status check(const Host& host, rd_kafka_type_t type) const;
  rd_kafka_conf_t* c() const { return conf_.get(); }
  rd_kafka_conf_t* release() { return conf_.release(); }

 private:
  struct Free {
    void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
  };
  Status apply_tls(const Host& host, const KafkaTls& tls);

  std::unique_ptr<rd_kafka_conf_t, Free> conf_;
};

}  // namespace nek
