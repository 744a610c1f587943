// SPDX-License-Identifier: Apache-2.0
// Trie: which record holds for an address, as a tree of prefixes of our own.
// A copy of the database's tree, so that networks can be laid over it and the file may go away.
// Thread-safe once built: find() may be called by any thread.
#pragma once
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "address.h"
#include "nek/status.hpp"

namespace nek {

class Trie {
 public:
  // A record, marked by the highest bit, or the index of a node.
  using Ref = uint32_t;
  static constexpr Ref kLeaf = Ref{1} << 31;
  static Ref leaf(uint32_t record) { return record | kLeaf; }
  static bool is_leaf(Ref ref) { return ref & kLeaf; }

  // Makes a node, or answers the leaf that both are.
  Ref node(Ref zero, Ref one);
  Ref child(Ref ref, bool one) const { return is_leaf(ref) ? ref : nodes_[ref].child[one]; }
  void set_root(Family family, Ref ref) { root(family) = ref; }

  // Each record within `network` becomes changed(record).
  void overlay(const Network& network, const std::function<uint32_t(uint32_t record)>& changed);

  // Builds what find() begins with; nothing is changed afterwards.
  void finish();
  uint32_t find(const Address& address) const;

 private:
  struct Node {
    Ref child[2];
  };
  using Changed = std::function<uint32_t(uint32_t)>;
  static constexpr unsigned kTopBits = 16;  // looked up at once, in top_

  Ref& root(Family family) { return root_[family == Family::kV6]; }
  Ref overlaid(Ref ref, unsigned depth, const Network& network, const Changed& changed);
  Ref relabelled(Ref ref, const Changed& changed, std::unordered_map<Ref, Ref>& done);
  void fill_top(Ref ref, unsigned depth, uint32_t prefix, std::vector<Ref>& top);

  std::vector<Node> nodes_;
  Ref root_[2] = {kLeaf, kLeaf};  // IPv4, IPv6
  std::vector<Ref> top_[2];
};

}  // namespace nek
