// SPDX-License-Identifier: Apache-2.0
// Client: _bulk requests in flight, on one thread of its own, each to whichever host is well.
// Thread-safe: send() by one thread, everything else happens on the client's own.
#pragma once
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "connection.h"
#include "hosts.h"
#include "nek/plugin.h"
#include "nek/services.hpp"
#include "verdicts.h"

namespace nek {

struct ClientConfig {
  std::string path;  // of _bulk requests, with their parameters
  bool gzip = false;
  bool create = true;
  // Run before the first request, again until it succeeds; its message is why the records wait.
  std::function<Status(const Stop& stop)> prepare;
};

class Client {
 public:
  Client(Host host, const Connection& connection, ClientConfig config);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void start();
  // What is in flight ends with NEK_AGAIN.
  void stop();
  void send(nek_token* token, std::span<const nek_record> records);

 private:
  struct Bulk {
    nek_token* token = nullptr;
    size_t count = 0, bytes = 0;  // documents; bytes of the body
    std::string packed;
    std::vector<std::string_view> body;
  };
  struct Flight {
    Bulk bulk;
    size_t host = 0;
    Connection::Transfer transfer;
  };
  struct CloseMulti {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };

  void run();
  bool prepared();
  void take();
  void begin(Bulk bulk);
  void collect();
  void end(Flight& flight, CURLcode code);
  void complete(const Bulk& bulk, const Judged& judged);
  void abandon();

  Host host_;
  const Connection& connection_;
  const ClientConfig config_;
  Verdicts verdicts_;
  Hosts hosts_;
  Metric requests_, failure_store_;
  std::unique_ptr<CURLM, CloseMulti> multi_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::deque<Bulk> queue_;
  // The thread's own:
  bool prepared_ = false;
  std::vector<std::unique_ptr<Flight>> flights_, idle_;
};

}  // namespace nek
