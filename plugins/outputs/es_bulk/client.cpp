// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <algorithm>

#include "compress/compress.h"

namespace nek {
namespace {

constexpr int kLookMs = 1000;

// Records of a block lie one after the other: so a request has few pieces.
std::vector<std::string_view> pieces_of(std::span<const nek_record> records) {
  std::vector<std::string_view> pieces;
  for (const nek_record& record : records) {
    const auto* data = reinterpret_cast<const char*>(record.data);
    if (!pieces.empty() && pieces.back().data() + pieces.back().size() == data)
      pieces.back() = {pieces.back().data(), pieces.back().size() + record.size};
    else
      pieces.emplace_back(data, record.size);
  }
  return pieces;
}

}  // namespace

Client::Client(Host host, const Connection& connection, ClientConfig config)
    : host_(host),
      connection_(connection),
      config_(std::move(config)),
      verdicts_(config_.create),
      hosts_(connection.hosts().size()),
      requests_(host.counter("requests", "Requests to _bulk that were answered.")),
      failure_store_(host.counter("failure_store", "Documents that went to a failure store.")),
      multi_(curl_multi_init()) {}

Client::~Client() { stop(); }

void Client::start() {
  thread_ = std::thread([this] { run(); });
}

void Client::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  curl_multi_wakeup(multi_.get());
  thread_.join();
}

void Client::send(nek_token* token, std::span<const nek_record> records) {
  Bulk bulk;
  bulk.token = token;
  bulk.count = records.size();
  bulk.body = pieces_of(records);
  if (config_.gzip) {
    const Status status = append_gzip(bulk.body, bulk.packed);
    if (!status.ok())
      return host_.complete(token, {.verdict = NEK_AGAIN, .reason = status.message()});
    bulk.body.clear();
  }
  for (const std::string_view piece : bulk.body) bulk.bytes += piece.size();
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(bulk));
  }
  curl_multi_wakeup(multi_.get());
}

void Client::run() {
  while (!stopping_) {
    if (prepared()) take();
    int running = 0;
    curl_multi_perform(multi_.get(), &running);
    collect();
    if (!stopping_) curl_multi_poll(multi_.get(), nullptr, 0, kLookMs, nullptr);
  }
  abandon();
}

// Whether the first request may go out; if not, whoever waits is told why.
bool Client::prepared() {
  if (prepared_ || !config_.prepare) return true;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) return false;
  }
  const Status status = config_.prepare([this] { return stopping_.load(); });
  prepared_ = status.ok();
  if (prepared_) return true;
  std::deque<Bulk> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting.swap(queue_);
  }
  for (const Bulk& bulk : waiting)
    host_.complete(bulk.token, {.verdict = NEK_PAUSE, .reason = status.message()});
  return false;
}

void Client::take() {
  std::deque<Bulk> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(queue_);
  }
  for (Bulk& bulk : taken) begin(std::move(bulk));
}

void Client::begin(Bulk bulk) {
  if (idle_.empty()) idle_.push_back(std::make_unique<Flight>());
  std::unique_ptr<Flight> flight = std::move(idle_.back());
  idle_.pop_back();
  flight->bulk = std::move(bulk);
  if (config_.gzip) {
    flight->bulk.body = {flight->bulk.packed};
    flight->bulk.bytes = flight->bulk.packed.size();
  }
  flight->host = hosts_.pick(Hosts::Clock::now());
  HttpRequest request;
  request.method = "POST";
  request.path = config_.path;
  request.content_type = "application/x-ndjson";
  request.body = flight->bulk.body;
  request.gzip = config_.gzip;
  flight->transfer.begin(connection_, flight->host, std::move(request));
  curl_multi_add_handle(multi_.get(), flight->transfer.curl());
  flights_.push_back(std::move(flight));
}

void Client::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* curl = message->easy_handle;
    const CURLcode code = message->data.result;
    const auto at = std::find_if(flights_.begin(), flights_.end(), [&](const auto& flight) {
      return flight->transfer.curl() == curl;
    });
    curl_multi_remove_handle(multi_.get(), curl);
    std::unique_ptr<Flight> flight = std::move(*at);
    flights_.erase(at);
    end(*flight, code);
    idle_.push_back(std::move(flight));
  }
}

void Client::end(Flight& flight, CURLcode code) {
  const HttpReply reply = flight.transfer.end(code);
  Judged judged = verdicts_.judge(reply, flight.bulk.count, flight.bulk.bytes);
  if (reply.answered()) requests_.add();
  const auto now = Hosts::Clock::now();
  if (judged.host_failed) {
    hosts_.failed(flight.host, now);
    judged.outcome.reason = connection_.hosts()[flight.host] + ": " + judged.outcome.reason;
    if (hosts_.any_well(now) && judged.outcome.verdict == NEK_AGAIN) judged.outcome.after_ms = 1;
  } else if (reply.answered()) {
    hosts_.good(flight.host);
  } else {
    hosts_.ended(flight.host);
  }
  complete(flight.bulk, judged);
}

void Client::complete(const Bulk& bulk, const Judged& judged) {
  if (judged.failure_store > 0) {
    failure_store_.add(static_cast<double>(judged.failure_store));
    host_.log(NEK_WARN, std::to_string(judged.failure_store) +
                            " documents went to the failure store, not to their data stream: " +
                            judged.failure_store_why);
  }
  host_.complete(bulk.token, judged.outcome);
}

void Client::abandon() {
  const Outcome again{.verdict = NEK_AGAIN, .reason = "stopped"};
  for (const auto& flight : flights_) {
    curl_multi_remove_handle(multi_.get(), flight->transfer.curl());
    host_.complete(flight->bulk.token, again);
  }
  flights_.clear();
  idle_.clear();
  const std::lock_guard lock(mutex_);
  for (const Bulk& bulk : queue_) host_.complete(bulk.token, again);
  queue_.clear();
}

}  // namespace nek
