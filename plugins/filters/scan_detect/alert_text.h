// SPDX-License-Identifier: Apache-2.0
// Alerts as people and other programs read them: names, texts and ids, and the columns of the
// stream `alerts` with the names of the Elastic Common Schema.
// Thread-safe: functions without state.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "detector.h"
#include "nek/plugin.hpp"

namespace nek::scan {

std::string_view name_of(Type type);
std::string_view name_of(Direction direction);  // as network.direction
std::string_view name_of(Action action);

// "203.0.113.9"; of an IPv6 source the address that was seen first in its /64.
std::string address_text(const Endpoint& endpoint);
std::string source_text(const Tracked& source);
// "203.0.113.9:22/tcp", "[2001:db8::1]:53/udp", "203.0.113.9/icmp"
std::string endpoint_text(const Endpoint& endpoint);
std::string country_text(const Tracked& source);

nek_id scan_id(const Tracked& source);
nek_id event_id(const Alert& alert);
std::string hex(const nek_id& id);

// The table of the greatest scanners, for the end of a run.
// no_flags: TCP flows of the run without flags.
void write_summary(const Detector& detector, uint64_t no_flags, Summary& to);

std::vector<Field> alert_fields();
// Alerts as records of the stream; all ids are made of content.
void derive_alerts(const Call& call, uint32_t stream, const std::vector<Alert>& alerts,
                   uint32_t sampling_rate);

}  // namespace nek::scan
