// SPDX-License-Identifier: Apache-2.0
// What goes in front of a record's bytes while it waits to be sent: all that its message will have.
// A dead letter keeps nothing else, so it does not depend on what the options say later. It is
// text, which people can read:
//
//   nek2 ID LINE_BREAK HEADERS TOPIC KEY {NAME VALUE}...\n
//     ID          32 digits
//     LINE_BREAK  bytes at the end of the record that are not sent
//     HEADERS     how many
//     TOPIC, KEY, NAME, VALUE   size ':' bytes, or '-' for none
//
//   "nek2 0123...ef 1 1 5:flows - 2:to 9:192.0.2.1\n"
//
// Before it had "nek2" it had no LINE_BREAK, HEADERS and NAME: "nek ID TOPIC KEY\n" is still read.
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
  struct Header {
    std::string_view name;
    std::optional<std::string_view> value;
  };
  std::string_view id;  // its digits; empty: a record without one
  std::string_view topic;
  std::optional<std::string_view> key;
  std::vector<Header> headers;
  std::string_view payload;  // without the line break
};

// Topic, key, and a name and value for each header follow as fields.
void begin_envelope(std::string& to, const nek_id& id, size_t line_break, size_t headers);
void add_field(std::string& to, std::optional<std::string_view> value);
void end_envelope(std::string& to);

// NULL, or what is wrong.
const char* open_envelope(std::string_view bytes, Envelope& to);

}  // namespace nek
