// SPDX-License-Identifier: Apache-2.0
// Trie: which record holds for an address, as a tree of prefixes of our own.
// A copy of the database's tree, so that networks can be laid over it and the file may go away.
// Thread-safe once built: find() may be called by any thread.
#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

#include "address.h"
#include "huge_pages.h"
#include "nek/status.hpp"

namespace nek {

class Trie {
 public:
  // A record, marked by the highest bit, or the index of a node.
  using Ref = uint32_t;
  static constexpr Ref kLeaf = Ref{1} << 31;
  static Ref leaf(uint32_t record) { return record | kLeaf; }
  static bool is_leaf(Ref ref) { return ref & kLeaf; }
  static uint32_t record(Ref leaf) { return leaf & ~kLeaf; }

  void reserve(size_t nodes) { nodes_.reserve(nodes); }
  // Makes the next node; of a tree that is copied, whose children may come later.
  void append(Ref zero, Ref one) { nodes_.push_back({{zero, one}}); }
  // Makes a node, or answers the leaf that both are.
  Ref node(Ref zero, Ref one);
  Ref child(Ref ref, bool one) const { return is_leaf(ref) ? ref : nodes_[ref].child[one]; }
  void set_root(Family family, Ref ref) { root(family) = ref; }

  // Each record within `network` becomes changed(record).
  void overlay(const Network& network, const std::function<uint32_t(uint32_t record)>& changed);

  // Builds what a search begins with; nothing is changed afterwards.
  void finish();

  // Once finished.
  uint32_t find(const Address& address) const {
    const auto& bytes = address.bytes;
    const First& first = first_[address.family == Family::kV6];
    const int32_t found = first.at(uint32_t{bytes[0]} << 8 | bytes[1], bytes[2]);
    if (found >= 0) return static_cast<uint32_t>(found);
    Ref ref = first.deeper[static_cast<uint32_t>(~found)];
    for (unsigned depth = kFirstBits; !is_leaf(ref); depth++)
      ref = nodes_[ref].child[address.bit(depth)];
    return record(ref);
  }
  // The same in two steps, for many addresses: the first, without a branch, finds nearly all
  // records, and where it finds none a number below 0 that the second one goes on with.
  void begin_v4(std::span<const uint32_t> addresses, std::span<int32_t> found) const {
    if (first_[0].wide.empty()) return begin_v4(first_[0].narrow, addresses, found);
    return begin_v4(first_[0].wide, addresses, found);
  }
  uint32_t go_on_v4(int32_t found, uint32_t address) const {
    Ref ref = first_[0].deeper[static_cast<uint32_t>(~found)];
    for (uint32_t rest = address << kFirstBits; !is_leaf(ref); rest <<= 1)
      ref = nodes_[ref].child[rest >> 31];
    return record(ref);
  }

 private:
  struct Node {
    Ref child[2];
  };
  using Changed = std::function<uint32_t(uint32_t)>;

  // Where the first 24 bits lead to, in two steps without a branch: the first 16 choose a block of
  // 256, and all prefixes that are alike share one. A record, or ~i: to deeper[i]. Few IPv4
  // networks are smaller than that. Sixteen bits are enough for countries, and twice as many stay
  // in caches.
  template <class T>
  using Table = std::vector<T, HugePages<T>>;
  struct First {
    std::vector<uint16_t> block;  // by 16 bits: which one of those in the table
    Table<int16_t> narrow;        // one of the two is empty
    Table<int32_t> wide;
    std::vector<Ref> deeper;
    int32_t at(uint32_t bits, uint32_t next) const {
      const size_t i = size_t{block[bits]} << kBlockBits | next;
      return wide.empty() ? narrow[i] : wide[i];
    }
  };
  static constexpr unsigned kBlockBits = 8, kTopBits = 16, kFirstBits = kTopBits + kBlockBits;
  static constexpr size_t kFetched = 128;  // entries that are asked for before the first is used

  template <class T>
  void begin_v4(const Table<T>& table, std::span<const uint32_t> addresses,
                std::span<int32_t> found) const {
    const uint16_t* const block = first_[0].block.data();
    const T* const entries = table.data();
    uint32_t at[kFetched];
    for (size_t done = 0; done < addresses.size(); done += kFetched) {
      const size_t count = std::min(kFetched, addresses.size() - done);
      for (size_t i = 0; i < count; i++) {
        const uint32_t address = addresses[done + i];
        at[i] = uint32_t{block[address >> 16]} << kBlockBits | (address >> 8 & 0xFF);
        __builtin_prefetch(entries + at[i]);
      }
      for (size_t i = 0; i < count; i++) found[done + i] = entries[at[i]];
    }
  }
  // False: T has no room for one of the numbers.
  template <class T>
  bool fill(First& first, Table<T>& table, std::span<const Ref> blocks) const;
  template <class T>
  bool fill_block(First& first, Ref ref, unsigned bits, T* to) const;
  Ref& root(Family family) { return root_[family == Family::kV6]; }
  Ref overlaid(Ref ref, unsigned depth, const Network& network, const Changed& changed);
  Ref relabelled(Ref ref, const Changed& changed, std::unordered_map<Ref, Ref>& done);
  // The refs `bits` further down, in order, to where `out` points.
  void spread(Ref ref, unsigned bits, Ref* out) const;

  std::vector<Node, HugePages<Node>> nodes_;
  Ref root_[2] = {kLeaf, kLeaf};  // IPv4, IPv6
  First first_[2];
};

}  // namespace nek
