// SPDX-License-Identifier: Apache-2.0
#include "trie.h"

#include <algorithm>

namespace nek {

Trie::Ref Trie::node(Ref zero, Ref one) {
  if (zero == one && is_leaf(zero)) return zero;
  nodes_.push_back({{zero, one}});
  return static_cast<Ref>(nodes_.size() - 1);
}

void Trie::overlay(const Network& network, const Changed& changed) {
  Ref& top = root(network.address.family);
  top = overlaid(top, 0, network, changed);
}

// A new path down to the network: the nodes on it may be shared with other prefixes.
Trie::Ref Trie::overlaid(Ref ref, unsigned depth, const Network& network, const Changed& changed) {
  if (depth == network.prefix) {
    std::unordered_map<Ref, Ref> done;
    return relabelled(ref, changed, done);
  }
  const bool side = network.address.bit(depth);
  const Ref below = overlaid(child(ref, side), depth + 1, network, changed);
  const Ref other = child(ref, !side);
  return side ? node(other, below) : node(below, other);
}

Trie::Ref Trie::relabelled(Ref ref, const Changed& changed, std::unordered_map<Ref, Ref>& done) {
  if (const auto at = done.find(ref); at != done.end()) return at->second;
  Ref made;
  if (is_leaf(ref)) {
    made = leaf(changed(ref & ~kLeaf));
  } else {
    const Ref zero = relabelled(child(ref, false), changed, done);
    made = node(zero, relabelled(child(ref, true), changed, done));
  }
  return done[ref] = made;
}

void Trie::finish() {
  for (const auto family : {Family::kV4, Family::kV6}) {
    auto& top = top_[family == Family::kV6];
    top.resize(size_t{1} << kTopBits);
    fill_top(root(family), 0, 0, top);
  }
}

void Trie::fill_top(Ref ref, unsigned depth, uint32_t prefix, std::vector<Ref>& top) {
  const unsigned left = kTopBits - depth;
  if (is_leaf(ref) || left == 0) {
    std::fill_n(top.begin() + (size_t{prefix} << left), size_t{1} << left, ref);
    return;
  }
  fill_top(child(ref, false), depth + 1, prefix << 1, top);
  fill_top(child(ref, true), depth + 1, prefix << 1 | 1, top);
}

uint32_t Trie::find(const Address& address) const {
  const size_t first = size_t{address.bytes[0]} << 8 | address.bytes[1];
  Ref ref = top_[address.family == Family::kV6][first];
  for (unsigned depth = kTopBits; !is_leaf(ref); depth++) {
    ref = nodes_[ref].child[address.bit(depth)];
  }
  return ref & ~kLeaf;
}

}  // namespace nek
