// SPDX-License-Identifier: Apache-2.0
#include "database.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "v4_text.h"

namespace nek {
namespace {

constexpr std::string_view kCountry = "country", kName = "name";  // what own networks have

struct Word {
  std::string_view word;
  std::vector<std::string> paths;  // the first that a record has is meant
};

std::vector<std::string> paths_of(const std::string& wanted) {
  static const Word kWords[] = {
      {kCountry, {"country.iso_code", "country_code", "country"}},
      {"asn", {"autonomous_system_number", "asn"}},
      {"organisation", {"autonomous_system_organization", "as_organization", "organization"}},
      {"city", {"city.names.en", "city"}},
      {"continent", {"continent.code", "continent_code", "continent"}},
      {"location", {"location.latitude,location.longitude", "latitude,longitude"}},
      {kName, {}},
  };
  for (const Word& word : kWords) {
    if (word.word == wanted) return word.paths;
  }
  return {wanted};
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// What is not on the public internet, by RFC 6890 and those that it names.
std::vector<Network> private_networks() {
  static constexpr std::string_view kNetworks[] = {
      "0.0.0.0/8",       "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",    "169.254.0.0/16",
      "172.16.0.0/12",   "192.0.0.0/24",   "192.0.2.0/24",  "192.168.0.0/16", "198.18.0.0/15",
      "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",   "240.0.0.0/4",    "::/128",
      "::1/128",         "2001:db8::/32",  "fc00::/7",      "fe80::/10",      "ff00::/8"};
  std::vector<Network> networks;
  for (const auto text : kNetworks) networks.push_back(*parse_network(text));
  return networks;
}

// Copies the search tree, whose nodes keep their numbers, and finds the records that it names.
class TreeReader {
 public:
  TreeReader(const Mmdb& file, Trie& trie, uint32_t first_record)
      : file_(file),
        trie_(trie),
        first_record_(first_record),
        nodes_(file.node_count()),
        max_height_(file.has_v6() ? 128 : 32),
        heights_(size_t{nodes_} + 1, kNew) {
    for (uint32_t slot = 0; slot < recent_.size(); slot++) recent_[slot].record = slot + 1;
  }

  Status read() {
    trie_.reserve(nodes_ + kNodesOfOwnNetworks);
    file_.each_node(
        [this](const Mmdb::Node& n) { trie_.append(copy(n.records[0]), copy(n.records[1])); });
    if (points_outside_) return file_.malformed("its search tree points outside of the data");
    if (!measure_all()) {
      return file_.malformed("its search tree has a circle, or is deeper than an address is long");
    }
    set_roots();
    return {};
  }
  // Their offsets; the first is of `first_record`.
  const std::vector<uint32_t>& records() const { return offsets_; }

 private:
  // A record of the file and the leaf that it became. Most databases have few records, which most
  // networks share: the last ones are remembered.
  struct Recent {
    uint32_t record = 0;  // at first one that never stands at its slot
    Trie::Ref leaf = 0;
  };
  static constexpr size_t kNodesOfOwnNetworks = 4096;  // room for what is laid over the database
  // Heights (the longest way down, in bits) of nodes that are not, or just being, measured.
  static constexpr uint8_t kNew = 254, kOpen = 255;

  // No processor foretells whether it is a node or a leaf: that is chosen by masks, because the
  // compiler makes branches of conditions.
  Trie::Ref copy(uint32_t record) {
    Recent& recent = recent_[record % std::size(recent_)];
    const uint32_t is_node = uint32_t{0} - static_cast<uint32_t>(record < nodes_);
    if (((record ^ recent.record) & ~is_node) != 0) [[unlikely]]
      take_in(recent, record);
    return (record & is_node) | (recent.leaf & ~is_node);
  }
  [[gnu::noinline]] void take_in(Recent& recent, uint32_t record) {
    recent = {record, leaf_of(record)};
  }
  Trie::Ref leaf_of(uint32_t record) {
    if (record == nodes_) return Trie::leaf(Database::kUnknown);
    const auto offset = file_.offset(record);
    points_outside_ |= !offset;
    return Trie::leaf(offset ? numbered(*offset) : Database::kUnknown);
  }
  uint32_t numbered(uint32_t offset) {
    const auto next = static_cast<uint32_t>(first_record_ + offsets_.size());
    const auto [at, is_new] = records_.try_emplace(offset, next);
    if (is_new) offsets_.push_back(offset);
    return at->second;
  }

  // Most nodes stand before those below them: from the end on, their children are measured already.
  bool measure_all() {
    heights_[nodes_] = 0;  // of all leaves
    for (Trie::Ref ref = nodes_; ref-- > 0;) {
      const unsigned below =
          std::max(height(trie_.child(ref, false)), height(trie_.child(ref, true)));
      if (below < max_height_) heights_[ref] = static_cast<uint8_t>(below + 1);
    }
    return measure(0, 0);
  }
  unsigned height(Trie::Ref ref) const { return heights_[std::min(ref, nodes_)]; }
  // The others; also finds cycles.
  bool measure(Trie::Ref ref, unsigned depth) {
    if (Trie::is_leaf(ref)) return true;
    if (heights_[ref] == kNew && depth < max_height_) {
      heights_[ref] = kOpen;
      const Trie::Ref zero = trie_.child(ref, false), one = trie_.child(ref, true);
      if (!measure(zero, depth + 1) || !measure(one, depth + 1)) return false;
      heights_[ref] = static_cast<uint8_t>(std::max(height(zero), height(one)) + 1);
    }
    return depth + heights_[ref] <= max_height_;
  }

  void set_roots() {
    if (file_.has_v6()) trie_.set_root(Family::kV6, 0);
    Trie::Ref v4 = 0;
    for (int bit = 0; file_.has_v6() && bit < 96; bit++) v4 = trie_.child(v4, false);  // ::/96
    trie_.set_root(Family::kV4, v4);
  }

  const Mmdb& file_;
  Trie& trie_;
  uint32_t first_record_;
  Trie::Ref nodes_;
  bool points_outside_ = false;
  unsigned max_height_;
  std::vector<uint8_t> heights_;                    // by node
  std::unordered_map<uint32_t, uint32_t> records_;  // by offset
  std::array<Recent, 4096> recent_;                 // by the record's lowest bits
  std::vector<uint32_t> offsets_;
};

}  // namespace

class DatabaseLoader {
 public:
  DatabaseLoader(const Host& host, const DatabaseSettings& settings, const Mmdb& file)
      : host_(host), settings_(settings), file_(file), made_(std::make_shared<Database>()) {}

