// SPDX-License-Identifier: Apache-2.0
// Hosts: which of several servers gets the next request. They take turns; one that failed is left
// alone for a while, the longer the more often it failed, and is then tried with one request.
// Not thread-safe: the client's thread alone uses it.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace nek {

class Hosts {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Hosts(size_t count) : hosts_(count) {}

  // There is always one: where none is well, the one that has been left alone longest.
  size_t pick(Clock::time_point now);
  void good(size_t host);
  void failed(size_t host, Clock::time_point now);
  // A request ended that says nothing about the host.
  void ended(size_t host) { hosts_[host].tried = false; }
  // Whether a request that failed may go to another one at once.
  bool any_well(Clock::time_point now) const;

 private:
  struct Host {
    uint32_t failures = 0;  // in a row
    Clock::time_point until{};
    bool tried = false;  // the one request after a pause is in flight
  };
  bool is_well(const Host& host, Clock::time_point now) const {
    return host.failures == 0 || (host.until <= now && !host.tried);
  }
  std::vector<Host> hosts_;
  size_t next_ = 0;
};

}  // namespace nek
