// SPDX-License-Identifier: Apache-2.0
// Letter: one dead letter as its line says, read back so that it can be counted, shown and
// replayed. docs/state-format.md specifies the lines. Thread-safe: plain data and functions without
// state.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nek/plugin.h"
#include "util/hash.h"

namespace nek {

using LetterJson = nlohmann::ordered_json;

// Names of the column types in dead letters: they are on disk and never change. Empty: none.
std::string_view letter_type_name(nek_type type);
nek_type parse_letter_type(std::string_view name);  // 0: no type is called so

// Text as it is where it is text; bytes that are none as hexadecimal digits under KEY_hex.
void put_bytes(LetterJson& to, const std::string& key, std::string_view bytes);
// What put_bytes() wrote; none where there is neither key, or it holds something else.
std::optional<std::string> get_bytes(const LetterJson& from, const std::string& key);

std::string hex(std::string_view bytes);

// What decoding the records of a source takes beside their bytes. A line of the file of sources.
struct LetterSource {
  std::string input, key, identity;
  bool messages = false;
  std::string head;
  Hash128 name() const;  // of input, key and identity
};
std::string line_of_source(const LetterSource& source);
std::optional<LetterSource> parse_letter_source(std::string_view line);

struct Letter {
  enum class Payload : uint8_t { kNone, kRaw, kRecord, kEncoded };
  // Columns of a record, or those that its message brought: values and types by name.
  struct Columns {
    LetterJson values, types;
  };
  std::string component, reason;
  std::string stream;  // by which it came there; empty: the only one
  Payload payload = Payload::kNone;
  std::string bytes;                    // raw or encoded
  Columns record;                       // derived
  Columns message;                      // raw: may be empty
  std::optional<nek_id> id;             // raw and derived
  std::string input, source, identity;  // raw
  std::string name;                     // of the source, for people
  nek_id message_id{};                  // the message's own; all 0: none
  uint64_t position = 0;                // of the record in its source, or of its message
  uint64_t offset = 0;                  // of the record in its message
  uint64_t line = 0;                    // 0: none
};
// None where the line is no dead letter.
std::optional<Letter> parse_letter(std::string_view line);

}  // namespace nek