  Result<std::shared_ptr<Database>> load() {
    TreeReader tree(file_, made_->trie_, kFirstRecord);
    if (Status s = tree.read(); !s.ok()) return s;
    for (const uint32_t offset : tree.records()) {
      if (Status s = file_.check_record(offset); !s.ok()) return s;
    }
    for (const auto& wanted : settings_.wanted) {
      if (Status s = read_values(wanted, tree.records()); !s.ok()) return s;
    }
    is_private_.resize(kFirstRecord + tree.records().size());
    for (const auto& network : private_networks()) lay_private(network);
    for (const auto& own : settings_.own_networks) lay_own(own);
    fill_gaps();
    for (auto& values : made_->values_) values.finish(host_);
    return made_;
  }

 private:
  static constexpr uint32_t kFirstRecord = Database::kNull + 1;

  // The path of `wanted` that this database has; "" where only own networks have it.
  Result<std::string> path_of(const std::string& wanted, const std::vector<uint32_t>& records) {
    const auto paths = paths_of(wanted);
    for (const uint32_t offset : records) {
      for (const auto& path : paths) {
        const auto value = file_.value(offset, path);
        if (value.ok() && *value) return path;
        if (!value.ok() && path == paths.back()) return value.status();
      }
    }
    if (wanted == kName || (wanted == kCountry && !settings_.own_networks.empty())) {
      return std::string();
    }
    const std::string names = records.empty() ? "" : file_.names(records[0]);
    return fail("'" + settings_.file + "' has no " + wanted + ": no record has " + join(paths) +
                (names.empty() ? "" : "; they have " + names));
  }

