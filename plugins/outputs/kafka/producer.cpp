// SPDX-License-Identifier: Apache-2.0
#include "producer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kafka/record_id.h"

namespace nek {
namespace {

constexpr int kPollMs = 100;
constexpr int kAloneMs = 5000;  // until all that is under way must have been answered

// What no other try will change.
bool is_final(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG: return true;
    default: return false;
  }
}
bool is_too_large(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
         error == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}
// What brokers say of a whole batch for one message in it.
bool may_be_of_another(rd_kafka_resp_err_t error) {
  return is_too_large(error) || error == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
         error == RD_KAFKA_RESP_ERR_INVALID_MSG;
}
bool is_fatal(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__FATAL || error == RD_KAFKA_RESP_ERR__INCONSISTENT;
}

}  // namespace

KafkaProducer::KafkaProducer(Host host, ProducerConfig config, Configure configure)
    : host_(host),
      config_(std::move(config)),
      configure_(std::move(configure)),
      metrics_(host, KafkaMetrics::Role::kProducer),
      too_large_(host.counter("too_large", "Records that no broker would take for their size.")) {}

Status KafkaProducer::open() {
  auto conf = configure_();
  if (!conf.ok()) return conf.status();
  rd_kafka_conf_set_dr_msg_cb(conf->c(), on_delivery);
  client_ = std::make_unique<KafkaClient>(host_,
                                          [this](std::string_view json) { metrics_.update(json); });
  Status status = client_->open(RD_KAFKA_PRODUCER, std::move(*conf), this);
  if (!status.ok()) return status;
  poller_ = std::thread([this] { poll(); });
  return {};
}

void KafkaProducer::poll() {
  while (!stopping_ && !broken_) {
    rd_kafka_poll(client_->c(), kPollMs);
    if (client_->fatal()) broken_ = true;
  }
  // Whatever is left in the queue gets its answer; send() may be adding to it still.
  while (under_way_ > 0) {
    rd_kafka_purge(client_->c(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_poll(client_->c(), kPollMs);
  }
}

void KafkaProducer::stop() {
  if (!client_) return;
  stopping_ = true;
  if (poller_.joinable()) poller_.join();
  topics_.clear();
  client_.reset();
}

// False: not yet.
bool KafkaProducer::revive() {
  if (poller_.joinable()) poller_.join();
  topics_.clear();
  client_.reset();
  broken_ = false;
  host_.log(NEK_WARN, "the brokers have lost track of what was sent: begins anew");
  const Status status = open();
  if (status.ok()) return true;
  broken_ = true;
  host_.log(NEK_WARN, status.message());
  return false;
}

rd_kafka_topic_t* KafkaProducer::topic(std::string_view name) {
  const auto known = topics_.find(name);
  if (known != topics_.end()) return known->second.get();
  rd_kafka_topic_t* made = rd_kafka_topic_new(client_->c(), std::string(name).c_str(), nullptr);
  if (made) topics_.emplace(std::string(name), made);
  return made;
}

rd_kafka_resp_err_t KafkaProducer::produce(const Envelope& envelope, Slot& slot) {
  rd_kafka_topic_t* to = topic(envelope.topic);
  if (!to) return RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
  std::string_view payload = envelope.payload;
  if (config_.drop_line_break && payload.ends_with('\n')) payload.remove_suffix(1);
  std::array<rd_kafka_vu_t, 6> all{};
  size_t count = 0;
  const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    all[count].vtype = type;
    return all[count++];
  };
  add(RD_KAFKA_VTYPE_RKT).u.rkt = to;
  auto& value = add(RD_KAFKA_VTYPE_VALUE).u.mem;
  value.ptr = const_cast<char*>(payload.data());  // not copied: it stays until the request is done
  value.size = payload.size();
  if (envelope.key) {
    auto& key = add(RD_KAFKA_VTYPE_KEY).u.mem;
    key.ptr = const_cast<char*>(envelope.key->data());
    key.size = envelope.key->size();
  }
  rd_kafka_headers_t* headers = rd_kafka_headers_new(1 + config_.headers.size());
  if (!envelope.id.empty())
    rd_kafka_header_add(headers, kRecordIdHeader, -1, envelope.id.data(),
                        static_cast<ssize_t>(envelope.id.size()));
  for (size_t i = 0; i < envelope.headers.size(); i++)
    if (envelope.headers[i])
      rd_kafka_header_add(headers, config_.headers[i].c_str(), -1, envelope.headers[i]->data(),
                          static_cast<ssize_t>(envelope.headers[i]->size()));
  add(RD_KAFKA_VTYPE_HEADERS).u.headers = headers;
  add(RD_KAFKA_VTYPE_OPAQUE).u.ptr = &slot;
  rd_kafka_error_t* error = rd_kafka_produceva(client_->c(), all.data(), count);
  if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
  rd_kafka_headers_destroy(headers);
  // A fatal one bears the code of what it came from.
  const auto code =
      rd_kafka_error_is_fatal(error) ? RD_KAFKA_RESP_ERR__FATAL : rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  return code;
}

void KafkaProducer::send(nek_token* token, std::span<const nek_record> records) {
  if (broken_ && !revive()) {
    Outcome again;
    again.verdict = NEK_AGAIN;
    again.reason = "no producer";
    return host_.complete(token, again);
  }
  const auto count = static_cast<uint32_t>(records.size());
  auto* flight = new Flight{this, token, {count + 1}, {}, {}, {}, {}};
  flight->slots.resize(count);
  flight->results.resize(count);
  for (uint32_t row = 0; row < count; row++) {
    Slot& slot = flight->slots[row];
    slot = {flight, row, records[row].data, false};
    open_envelope({reinterpret_cast<const char*>(records[row].data), records[row].size},
                  config_.headers.size(), envelope_);
    under_way_++;
    rd_kafka_resp_err_t error{};
    if (has_suspects_ && is_suspect(slot.record)) {
      if (produce_alone(envelope_, slot, error)) continue;
    } else {
      error = produce(envelope_, slot);
      if (!error) continue;
    }
    under_way_--;
    answer(slot, error, envelope_.payload.size(), true);
  }
  finish(*flight, 1);
}

bool KafkaProducer::is_suspect(const uint8_t* record) {
  const std::lock_guard lock(suspects_mutex_);
  const bool found = suspects_.erase(record) > 0;
  has_suspects_ = !suspects_.empty();
  return found;
}

// In a batch of its own: when nothing else is under way, before and until it is answered.
bool KafkaProducer::produce_alone(const Envelope& envelope, Slot& slot,
                                  rd_kafka_resp_err_t& error) {
  error = rd_kafka_flush(client_->c(), kAloneMs);
  slot.alone = !error;
  if (!error) error = produce(envelope, slot);
  if (error) return false;
  rd_kafka_flush(client_->c(), kAloneMs);
  return true;
}

void KafkaProducer::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  const Slot slot = *static_cast<const Slot*>(message->_private);
  KafkaProducer& self = *slot.flight->producer;
  self.answer(slot, message->err, message->len, false);
  self.under_way_--;
}

