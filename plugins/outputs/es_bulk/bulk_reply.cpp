// SPDX-License-Identifier: Apache-2.0
#include "bulk_reply.h"

#include "nek/text.hpp"

namespace nek {
namespace {

const JsonMember* find(const JsonReader& reader, std::string_view key) {
  for (const JsonMember& member : reader.members())
    if (member.key == key) return &member;
  return nullptr;
}

std::string text_of(const JsonMember* member) {
  return member && member->kind == JsonKind::kText ? unescape_json(member->value) : std::string();
}

bool is_object(const JsonMember* member) {
  return member && member->kind == JsonKind::kOther && member->value.starts_with('{');
}

std::string_view skip(std::string_view text) {
  const size_t at = text.find_first_not_of(" \n\r\t,");
  return at == std::string_view::npos ? std::string_view() : text.substr(at);
}

}  // namespace

bool BulkReply::read(std::string_view body, const OnItem& item) {
  items_ = 0;
  problem_.clear();
  if (!reader_.read_object(body)) return fail(reader_.problem());
  const JsonMember* items = find(reader_, "items");
  if (!items) return fail("it has no items");
  const bool array = items->kind == JsonKind::kOther && items->value.starts_with('[');
  if (items->value == "[]") return true;
  if (!array) return fail("its items are no list");
  return read_items(items->value.substr(1, items->value.size() - 2), item);
}

// The grammar of the whole was checked.
bool BulkReply::read_items(std::string_view array, const OnItem& item) {
  std::string_view good;  // the text of an item that went well
  for (array = skip(array); !array.empty(); items_++) {
    if (!good.empty() && array.starts_with(good)) {
      array.remove_prefix(good.size());
      if (array.starts_with(',')) array.remove_prefix(1);
      continue;
    }
    if (!outer_.read_object(array)) return fail("an item is no object");
    const size_t size = outer_.position();
    BulkItem found;
    if (!read_item(array.substr(0, size), found)) return false;
    if (found.status / 100 == 2 && !found.failure_store)
      good = array.substr(0, size);
    else
      item(items_, found);
    array = skip(array.substr(size));
  }
  return true;
}

// {"create": {"status": 400, "error": {"type": ..., "reason": ..., "caused_by": {...}}}}
bool BulkReply::read_item(std::string_view object, BulkItem& item) {
  if (!outer_.read_object(object) || outer_.members().size() != 1 ||
      !is_object(&outer_.members()[0]))
    return fail("an item is not {action: {...}}");
  if (!inner_.read_object(outer_.members()[0].value)) return fail("an item cannot be read");
  const JsonMember* status = find(inner_, "status");
  const auto number = status && status->kind == JsonKind::kNumber
                          ? parse_number<uint32_t>(status->value)
                          : std::nullopt;
  if (!number) return fail("an item has no status");
  item.status = *number;
  item.failure_store = text_of(find(inner_, "failure_store")) == "used";
  if (const JsonMember* error = find(inner_, "error")) read_error(error->value, item);
  return true;
}

void BulkReply::read_error(std::string_view value, BulkItem& item) {
  if (!value.starts_with('{') || !error_.read_object(value)) {
    item.reason = unescape_json(value);  // old servers send a text
    return;
  }
  item.type = text_of(find(error_, "type"));
  item.reason = text_of(find(error_, "reason"));
  const JsonMember* cause = find(error_, "caused_by");
  if (!is_object(cause)) return;
  const std::string_view below = cause->value;
  if (!error_.read_object(below)) return;
  const std::string why = text_of(find(error_, "reason"));
  if (!why.empty()) item.reason += ": " + why;
}

BulkItem request_error(std::string_view body) {
  BulkItem found;
  JsonReader reader;
  if (!reader.read_object(body)) return found;
  const JsonMember* error = find(reader, "error");
  if (!error) return found;
  if (error->kind == JsonKind::kText) {
    found.reason = unescape_json(error->value);
    return found;
  }
  if (!is_object(error)) return found;
  const std::string_view value = error->value;
  if (!reader.read_object(value)) return found;
  found.type = text_of(find(reader, "type"));
  found.reason = text_of(find(reader, "reason"));
  return found;
}

}  // namespace nek