  Status read_values(const std::string& wanted, const std::vector<uint32_t>& records) {
    const auto path = path_of(wanted, records);
    if (!path.ok()) return path.status();
    Values& values = made_->values_.emplace_back();
    for (uint32_t record = 0; record < kFirstRecord; record++) values.add_none();
    for (const uint32_t offset : records) {
      if (path->empty()) {
        values.add_none();
        continue;
      }
      const auto value = file_.value(offset, *path);
      if (!value.ok()) return value.status();
      if (!values.add(*value)) {
        return fail("'" + *path + "' is not of one type in '" + settings_.file + "'");
      }
    }
    return {};
  }

  // A copy of a record, for the networks that are laid over the database.
  uint32_t copy(uint32_t record, bool is_private) {
    for (auto& values : made_->values_) values.repeat(record);
    is_private_.push_back(is_private);
    return static_cast<uint32_t>(is_private_.size() - 1);
  }
  void lay_private(const Network& network) {
    made_->trie_.overlay(network, [&](uint32_t record) { return copy(record, true); });
  }
  void lay_own(const OwnNetwork& own) {
    made_->trie_.overlay(own.network, [&](uint32_t record) {
      const uint32_t made = copy(record, is_private_[record]);
      for (size_t i = 0; i < settings_.wanted.size(); i++) {
        if (settings_.wanted[i] == kName) made_->values_[i].set(made, own.name);
        if (settings_.wanted[i] == kCountry) made_->values_[i].set(made, own.country);
      }
      return made;
    });
  }

  // Words where texts have no value.
  void fill_gaps() {
    for (auto& values : made_->values_) {
      if (values.type() != NEK_DICT_TEXT) continue;
      values.set_if_none(Database::kInvalid, settings_.for_invalid);
      for (uint32_t record = 0; record < is_private_.size(); record++) {
        if (record == Database::kInvalid || record == Database::kNull) continue;
        if (is_private_[record]) values.set_if_none(record, settings_.for_private);
        values.set_if_none(record, settings_.for_unknown);
      }
    }
  }

  const Host& host_;
  const DatabaseSettings& settings_;
  const Mmdb& file_;
  std::shared_ptr<Database> made_;
  std::vector<bool> is_private_;  // by record
};

Result<std::shared_ptr<Database>> Database::load(const Host& host,
                                                 const DatabaseSettings& settings) {
  const auto file = Mmdb::open(settings.file);
  if (!file.ok()) return file.status();
  return DatabaseLoader(host, settings, *file).load();
}

uint32_t Database::find(std::string_view text) const {
  const auto address = parse_address(text);
  return address ? trie_.find(*address) : kInvalid;
}

void Database::find_rows(const Call& call, const nek_column& texts, Recent& recent,
                         std::span<uint32_t> records) const {
  const auto count = static_cast<uint32_t>(records.size());
  const auto is_v4 = call.memory<uint8_t>(count);
  const auto addresses = call.memory<uint32_t>(count), rest = call.memory<uint32_t>(count);
  const auto found = call.memory<int32_t>(count);
  parse_v4_rows(texts, addresses, is_v4);
  trie_.begin_v4(addresses, found);
  // Most are found by now. A branch would wait for memory, and all that follows with it; of a
  // condition the compiler makes one, of sums it does not.
  uint32_t rest_count = 0;
  for (uint32_t row = 0; row < count; row++) {
    records[row] = static_cast<uint32_t>(found[row]);
    rest[rest_count] = row;
    rest_count += 1 - (uint32_t{found[row] >= 0} & is_v4[row]);
  }
  const auto find_text = [this](std::string_view text) { return find(text); };
  for (const uint32_t row : rest.first(rest_count)) {
    records[row] = is_v4[row] ? trie_.go_on_v4(found[row], addresses[row])
                              : recent.of(to_view(nek_text_at(&texts, row)), find_text);
  }
}

}  // namespace nek
