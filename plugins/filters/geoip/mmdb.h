// SPDX-License-Identifier: Apache-2.0
// Mmdb: a MaxMind database file, by libmaxminddb, with checks of what that does not check.
// It is open only while it is copied into a Trie and Values.
// Not thread-safe.
#pragma once
#include <endian.h>
#include <maxminddb.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "nek/status.hpp"

namespace nek {

struct Json {
  std::string text;
  auto operator<=>(const Json&) const = default;
};
using Value = std::variant<std::string, uint64_t, int64_t, double, bool, Json>;

class Mmdb {
 public:
  static Result<Mmdb> open(const std::string& path);

  // The tree is read here and not by MMDB_read_node, which takes three times as long. A record is a
  // node's number; node_count(): nothing; more: data.
  struct Node {
    uint32_t records[2];
  };
  uint32_t node_count() const { return file_->metadata.node_count; }
  bool has_v6() const { return file_->metadata.ip_version == 6; }
  // each(Node) for all of them, in order.
  template <class Each>
  void each_node(Each each) const {
    switch (file_->metadata.record_size) {
      case 24: return each_node<24>(each);
      case 28: return each_node<28>(each);
      default: return each_node<32>(each);
    }
  }
  // Where a record's data begin; none: outside of the file.
  std::optional<uint32_t> offset(uint32_t record) const;

  // Reads all of a record, so that one that cannot be read is found before it is used.
  Status check_record(uint32_t offset) const;
  // `path`: "country.iso_code", numbers are places in arrays; ".": the record itself;
  // "location.latitude,location.longitude": a point, {"lat":..,"lon":..}. None where there is none.
  Result<std::optional<Value>> value(uint32_t offset, const std::string& path) const;
  Status malformed(const std::string& what) const;
  // The names on a record's first level, for messages.
  std::string names(uint32_t offset) const;

 private:
  // Eight bytes can be read at each node: sixteen follow the last one.
  template <unsigned kBits, class Each>
  void each_node(Each each) const {
    const uint8_t* at = file_->file_content;
    for (uint32_t left = node_count(); left > 0; left--, at += kBits / 4) {
      uint64_t bytes;
      std::memcpy(&bytes, at, sizeof bytes);
      bytes = be64toh(bytes);
      const auto first = static_cast<uint32_t>(bytes >> (64 - kBits / 8 * 8));
      if constexpr (kBits == 28) {  // the byte in the middle has the highest bits of both
        const auto middle = static_cast<uint32_t>(bytes >> 32 & 0xFF);
        each(Node{{(middle & 0xF0) << 20 | first,
                   (middle & 0x0F) << 24 | static_cast<uint32_t>(bytes >> 8 & 0xFFFFFF)}});
      } else {
        const auto second = static_cast<uint32_t>(bytes >> (64 - 2 * kBits));
        each(Node{{first, second & static_cast<uint32_t>((uint64_t{1} << kBits) - 1)}});
      }
    }
  }

  struct Close {
    void operator()(MMDB_s* file) const;
  };
  Mmdb(std::string path, std::unique_ptr<MMDB_s, Close> file)
      : path_(std::move(path)), file_(std::move(file)) {}
  Result<std::optional<Value>> single(uint32_t offset, const std::string& path) const;
  Result<std::optional<Value>> point(uint32_t offset, const std::string& latitude,
                                     const std::string& longitude) const;

  std::string path_;
  std::unique_ptr<MMDB_s, Close> file_;
};

}  // namespace nek
