// SPDX-License-Identifier: Apache-2.0
// Document: a YAML text as a tree of our own, with the place of everything in it.
// It hides the YAML library and settles what it leaves open: duplicate keys, merge keys, variables,
// bounds. Plain data; not thread-safe while being built, read-only and shareable afterwards.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/diagnostics.h"

namespace nek {

struct MapEntry;

struct Node {
  enum class Kind : uint8_t { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  Place place;
  bool quoted = false;            // scalar: it was in quotes, or a block
  bool variable = false;          // scalar: a ${VARIABLE} was expanded in it
  std::string text;               // scalar
  std::vector<Node> items;        // sequence
  std::vector<MapEntry> entries;  // map, in the order written; keys are unique

  const MapEntry* find(std::string_view key) const;  // NULL: no such key
};

struct MapEntry {
  std::string key;
  Place place;  // of the key
  bool quoted = false;
  Node value;
};

const char* kind_name(Node::Kind kind);  // "text", "a list" ...

struct Document {
  std::string file;
  Node root;
};

// Finds a variable's value; empty: it is not set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
std::optional<std::string> process_environment(std::string_view name);

// Nothing on error; all errors are in `diagnostics`. Top-level keys that begin with "x-" are gone.
std::optional<Document> parse_document(std::string file, std::string_view text,
                                       const Environment& environment, Diagnostics& diagnostics);

// A value as YAML writes it, such as an option's default; no variables. Nothing: it is not YAML.
std::optional<Node> parse_value(std::string_view text);

}  // namespace nek
