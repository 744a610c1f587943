// SPDX-License-Identifier: Apache-2.0
#include "producer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "kafka/record_id.h"

namespace nek {
namespace {

constexpr int kPollMs = 100;

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
bool is_of_batch(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_INVALID_RECORD || error == RD_KAFKA_RESP_ERR_INVALID_MSG;
}
bool is_fatal(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__FATAL || error == RD_KAFKA_RESP_ERR__INCONSISTENT;
}

size_t size_of(const KafkaConf& conf, const char* name) {
  const std::string text = conf.get(name);
  size_t size = 0;
  std::from_chars(text.data(), text.data() + text.size(), size);
  return size;
}

uint32_t bytes_of(const Envelope& envelope) {
  size_t bytes = envelope.payload.size() + envelope.key.value_or("").size() + envelope.id.size();
  for (const auto& [name, value] : envelope.headers)
    bytes += name.size() + value.value_or("").size();
  return static_cast<uint32_t>(bytes);
}

// nullptr: it has none.
rd_kafka_headers_t* headers_of(const Envelope& envelope) {
  if (envelope.id.empty() && envelope.headers.empty()) return nullptr;
  rd_kafka_headers_t* headers = rd_kafka_headers_new(1 + envelope.headers.size());
  if (!envelope.id.empty())
    rd_kafka_header_add(headers, kRecordIdHeader, -1, envelope.id.data(),
                        static_cast<ssize_t>(envelope.id.size()));
  for (const auto& [name, value] : envelope.headers)
    if (value)
      rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value->data(),
                          static_cast<ssize_t>(value->size()));
  return headers;
}

}  // namespace

KafkaProducer::KafkaProducer(Host host, Configure configure, int alone_ms)
    : host_(host),
      configure_(std::move(configure)),
      alone_ms_(alone_ms),
      metrics_(host, KafkaMetrics::Role::kProducer),
      too_large_(host.counter("too_large", "Records that no broker would take for their size.")) {}

