// SPDX-License-Identifier: Apache-2.0
// What goes in front of a record's bytes while it waits to be sent: id, topic, key and headers.
// It is text, so that a dead letter can be read:
//
//   nek 32 digits of the id, then a field for the topic, the key and each header, then \n
//   field: ' ' size ':' bytes, or " -" for none     "nek 0123...ef 5:flows 9:192.0.2.1 -\n"
//
// Thread-safe: functions without state.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nek/plugin.h"

namespace nek {

struct Envelope {
  std::string_view id;  // its digits; empty: a record without one
  std::string_view topic;
  std::optional<std::string_view> key;
  std::vector<std::optional<std::string_view>> headers;
  std::string_view payload;
};

void begin_envelope(std::string& to, const nek_id& id);
void add_field(std::string& to, std::optional<std::string_view> value);
void end_envelope(std::string& to);

// Of bytes that begin_envelope and so on have written. `header_count`: as many as were added.
void open_envelope(std::string_view bytes, size_t header_count, Envelope& to);

}  // namespace nek
