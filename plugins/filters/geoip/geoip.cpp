// SPDX-License-Identifier: Apache-2.0
// geoip: what a MaxMind database knows of addresses, first of all their country.
#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "database.h"
#include "nek/plugin.hpp"
#include "per_code.h"
#include "recent.h"
#include "watch.h"

namespace nek {
namespace {

struct Config {
  std::string file;
  const nek_value* fields = nullptr;
  const nek_value* own_networks = nullptr;
  std::optional<std::string> for_unknown, for_private, for_invalid;
  std::chrono::milliseconds reload{};
};

constexpr auto kOptions = options<Config>(
    option<&Config::file>("database", "File in MaxMind's format (.mmdb).", {.type = "path"}),
    option<&Config::fields>(
        "fields",
        "For each column with addresses, the column that gets the country; or a map of columns and "
        "what they get: country, asn, organisation, city, continent, location, name, or a path in "
        "the database such as 'traits.domain'.",
        {.type = "map"}),
    option<&Config::own_networks>("own_networks",
                                  "Networks that no database knows, and for each its 'name' and "
                                  "'country'.",
                                  {.type = "map", .fallback = "{}"}),
    option<&Config::for_unknown>(
        "unknown", "Text for addresses that are not in the database; otherwise null."),
    option<&Config::for_private>("private",
                                 "Text for private and reserved addresses; otherwise as unknown."),
    option<&Config::for_invalid>("invalid", "Text for what is no address; otherwise null."),
    option<&Config::reload>("reload", "How often to look whether the file was replaced; 0s: never.",
                            {.fallback = "10s", .range = "0s..1d"}));

class Geoip {
 public:
  struct Lane {
    std::shared_ptr<const Database> database;
    PerCode<uint32_t> by_code;  // of this database
    Recent recent;              // of this database
  };

  Geoip(Host host, Config config)
      : host_(host),
        config_(std::move(config)),
        reloads_(host.counter("reloads", "Databases that took the place of an older one.")),
        failed_reloads_(host.counter("failed_reloads", "New databases that could not be used.")) {}

  Status setup(Shape& shape) {
    if (Status s = read_own_networks(); !s.ok()) return s;
    if (Status s = read_fields(shape); !s.ok()) return s;
    settings_.file = config_.file;
    settings_.for_unknown = config_.for_unknown;
    settings_.for_private = config_.for_private;
    settings_.for_invalid = config_.for_invalid;
    file_state_ = FileState::of(config_.file);
    auto database = Database::load(host_, settings_);
    if (!database.ok()) return fail_at(host_.at("database"), database.status().message());
    database_ = *database;
    std::vector<Field> adds;
    adds.reserve(added_.size());
    for (const Added& added : added_) {
      adds.push_back({added.column, database_->values(added.wanted).type()});
    }
    out_ = shape.pass("out", adds);
    return {};
  }

  Status start(Start start) {
    database_->make_ready();
    for (Added& added : added_) added.is_read = start.wants(added.column);
    if (config_.reload.count() > 0) {
      watch_.start(config_.file, file_state_, config_.reload, [this] { reload(); });
    }
    return {};
  }
  void stop() { watch_.stop(); }

  Status process(Call& call, Lane& lane) const {
    use_current(lane);
    std::vector<const nek_column*> columns(added_.size());
    const auto records = call.memory<uint32_t>(call.rows());
    for (uint32_t address = 0; address < addresses_.size(); address++) {
      const bool is_read = std::any_of(added_.begin(), added_.end(), [&](const Added& added) {
        return added.address == address && added.is_read;
      });
      if (!is_read) continue;
      find(call, call.read(address), lane, records);
      for (size_t i = 0; i < added_.size(); i++) {
        const Added& added = added_[i];
        if (added.address != address || !added.is_read) continue;
        columns[i] = &lane.database->values(added.wanted).fill(call, records);
      }
    }
    call.emit(out_, columns);
    return {};
  }

 private:
  struct Added {
    uint32_t address;    // index of the column that is read
    std::string column;  // that is made
    size_t wanted;       // index in DatabaseSettings::wanted
    bool is_read = true;
  };

