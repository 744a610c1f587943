// SPDX-License-Identifier: Apache-2.0
#include "envelope.h"

#include <charconv>
#include <cstring>

#include "kafka/record_id.h"

namespace nek {
namespace {

constexpr std::string_view kBegin = "nek2 ", kBeginBefore = "nek ";
constexpr const char* kBroken = "what stands in front of the record cannot be read";

bool is_none(const nek_id& id) {
  static constexpr nek_id kNone{};
  return std::memcmp(&id, &kNone, sizeof id) == 0;
}

void add_number(std::string& to, size_t number) {
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  to.append(digits, static_cast<size_t>(end - digits));
}

bool take(std::string_view& rest, char c) {
  if (!rest.starts_with(c)) return false;
  rest.remove_prefix(1);
  return true;
}

// As add_number writes it, and no other way.
bool take_number(std::string_view& rest, size_t& number) {
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  const auto digits = static_cast<size_t>(end - rest.data());
  if (error != std::errc() || (digits > 1 && rest.front() == '0')) return false;
  rest.remove_prefix(digits);
  return true;
}

bool take_field(std::string_view& rest, std::optional<std::string_view>& value) {
  if (!take(rest, ' ')) return false;
  value.reset();
  if (take(rest, '-')) return true;
  size_t size = 0;
  if (!take_number(rest, size) || !take(rest, ':') || rest.size() < size) return false;
  value = rest.substr(0, size);
  rest.remove_prefix(size);
  return true;
}
bool take_field(std::string_view& rest, std::string_view& value) {
  std::optional<std::string_view> found;
  if (!take_field(rest, found) || !found) return false;
  value = *found;
  return true;
}

bool take_id(std::string_view& rest, std::string_view& id) {
  id = rest.substr(0, kRecordIdDigits);
  if (id.size() < kRecordIdDigits) return false;
  rest.remove_prefix(kRecordIdDigits);
  if (parse_record_id(id)) return true;
  const bool none = id.find_first_not_of('0') == std::string_view::npos;
  id = {};
  return none;
}

}  // namespace

void begin_envelope(std::string& to, const nek_id& id, size_t line_break, size_t headers) {
  to += kBegin;
  const size_t at = to.size();
  to.resize(at + kRecordIdDigits, '0');
  if (!is_none(id)) write_record_id(to.data() + at, id);
  to += ' ';
  add_number(to, line_break);
  to += ' ';
  add_number(to, headers);
}

void add_field(std::string& to, std::optional<std::string_view> value) {
  if (!value) {
    to += " -";
    return;
  }
  to += ' ';
  add_number(to, value->size());
  to += ':';
  to += *value;
}

void end_envelope(std::string& to) { to += '\n'; }

namespace {

// Of an older nek, whose records ended with a line break that was not sent.
const char* open_older(std::string_view bytes, Envelope& to) {
  bytes.remove_prefix(kBeginBefore.size());
  if (!take_id(bytes, to.id) || !take_field(bytes, to.topic) || !take_field(bytes, to.key))
    return kBroken;
  if (bytes.starts_with(' '))
    return "it is of an older nek, which did not write down what its headers are called";
  if (!take(bytes, '\n')) return kBroken;
  to.headers.clear();
  to.payload = bytes.substr(0, bytes.size() - (bytes.ends_with('\n') ? 1 : 0));
  return nullptr;
}

}  // namespace

const char* open_envelope(std::string_view bytes, Envelope& to) {
  if (bytes.starts_with(kBeginBefore)) return open_older(bytes, to);
  if (!bytes.starts_with(kBegin)) return kBroken;
  bytes.remove_prefix(kBegin.size());
  size_t line_break = 0, headers = 0;
  const bool begins = take_id(bytes, to.id) && take(bytes, ' ') && take_number(bytes, line_break) &&
                      take(bytes, ' ') && take_number(bytes, headers) &&
                      take_field(bytes, to.topic) && take_field(bytes, to.key);
  if (!begins) return kBroken;
  to.headers.clear();
  for (size_t i = 0; i < headers; i++) {
    Envelope::Header header;
    if (!take_field(bytes, header.name) || !take_field(bytes, header.value)) return kBroken;
    to.headers.push_back(header);
  }
  if (!take(bytes, '\n') || bytes.size() < line_break) return kBroken;
  to.payload = bytes.substr(0, bytes.size() - line_break);
  return nullptr;
}

}  // namespace nek
