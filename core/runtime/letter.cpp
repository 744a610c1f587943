// SPDX-License-Identifier: Apache-2.0
#include "runtime/letter.h"

#include <array>
#include <cstring>

#include "nek/text.hpp"

namespace nek {
namespace {

constexpr std::array<std::string_view, 11> kTypeNames = {
    "",     "bool", "int64", "uint64",    "double",   "time",
    "text", "json", "list",  "dict_text", "dict_list"};

LetterJson parse(std::string_view line) {
  return LetterJson::parse(line, nullptr, /*allow_exceptions=*/false);
}

std::optional<int> digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return std::nullopt;
}

std::optional<std::string> parse_hex(std::string_view digits) {
  if (digits.size() % 2) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    const auto high = digit(digits[i]), low = digit(digits[i + 1]);
    if (!high || !low) return std::nullopt;
    bytes.push_back(static_cast<char>(*high * 16 + *low));
  }
  return bytes;
}

std::optional<std::string> text_at(const LetterJson& from, const std::string& key) {
  const auto at = from.find(key);
  if (at == from.end() || !at->is_string()) return std::nullopt;
  return at->get<std::string>();
}

std::optional<uint64_t> number_at(const LetterJson& from, const std::string& key) {
  const auto at = from.find(key);
  if (at == from.end() || !at->is_number_unsigned()) return std::nullopt;
  return at->get<uint64_t>();
}

std::optional<nek_id> id_at(const LetterJson& from, const std::string& key) {
  const auto digits = text_at(from, key);
  const auto bytes = digits ? parse_hex(*digits) : std::nullopt;
  nek_id id;
  if (!bytes || bytes->size() != sizeof id) return std::nullopt;
  std::memcpy(id.bytes, bytes->data(), sizeof id);
  return id;
}

// Each value has a type that there is.
std::optional<Letter::Columns> columns_at(const LetterJson& from, const std::string& key) {
  const auto values = from.find(key), types = from.find(key + "_types");
  if (values == from.end() || !values->is_object()) return std::nullopt;
  if (types == from.end() || !types->is_object()) return std::nullopt;
  for (const auto& [name, value] : values->items()) {
    const auto type = text_at(*types, name);
    if (!type || !parse_letter_type(*type)) return std::nullopt;
  }
  return Letter::Columns{*values, *types};
}

bool read_raw(const LetterJson& from, Letter& letter) {
  const auto source = get_bytes(from, "source");
  const auto position = number_at(from, "position");
  if (!source || !position) return false;
  letter.source = *source;
  letter.position = *position;
  letter.identity = get_bytes(from, "identity").value_or(letter.source);
  letter.name = get_bytes(from, "name").value_or(letter.source);
  letter.input = text_at(from, "input").value_or(letter.component);
  letter.offset = number_at(from, "offset").value_or(0);
  letter.line = number_at(from, "line").value_or(0);
  if (!from.contains("message")) return true;
  const auto message = columns_at(from, "message");
  if (message) letter.message = *message;
  return message.has_value();
}

}  // namespace

std::string_view letter_type_name(nek_type type) {
  return type < kTypeNames.size() ? kTypeNames[type] : std::string_view();
}

nek_type parse_letter_type(std::string_view name) {
  for (nek_type type = NEK_BOOL; type < kTypeNames.size(); type++)
    if (kTypeNames[type] == name) return type;
  return 0;
}

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    out.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return out;
}

void put_bytes(LetterJson& to, const std::string& key, std::string_view bytes) {
  if (valid_utf8(bytes))
    to[key] = std::string(bytes);
  else
    to[key + "_hex"] = hex(bytes);
}

std::optional<std::string> get_bytes(const LetterJson& from, const std::string& key) {
  if (auto text = text_at(from, key)) return text;
  const auto digits = text_at(from, key + "_hex");
  return digits ? parse_hex(*digits) : std::nullopt;
}

// ---- Sources ------------------------------------------------------------------------------------

Hash128 LetterSource::name() const {
  std::string all = input;
  all.append(1, '\0').append(key).append(1, '\0').append(identity);
  return hash128(all);
}

std::string line_of_source(const LetterSource& source) {
  LetterJson line;
  line["input"] = source.input;
  put_bytes(line, "source", source.key);
  put_bytes(line, "identity", source.identity);
  line["messages"] = source.messages;
  put_bytes(line, "head", source.head);
  return line.dump(-1, ' ', false, LetterJson::error_handler_t::replace);
}

std::optional<LetterSource> parse_letter_source(std::string_view line) {
  const LetterJson from = parse(line);
  if (!from.is_object()) return std::nullopt;
  const auto input = text_at(from, "input");
  const auto key = get_bytes(from, "source"), identity = get_bytes(from, "identity"),
             head = get_bytes(from, "head");
  const auto messages = from.find("messages");
  if (!input || !key || !identity || !head || messages == from.end() || !messages->is_boolean())
    return std::nullopt;
  return LetterSource{*input, *key, *identity, messages->get<bool>(), *head};
}

// ---- Letters ------------------------------------------------------------------------------------

std::optional<Letter> parse_letter(std::string_view line) {
  const LetterJson from = parse(line);
  if (!from.is_object()) return std::nullopt;
  Letter letter;
  const auto component = text_at(from, "component"), reason = text_at(from, "reason");
  if (!component || !reason) return std::nullopt;
  letter.component = *component;
  letter.reason = *reason;
  letter.stream = text_at(from, "stream").value_or("");
  letter.id = id_at(from, "id");
  if (from.contains("id") && !letter.id) return std::nullopt;
  if (from.contains("message_id")) {
    const auto id = id_at(from, "message_id");
    if (!id) return std::nullopt;
    letter.message_id = *id;
  }
  if (const auto raw = get_bytes(from, "raw")) {
    letter.payload = Letter::Payload::kRaw;
    letter.bytes = *raw;
    return read_raw(from, letter) ? std::optional(letter) : std::nullopt;
  }
  if (const auto encoded = get_bytes(from, "encoded")) {
    letter.payload = Letter::Payload::kEncoded;
    letter.bytes = *encoded;
  } else if (const auto record = columns_at(from, "record")) {
    letter.payload = Letter::Payload::kRecord;
    letter.record = *record;
  }
  return letter;
}

}  // namespace nek