  Status read_own_networks() {
    for (uint32_t i = 0; i < config_.own_networks->count; i++) {
      const nek_value& item = config_.own_networks->items[i];
      const auto network = parse_network(to_view(item.key));
      if (!network) {
        return fail_at(&item, "'" + std::string(to_view(item.key)) +
                                  "' is no network; write it as 10.0.0.0/8, with no bit set "
                                  "behind the prefix");
      }
      OwnNetwork own{*network, {}, {}};
      if (Status s = read_own_network(item, own); !s.ok()) return s;
      settings_.own_networks.push_back(std::move(own));
    }
    // The more special one comes last and holds.
    std::stable_sort(settings_.own_networks.begin(), settings_.own_networks.end(),
                     [](const OwnNetwork& a, const OwnNetwork& b) {
                       return a.network.prefix < b.network.prefix;
                     });
    return {};
  }
  static Status read_own_network(const nek_value& item, OwnNetwork& own) {
    if (item.kind != NEK_MAP) return fail_at(&item, "a network has a map of 'name' and 'country'");
    for (uint32_t i = 0; i < item.count; i++) {
      const nek_value& entry = item.items[i];
      const std::string_view key = to_view(entry.key);
      if (entry.kind != NEK_STRING) return fail_at(&entry, "'" + std::string(key) + "' is no text");
      if (key == "name") {
        own.name = to_view(entry.string);
      } else if (key == "country") {
        own.country = to_view(entry.string);
      } else {
        return fail_at(&entry,
                       "a network has 'name' and 'country', not '" + std::string(key) + "'");
      }
    }
    return {};
  }

  Status read_fields(Shape& shape) {
    if (config_.fields->count == 0) return fail_at(host_.at("fields"), "'fields' is empty");
    for (uint32_t i = 0; i < config_.fields->count; i++) {
      const nek_value& item = config_.fields->items[i];
      addresses_.push_back(shape.read(to_view(item.key), {NEK_TEXT, NEK_DICT_TEXT}));
      if (item.kind == NEK_STRING) {
        add(i, to_view(item.string), "country");
        continue;
      }
      for (uint32_t c = 0; c < item.count; c++) {
        const nek_value& entry = item.items[c];
        if (item.kind != NEK_MAP || entry.kind != NEK_STRING) {
          return fail_at(&entry, "write a column's name and what it gets: {dst_city: city}");
        }
        add(i, to_view(entry.key), to_view(entry.string));
      }
    }
    return {};
  }
  void add(uint32_t address, std::string_view column, std::string_view wanted) {
    auto& all = settings_.wanted;
    const auto at = std::find(all.begin(), all.end(), wanted);
    added_.push_back({address, std::string(column), static_cast<size_t>(at - all.begin())});
    if (at == all.end()) all.emplace_back(wanted);
  }

  // On the watch's thread. What is in use stays when the new one is not as good.
  void reload() {
    const auto database = Database::load(host_, settings_);
    const Status status = database.ok() ? check_types(**database) : database.status();
    if (!status.ok()) {
      failed_reloads_.add();
      host_.log(NEK_ERROR, status.message() + "; the old database stays in use");
      return;
    }
    (*database)->make_ready();
    {
      const std::lock_guard lock(mutex_);
      database_ = *database;
    }
    reloads_.add();
    host_.log(NEK_INFO, "'" + config_.file + "' was replaced; the new database is in use");
  }
  Status check_types(const Database& database) const {
    const auto old = current();
    for (size_t i = 0; i < settings_.wanted.size(); i++) {
      if (database.values(i).type() == old->values(i).type()) continue;
      return fail("'" + settings_.wanted[i] + "' is of another type in the new '" + config_.file +
                  "'");
    }
    return {};
  }
  std::shared_ptr<const Database> current() const {
    const std::lock_guard lock(mutex_);
    return database_;
  }
  void use_current(Lane& lane) const {
    auto database = current();
    if (database == lane.database) return;
    lane = Lane{std::move(database), {}, {}};
  }

  static void find(const Call& call, const nek_column& addresses, Lane& lane,
                   std::span<uint32_t> records) {
    const Database& database = *lane.database;
    if (addresses.type == NEK_TEXT) {
      database.find_rows(call, addresses, lane.recent, records);
    } else {
      const TextView values(*addresses.dictionary->values);
      const auto by_code = lane.by_code.of(*addresses.dictionary, [&](uint32_t code) {
        return values.has(code) ? database.find(values[code]) : Database::kNull;
      });
      const CodeView codes(addresses);
      for (uint32_t row = 0; row < records.size(); row++) {
        records[row] = by_code[static_cast<uint32_t>(codes[row])];
      }
    }
    if (!addresses.validity) return;
    for (uint32_t row = 0; row < records.size(); row++) {
      if (!nek_has(&addresses, row)) records[row] = Database::kNull;
    }
  }

  Host host_;
  Config config_;
  DatabaseSettings settings_;
  std::vector<uint32_t> addresses_;  // columns that are read
  std::vector<Added> added_;
  uint32_t out_ = 0;
  FileState file_state_;
  mutable std::mutex mutex_;  // of database_
  std::shared_ptr<Database> database_;
  Metric reloads_, failed_reloads_;
  Watch watch_;
};

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::filter<nek::Geoip, nek::kOptions>({
    .name = "geoip",
    .version = "0.1.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Adds the country of an address, or whatever else a MaxMind database knows of it.",
    .example = "geoip: {database: country.mmdb, fields: {sa: sc, da: dc}}",
}));
