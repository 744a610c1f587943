// SPDX-License-Identifier: Apache-2.0
// What is counted of a tracked source besides its pairs: top ports, sample hosts, open ports.
// Thread-safe: functions without state.
#pragma once
#include <cstdint>

#include "records.h"

namespace nek::scan {

// The most frequent ports, by Space-Saving: a new one takes the place of the rarest.
void count_port(Tracked& source, uint16_t port, Protocol protocol);
bool is_top_port(const Tracked& source, uint16_t port, Protocol protocol);

// Hosts with the lowest hashes: the same ones whatever the order. True: the host at `slot` is to be
// set to the one with this hash.
bool sample_host(Tracked& source, uint32_t hash, uint8_t& slot);
bool is_sample_host(const Tracked& source, uint32_t hash);

// True: it was not known, and there was room. `at`: where it is; not set where there was no room.
bool add_open_port(Tracked& source, const Endpoint& port, uint8_t& at);
// True as above, for pairs that a connection was told of.
bool add_connected(Tracked& source, uint32_t pair);

}  // namespace nek::scan
