// SPDX-License-Identifier: Apache-2.0
// Database: everything that geoip looks up, read from the file once and for all.
// The file is closed again before it is used: who replaces or truncates it disturbs nobody.
// Thread-safe once it is ready: it never changes.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "address.h"
#include "mmdb.h"
#include "nek/plugin.hpp"
#include "recent.h"
#include "trie.h"
#include "values.h"

namespace nek {

struct OwnNetwork {
  Network network;
  std::optional<std::string> name, country;
};

struct DatabaseSettings {
  std::string file;
  // What is wanted: a word that stands for several paths (country, asn, organisation, city,
  // continent, location, name: that of an own network), or a path.
  std::vector<std::string> wanted;
  std::vector<OwnNetwork> own_networks;
  // What a text is where there is none; nothing: null.
  std::optional<std::string> for_unknown, for_private, for_invalid;
};

class Database {
 public:
  // Reads and checks all of it.
  static Result<std::shared_ptr<Database>> load(const Host& host, const DatabaseSettings& settings);
  // Once, before the first find: takes as long again, which `nek check` need not wait for.
  void make_ready() { trie_.finish(); }

  // The record of an address; kInvalid where the text is none.
  uint32_t find(std::string_view text) const;
  // The same for each row of a NEK_TEXT column.
  void find_rows(const Call& call, const nek_column& texts, Recent& recent,
                 std::span<uint32_t> records) const;
  static constexpr uint32_t kUnknown = 0, kInvalid = 1, kNull = 2;  // records of their own

  const Values& values(size_t wanted) const { return values_[wanted]; }

 private:
  friend class DatabaseLoader;
  Trie trie_;
  std::vector<Values> values_;  // by the index in `wanted`
};

}  // namespace nek
