// SPDX-License-Identifier: Apache-2.0
#include "envelope.h"

#include <charconv>
#include <cstring>

#include "kafka/record_id.h"

namespace nek {
namespace {

constexpr std::string_view kBegin = "nek ";

bool is_none(const nek_id& id) {
  static constexpr nek_id kNone{};
  return std::memcmp(&id, &kNone, sizeof id) == 0;
}

std::optional<std::string_view> take_field(std::string_view& rest) {
  rest.remove_prefix(1);
  if (rest.front() == '-') {
    rest.remove_prefix(1);
    return std::nullopt;
  }
  size_t size = 0;
  const char* end = std::from_chars(rest.data(), rest.data() + rest.size(), size).ptr;
  rest.remove_prefix(static_cast<size_t>(end - rest.data()) + 1);
  const std::string_view value = rest.substr(0, size);
  rest.remove_prefix(size);
  return value;
}

}  // namespace

void begin_envelope(std::string& to, const nek_id& id) {
  to += kBegin;
  const size_t at = to.size();
  to.resize(at + kRecordIdDigits, '0');
  if (!is_none(id)) write_record_id(to.data() + at, id);
}

void add_field(std::string& to, std::optional<std::string_view> value) {
  if (!value) {
    to += " -";
    return;
  }
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof digits, value->size()).ptr;
  to += ' ';
  to.append(digits, static_cast<size_t>(end - digits));
  to += ':';
  to += *value;
}

void end_envelope(std::string& to) { to += '\n'; }

void open_envelope(std::string_view bytes, size_t header_count, Envelope& to) {
  bytes.remove_prefix(kBegin.size());
  to.id = bytes.substr(0, kRecordIdDigits);
  if (to.id.find_first_not_of('0') == std::string_view::npos) to.id = {};
  bytes.remove_prefix(kRecordIdDigits);
  to.topic = take_field(bytes).value_or(std::string_view());
  to.key = take_field(bytes);
  to.headers.clear();
  for (size_t i = 0; i < header_count; i++) to.headers.push_back(take_field(bytes));
  to.payload = bytes.substr(1);
}

}  // namespace nek