// `local`: librdkafka refused it before it was in any batch.
void KafkaProducer::answer(const Slot& slot, rd_kafka_resp_err_t error, size_t bytes, bool local) {
  Flight& flight = *slot.flight;
  nek_result& result = flight.results[slot.row];
  result = {NEK_DELIVERED, {}};
  if (error) {
    if (is_fatal(error)) broken_ = true;
    std::string reason;
    result.verdict = is_final(error) ? NEK_REJECT : NEK_AGAIN;
    if (may_be_of_another(error) && !local && !slot.alone) {
      result.verdict = NEK_AGAIN;
      reason = "a message of the batch is refused";
      const std::lock_guard lock(suspects_mutex_);
      suspects_.insert(slot.record);
      has_suspects_ = true;
    } else if (is_too_large(error)) {
      reason = "too_large: " + std::to_string(bytes) +
               " bytes; see message.max.bytes here and of the topic";
      too_large_.add();
    } else {
      reason = std::string(is_final(error) ? "kafka: " : "") + rd_kafka_err2str(error);
    }
    const std::lock_guard lock(flight.mutex);
    result.reason = to_text(flight.reasons.emplace_back(std::move(reason)));
  }
  finish(flight, 1);
}

void KafkaProducer::finish(Flight& flight, uint32_t answered) {
  if (flight.left.fetch_sub(answered, std::memory_order_acq_rel) != answered) return;
  const std::unique_ptr<Flight> owned(&flight);
  nek_outcome outcome{};
  outcome.size = sizeof outcome;
  outcome.records = flight.results.data();
  host_.c()->complete(flight.token, &outcome);
}

}  // namespace nek