Status KafkaProducer::open() {
  auto conf = configure_();
  if (!conf.ok()) return conf.status();
  batch_bytes_ = std::min(size_of(*conf, "batch.size"), size_of(*conf, "message.max.bytes"));
  if (wanted_batch_bytes_ < batch_bytes_) batch_bytes_ = wanted_batch_bytes_;
  Status status = conf->set("batch.size", std::to_string(batch_bytes_));
  if (!status.ok()) return status;
  rd_kafka_conf_set_dr_msg_cb(conf->c(), on_delivery);
  client_ = std::make_unique<KafkaClient>(host_,
                                          [this](std::string_view json) { metrics_.update(json); });
  status = client_->open(RD_KAFKA_PRODUCER, std::move(*conf), this);
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

// Else says why not yet.
Status KafkaProducer::make_ready() {
  if (!broken_ && wanted_batch_bytes_ >= batch_bytes_) return {};
  if (broken_) {
    host_.log(NEK_WARN, "the brokers have lost track of what was sent: begins anew");
  } else {
    const std::string refused =
        "a topic takes no batch of " + std::to_string(batch_bytes_) + " bytes: ";
    if (!all_is_answered())
      return retry(refused + "before they are smaller, the brokers must answer what was sent");
    host_.log(NEK_INFO, refused + "they are of " + std::to_string(wanted_batch_bytes_) +
                            " at most from now on");
    broken_ = true;  // ends the poller
  }
  return revive();
}

// What is under way: so nothing of it is sent twice. What waits for a partition without a leader
// would hold up all topics: it is given back.
bool KafkaProducer::all_is_answered() {
  if (!rd_kafka_flush(client_->c(), alone_ms_)) return true;
  rd_kafka_purge(client_->c(), RD_KAFKA_PURGE_F_QUEUE);
  return !rd_kafka_flush(client_->c(), alone_ms_);
}

Status KafkaProducer::revive() {
  if (poller_.joinable()) poller_.join();
  topics_.clear();
  client_.reset();
  broken_ = false;
  Status status = open();
  broken_ = !status.ok();
  return status;
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
  const std::string_view payload = envelope.payload;
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
  rd_kafka_headers_t* const headers = headers_of(envelope);
  if (headers) add(RD_KAFKA_VTYPE_HEADERS).u.headers = headers;
  add(RD_KAFKA_VTYPE_OPAQUE).u.ptr = &slot;
  rd_kafka_error_t* error = rd_kafka_produceva(client_->c(), all.data(), count);
  if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
  if (headers) rd_kafka_headers_destroy(headers);
  // A fatal one bears the code of what it came from.
  const auto code =
      rd_kafka_error_is_fatal(error) ? RD_KAFKA_RESP_ERR__FATAL : rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  return code;
}

void KafkaProducer::send(nek_token* token, std::span<const nek_record> records) {
  if (const Status status = make_ready(); !status.ok()) {
    Outcome again;
    again.verdict = NEK_AGAIN;
    again.reason = status.message();
    return host_.complete(token, again);
  }
  const auto count = static_cast<uint32_t>(records.size());
  auto* flight = new Flight{this, token, {count + 1}, {false}, {}, {}, {}, {}};
  flight->slots.resize(count);
  flight->results.resize(count);
  for (uint32_t row = 0; row < count; row++) {
    Slot& slot = flight->slots[row];
    slot = {flight, row, records[row].data, 0, false};
    const char* wrong = open_envelope(
        {reinterpret_cast<const char*>(records[row].data), records[row].size}, envelope_);
    if (wrong) {
      settle(slot, NEK_REJECT, std::string("envelope: ") + wrong);
      continue;
    }
    slot.bytes = bytes_of(envelope_);
    under_way_++;
    rd_kafka_resp_err_t error{};
    if (has_suspects_ && is_suspect(slot.record)) {
      if (produce_alone(envelope_, slot, error)) continue;
    } else {
      error = produce(envelope_, slot);
      if (!error) continue;
    }
    under_way_--;
    answer(slot, error, true);
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
  slot.alone = all_is_answered();
  error = slot.alone ? produce(envelope, slot) : RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (error) return false;
  // What is not in a batch yet by then would be in one with others.
  if (rd_kafka_flush(client_->c(), alone_ms_)) rd_kafka_purge(client_->c(), RD_KAFKA_PURGE_F_QUEUE);
  return true;
}

void KafkaProducer::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  const Slot slot = *static_cast<const Slot*>(message->_private);
  KafkaProducer& self = *slot.flight->producer;
  self.answer(slot, message->err, false);
  self.under_way_--;
}

// `local`: librdkafka refused it before it was in any batch.
void KafkaProducer::answer(const Slot& slot, rd_kafka_resp_err_t error, bool local) {
  if (!error) return settle(slot, NEK_DELIVERED, {});
  if (is_fatal(error)) broken_ = true;
  if (!local && may_be_of_another(slot, error))
    return settle(slot, NEK_AGAIN, "a message of the batch is refused");
  if (is_too_large(error)) {
    too_large_.add();
    return settle(slot, NEK_REJECT,
                  "too_large: " + std::to_string(slot.bytes) +
                      " bytes; see message.max.bytes here and of the topic");
  }
  if (is_final(error))
    return settle(slot, NEK_REJECT, std::string("kafka: ") + rd_kafka_err2str(error));
  settle(slot, NEK_AGAIN, rd_kafka_err2str(error));
}

// Whether the refusal is of the whole batch, which may have others; sees to it that the next time
// tells more.
bool KafkaProducer::may_be_of_another(const Slot& slot, rd_kafka_resp_err_t error) {
  if (is_too_large(error)) {
    // Halved until it passes, or the message is too large for a batch with others. That is never
    // less than half of what the topic takes.
    if (slot.bytes >= batch_bytes_) return false;
    wanted_batch_bytes_ = std::max<size_t>(batch_bytes_ / 2, 1);
    slot.flight->soon = true;
    return true;
  }
  if (!is_of_batch(error) || slot.alone) return false;
  const std::lock_guard lock(suspects_mutex_);
  suspects_.insert(slot.record);
  has_suspects_ = true;
  return true;
}

void KafkaProducer::settle(const Slot& slot, uint32_t verdict, std::string reason) {
  Flight& flight = *slot.flight;
  nek_result& result = flight.results[slot.row];
  result = {verdict, {}};
  if (!reason.empty()) {
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
  outcome.after_ms = flight.soon ? 1 : 0;
  host_.c()->complete(flight.token, &outcome);
}

}  // namespace nek
