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
  std::vector<Ref> top(size_t{1} << kTopBits);
  for (const auto family : {Family::kV4, Family::kV6}) {
    First& first = first_[family == Family::kV6];
    spread(root(family), kTopBits, top.data());
    std::unordered_map<Ref, uint16_t> blocks;
    std::vector<Ref> distinct;
    first.block.reserve(top.size());
    for (const Ref ref : top) {
      const auto next = static_cast<uint16_t>(distinct.size());
      const auto [at, is_new] = blocks.try_emplace(ref, next);
      if (is_new) distinct.push_back(ref);
      first.block.push_back(at->second);
    }
    if (!fill(first, first.narrow, distinct)) {
      first.narrow = {};
      fill(first, first.wide, distinct);
    }
  }
}

template <class T>
bool Trie::fill(First& first, Table<T>& table, std::span<const Ref> blocks) const {
  table.resize(blocks.size() << kBlockBits);
  first.deeper.clear();
  T* to = table.data();
  for (const Ref block : blocks) {
    if (!fill_block(first, block, kBlockBits, to)) return false;
    to += size_t{1} << kBlockBits;
  }
  return true;
}

template <class T>
bool Trie::fill_block(First& first, Ref ref, unsigned bits, T* to) const {
  if (!is_leaf(ref) && bits > 0) {
    const Node& node = nodes_[ref];
    return fill_block(first, node.child[0], bits - 1, to) &&
           fill_block(first, node.child[1], bits - 1, to + (size_t{1} << (bits - 1)));
  }
  const auto number = static_cast<int32_t>(is_leaf(ref) ? record(ref) : ~first.deeper.size());
  if (!is_leaf(ref)) first.deeper.push_back(ref);
  std::fill_n(to, size_t{1} << bits, static_cast<T>(number));
  return number == static_cast<T>(number);
}

void Trie::spread(Ref ref, unsigned bits, Ref* out) const {
  if (is_leaf(ref) || bits == 0) {
    std::fill_n(out, size_t{1} << bits, ref);
    return;
  }
  spread(child(ref, false), bits - 1, out);
  spread(child(ref, true), bits - 1, out + (size_t{1} << (bits - 1)));
}

}  // namespace nek
