// SPDX-License-Identifier: Apache-2.0
#include "hosts.h"

#include <algorithm>

namespace nek {
namespace {

constexpr std::chrono::milliseconds kFirstPause{500}, kLongestPause{30000};

}  // namespace

size_t Hosts::pick(Clock::time_point now) {
  size_t chosen = next_;
  for (size_t i = 0; i < hosts_.size(); i++) {
    const size_t at = (next_ + i) % hosts_.size();
    if (is_well(hosts_[at], now)) {
      chosen = at;
      break;
    }
    if (hosts_[at].until < hosts_[chosen].until) chosen = at;
  }
  next_ = (chosen + 1) % hosts_.size();
  hosts_[chosen].tried = true;
  return chosen;
}

void Hosts::good(size_t host) { hosts_[host] = {}; }

void Hosts::failed(size_t host, Clock::time_point now) {
  Host& of = hosts_[host];
  of.tried = false;
  if (of.until > now) return;  // sent before it was known
  const auto pause = kFirstPause * (int64_t{1} << std::min(of.failures, 10u));
  of.failures++;
  of.until = now + std::min<std::chrono::milliseconds>(pause, kLongestPause);
}

bool Hosts::any_well(Clock::time_point now) const {
  return std::any_of(hosts_.begin(), hosts_.end(),
                     [&](const Host& host) { return is_well(host, now); });
}

}  // namespace nek
