// SPDX-License-Identifier: Apache-2.0
#include "tracked.h"

#include <algorithm>
#include <cstring>

namespace nek::scan {
namespace {

PortCount* find_port(PortCount* ports, uint8_t used, uint16_t port, Protocol protocol) {
  PortCount* end = ports + used;
  PortCount* at = std::find_if(
      ports, end, [&](const PortCount& p) { return p.port == port && p.protocol == protocol; });
  return at == end ? nullptr : at;
}

}  // namespace

void count_port(Tracked& source, uint16_t port, Protocol protocol) {
  if (PortCount* known = find_port(source.ports, source.ports_used, port, protocol)) {
    known->count++;
  } else if (source.ports_used < kTopPorts) {
    source.ports[source.ports_used++] = {1, port, protocol, 0};
  } else {
    PortCount& rarest =
        *std::min_element(source.ports, source.ports + kTopPorts,
                          [](const PortCount& a, const PortCount& b) { return a.count < b.count; });
    rarest = {rarest.count + 1, port, protocol, 0};
  }
}

bool is_top_port(const Tracked& source, uint16_t port, Protocol protocol) {
  return find_port(const_cast<PortCount*>(source.ports), source.ports_used, port, protocol);
}

bool sample_host(Tracked& source, uint32_t hash, uint8_t& slot) {
  if (is_sample_host(source, hash)) return false;
  if (source.hosts_used < kSampleHosts) {
    slot = source.hosts_used++;
  } else {
    const uint32_t* greatest =
        std::max_element(source.host_hashes, source.host_hashes + kSampleHosts);
    if (hash > *greatest) return false;
    slot = static_cast<uint8_t>(greatest - source.host_hashes);
  }
  source.host_hashes[slot] = hash;
  return true;
}

bool is_sample_host(const Tracked& source, uint32_t hash) {
  const uint32_t* end = source.host_hashes + source.hosts_used;
  return std::find(source.host_hashes, end, hash) != end;
}

bool add_open_port(Tracked& source, const Endpoint& port, uint8_t& at) {
  for (uint8_t i = 0; i < source.open_used; i++) {
    if (std::memcmp(&source.open[i], &port, sizeof port) != 0) continue;
    at = i;
    return false;
  }
  if (source.open_used == kOpenPorts) return false;
  at = source.open_used++;
  source.open[at] = port;
  return true;
}

bool add_connected(Tracked& source, uint32_t pair) {
  uint32_t* end = source.connected + source.connected_used;
  if (std::find(source.connected, end, pair) != end) return false;
  if (source.connected_used == kConnections) return false;
  source.connected[source.connected_used++] = pair;
  return true;
}

}  // namespace nek::scan
