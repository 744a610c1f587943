// SPDX-License-Identifier: Apache-2.0
#include "mmdb.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>

#include "nek/text.hpp"

namespace nek {
namespace {

struct FreeList {
  void operator()(MMDB_entry_data_list_s* list) const { MMDB_free_entry_data_list(list); }
};
using EntryList = std::unique_ptr<MMDB_entry_data_list_s, FreeList>;

std::string_view text_of(const MMDB_entry_data_s& data) {
  return {data.utf8_string, data.data_size};
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(separator, at), text.size());
    parts.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::string number_text(double number) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), end};
}

std::optional<double> number_of(const Value& value) {
  const auto* number = std::get_if<double>(&value);
  return number && std::isfinite(*number) ? std::optional(*number) : std::nullopt;
}

}  // namespace

void Mmdb::Close::operator()(MMDB_s* file) const {
  MMDB_close(file);
  std::unique_ptr<MMDB_s>(file).reset();
}

Result<Mmdb> Mmdb::open(const std::string& path) {
  auto file = std::make_unique<MMDB_s>();
  errno = 0;
  const int error = MMDB_open(path.c_str(), MMDB_MODE_MMAP, file.get());
  if (error == MMDB_FILE_OPEN_ERROR || error == MMDB_IO_ERROR) {
    return fail("cannot open '" + path + "': " + std::strerror(errno));
  }
  if (error != MMDB_SUCCESS) {
    return fail("'" + path + "' is no MaxMind database, or damaged: " + MMDB_strerror(error));
  }
  // MMDB_open has checked that the tree lies within the file, and its size of records.
  return Mmdb(path, std::unique_ptr<MMDB_s, Close>(file.release()));
}

Status Mmdb::malformed(const std::string& what) const {
  return fail("'" + path_ + "' is damaged: " + what);
}

std::optional<uint32_t> Mmdb::offset(uint32_t record) const {
  static constexpr uint32_t kSeparator = 16;  // between the tree and the data
  const uint32_t at = record - node_count();
  if (at < kSeparator || at - kSeparator >= file_->data_section_size) return std::nullopt;
  return at - kSeparator;
}

Status Mmdb::check_record(uint32_t offset) const {
  MMDB_entry_s entry = {file_.get(), offset};
  MMDB_entry_data_list_s* all = nullptr;
  const int error = MMDB_get_entry_data_list(&entry, &all);
  const EntryList list(all);
  const std::string where = "record at " + std::to_string(offset) + ": ";
  if (error != MMDB_SUCCESS) return malformed(where + MMDB_strerror(error));
  for (const auto* at = list.get(); at; at = at->next) {
    const bool text = at->entry_data.type == MMDB_DATA_TYPE_UTF8_STRING;
    if (text && !valid_utf8(text_of(at->entry_data))) {
      return malformed(where + "its text is not UTF-8");
    }
  }
  return {};
}

std::string Mmdb::names(uint32_t offset) const {
  MMDB_entry_s entry = {file_.get(), offset};
  MMDB_entry_data_list_s* all = nullptr;
  if (MMDB_get_entry_data_list(&entry, &all) != MMDB_SUCCESS) return {};
  const EntryList list(all);
  if (!all || all->entry_data.type != MMDB_DATA_TYPE_MAP) return {};
  std::string names;
  const uint32_t count = all->entry_data.data_size;
  const auto* at = all->next;
  for (uint32_t i = 0; i < count && at; i++) {
    names += (i ? ", " : "") + std::string(text_of(at->entry_data));
    at = at->next;
    // Past the value, which for maps and arrays are several entries.
    for (uint64_t left = 1; left && at; left--, at = at->next) {
      if (at->entry_data.type == MMDB_DATA_TYPE_MAP) left += uint64_t{2} * at->entry_data.data_size;
      if (at->entry_data.type == MMDB_DATA_TYPE_ARRAY) left += at->entry_data.data_size;
    }
  }
  return names;
}

Result<std::optional<Value>> Mmdb::value(uint32_t offset, const std::string& path) const {
  const size_t comma = path.find(',');
  if (comma == std::string::npos) return single(offset, path);
  return point(offset, path.substr(0, comma), path.substr(comma + 1));
}

Result<std::optional<Value>> Mmdb::single(uint32_t offset, const std::string& path) const {
  const auto parts = path == "." ? std::vector<std::string>() : split(path, '.');
  std::vector<const char*> steps;
  steps.reserve(parts.size() + 1);
  for (const auto& part : parts) steps.push_back(part.c_str());
  steps.push_back(nullptr);
  MMDB_entry_s entry = {file_.get(), offset};
  MMDB_entry_data_s data;
  const int error = MMDB_aget_value(&entry, &data, steps.data());
  const bool absent = error == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR ||
                      error == MMDB_INVALID_LOOKUP_PATH_ERROR;
  if (absent || (error == MMDB_SUCCESS && !data.has_data)) return std::optional<Value>();
  if (error != MMDB_SUCCESS) return malformed(MMDB_strerror(error));
  switch (data.type) {
    case MMDB_DATA_TYPE_UTF8_STRING: return std::optional<Value>(std::string(text_of(data)));
    case MMDB_DATA_TYPE_UINT16: return std::optional<Value>(uint64_t{data.uint16});
    case MMDB_DATA_TYPE_UINT32: return std::optional<Value>(uint64_t{data.uint32});
    case MMDB_DATA_TYPE_UINT64: return std::optional<Value>(data.uint64);
    case MMDB_DATA_TYPE_INT32: return std::optional<Value>(int64_t{data.int32});
    case MMDB_DATA_TYPE_DOUBLE: return std::optional<Value>(data.double_value);
    case MMDB_DATA_TYPE_FLOAT: return std::optional<Value>(double{data.float_value});
    case MMDB_DATA_TYPE_BOOLEAN: return std::optional<Value>(data.boolean);
    default: break;
  }
  return fail("'" + path + "' is neither text nor a number in '" + path_ +
              "'; give the path of a value");
}

Result<std::optional<Value>> Mmdb::point(uint32_t offset, const std::string& latitude,
                                         const std::string& longitude) const {
  const auto lat = single(offset, latitude);
  if (!lat.ok()) return lat.status();
  const auto lon = single(offset, longitude);
  if (!lon.ok()) return lon.status();
  if (!*lat || !*lon) return std::optional<Value>();
  const auto north = number_of(**lat), east = number_of(**lon);
  if (!north || !east) return fail("'" + latitude + "," + longitude + "' are not two real numbers");
  return std::optional<Value>(
      Json{"{\"lat\":" + number_text(*north) + ",\"lon\":" + number_text(*east) + "}"});
}

}  // namespace nek
