// SPDX-License-Identifier: Apache-2.0
#include "pipeline/options.h"

#include <algorithm>
#include <set>

#include "nek/text.hpp"
#include "pipeline/scalar.h"
#include "pipeline/suggest.h"
#include "pipeline/text_file.h"

namespace nek {
namespace {

constexpr size_t kMaxSecretBytes = 64 << 10;
constexpr std::string_view kFileSuffix = "_file";

bool is_type(const nek_option& option, std::string_view type) { return option.type == type; }
bool is_absent_by_default(const nek_option& option) { return option.fallback && !*option.fallback; }

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(separator, at), text.size());
    parts.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::string join_words(const std::vector<std::string>& words) {
  std::string out;
  for (size_t i = 0; i < words.size(); i++)
    out += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  return out;
}

nek_value make_value(uint32_t kind, Place place) {
  nek_value value{};
  value.kind = kind;
  value.line = place.line;
  value.column = place.column;
  return value;
}

// An option found by its key in one of the tables.
struct Found {
  const nek_option* option = nullptr;
  size_t target = 0;
  bool from_file = false;  // the key is NAME_file of the secret NAME
};

class OptionReader {
 public:
  OptionReader(const std::string& label, Diagnostics& diagnostics, UnknownKeys unknown)
      : label_(label), diagnostics_(diagnostics), unknown_(unknown) {}

  // Items of one map, each put among those of its target.
  std::vector<std::vector<nek_value>> read_map(const Node& map, Place at, const std::string& prefix,
                                               std::span<const OptionTarget> targets) {
    std::vector<std::vector<nek_value>> items(targets.size());
    std::set<const nek_option*> written;
    for (const MapEntry& entry : map.entries) {
      const Found found = find(entry.key, targets);
      if (!found.option) {
        report_unknown(entry, prefix, targets);
        continue;
      }
      if (is_type(*found.option, "secret") && !found.from_file)
        diagnostics_.hide_line(entry.value.place.line);
      if (entry.value.kind == Node::Kind::kNull) continue;
      if (!written.insert(found.option).second) {
        error(entry.place, in_quotes(prefix + entry.key) + " and " +
                               in_quotes(prefix + other_name(found)) +
                               " say the same thing; write one of them");
        continue;
      }
      warn_deprecated(*found.option, entry, prefix);
      ConfigTree& tree = *targets[found.target].tree;
      std::optional<nek_value> value =
          found.from_file ? read_secret_file(*found.option, entry, prefix, tree)
                          : read_value(*found.option, entry.value, prefix + entry.key, tree);
      if (value) items[found.target].push_back(*value);
    }
    for (size_t t = 0; t < targets.size(); t++) {
      OptionTarget target = targets[t];
      if (target.defaults_of && t > 0) {
        nek_value before = make_value(NEK_MAP, at);
        before.items = items[t - 1].data();
        before.count = static_cast<uint32_t>(items[t - 1].size());
        if (const char* others = target.defaults_of(&before)) target.defaults = others;
      }
      fill_defaults(target, at, prefix, written, items[t]);
    }
    return items;
  }

 private:
  void error(Place place, const std::string& text) {
    diagnostics_.error(place, label_ + ": " + text);
  }

  static Found find(std::string_view key, std::span<const OptionTarget> targets) {
    for (size_t t = 0; t < targets.size(); t++)
      if (const nek_option* option = find_option(targets[t].options, key))
        return {option, t, false};
    if (!key.ends_with(kFileSuffix)) return {};
    key.remove_suffix(kFileSuffix.size());
    for (size_t t = 0; t < targets.size(); t++) {
      const nek_option* option = find_option(targets[t].options, key);
      if (option && is_type(*option, "secret")) return {option, t, true};
    }
    return {};
  }

  static std::string other_name(const Found& found) {
    return found.from_file ? found.option->name : found.option->name + std::string(kFileSuffix);
  }

  void report_unknown(const MapEntry& entry, const std::string& prefix,
                      std::span<const OptionTarget> targets) {
    std::vector<std::string> names;
    for (const OptionTarget& target : targets)
      for (OptionList o = target.options; *o; o++) names.emplace_back((*o)->name);
    const std::string meant = nearest(entry.key, names);
    const Found found = find(meant, targets);
    if (found.option && is_type(*found.option, "secret"))
      diagnostics_.hide_line(entry.value.place.line);
    if (unknown_ == UnknownKeys::kIgnored) return;
    const std::string hint = names.empty() ? "; it has no options" : did_you_mean(entry.key, names);
    error(entry.place, "unknown option " + in_quotes(prefix + entry.key) + hint);
  }

  void warn_deprecated(const nek_option& option, const MapEntry& entry, const std::string& prefix) {
    if (!option.deprecated) return;
    diagnostics_.warning(entry.place, label_ + ": option " + in_quotes(prefix + entry.key) +
                                          " is deprecated; use " + in_quotes(option.deprecated));
  }

  void fill_defaults(const OptionTarget& target, Place at, const std::string& prefix,
                     const std::set<const nek_option*>& written, std::vector<nek_value>& items) {
    std::optional<Node> others = target.defaults ? parse_value(target.defaults) : std::nullopt;
    if (others) move_to(*others, at);
    for (OptionList o = target.options; *o; o++) {
      const nek_option& option = **o;
      const MapEntry* other = others ? others->find(option.name) : nullptr;
      if (written.contains(&option)) {
        if (other && is_type(option, "map") && !option.options)
          add_entries(option, other->value, prefix + option.name, *target.tree, items);
        continue;
      }
      if (other) {
        if (auto value = read_value(option, other->value, prefix + option.name, *target.tree))
          items.push_back(*value);
        continue;
      }
      if (is_absent_by_default(option)) continue;
      if (!option.fallback) {
        error(at, "option " + in_quotes(prefix + option.name) + " is required: " + option.doc);
        continue;
      }
      const std::optional<Node> node = default_node(option, at);
      if (!node) {
        error(at, "the plugin's default of " + in_quotes(prefix + option.name) +
                      " is not YAML: " + in_quotes(option.fallback));
        continue;
      }
      if (auto value = read_value(option, *node, prefix + option.name, *target.tree))
        items.push_back(*value);
    }
  }

  // Of a map with free keys: those that were not written, unless another key has their text.
  void add_entries(const nek_option& option, const Node& others, const std::string& path,
                   ConfigTree& tree, std::vector<nek_value>& items) {
    const auto of_option = [&](const nek_value& v) { return to_view(v.key) == option.name; };
    const auto map = std::find_if(items.begin(), items.end(), of_option);
    const std::optional<nek_value> more = read_value(option, others, path, tree);
    if (map == items.end() || !more) return;  // an error was reported
    std::vector<nek_value> all(map->items, map->items + map->count);
    for (uint32_t i = 0; i < more->count; i++) {
      const nek_value& other = more->items[i];
      const auto stands_for = [&](const nek_value& v) {
        return to_view(v.key) == to_view(other.key) ||
               (v.kind == NEK_STRING && other.kind == NEK_STRING &&
                to_view(v.string) == to_view(other.string));
      };
      if (std::none_of(map->items, map->items + map->count, stands_for)) all.push_back(other);
    }
    set_items(*map, std::move(all), tree);
  }

  // The fallback as a node; a list or a map is parsed, all others are text already unless quoted.
  static std::optional<Node> default_node(const nek_option& option, Place at) {
    const std::string_view text = option.fallback;
    const bool parsed = is_type(option, "list") || is_type(option, "map") ||
                        text.starts_with('"') || text.starts_with('\'');
    std::optional<Node> node;
    if (parsed) {
      node = parse_value(text);
    } else {
      node.emplace();
      node->kind = Node::Kind::kScalar;
      node->text = text;
    }
    if (node) move_to(*node, at);
    return node;
  }

  static void move_to(Node& node, Place at) {
    node.place = at;
    node.variable = true;  // a default is no secret that somebody wrote down
    for (Node& item : node.items) move_to(item, at);
    for (MapEntry& entry : node.entries) {
      entry.place = at;
      move_to(entry.value, at);
    }
  }

  std::optional<nek_value> read_value(const nek_option& option, const Node& node,
                                      const std::string& path, ConfigTree& tree) {
    std::optional<nek_value> value;
    if (is_type(option, "map")) {
      value = read_map_value(option, node, path, tree);
    } else if (is_type(option, "list")) {
      value = read_list(option, node, path, tree);
    } else {
      value = read_scalar(option, node, path, tree);
    }
    if (value) value->key = tree.keep(option.name);
    return value;
  }

  std::optional<nek_value> read_map_value(const nek_option& option, const Node& node,
                                          const std::string& path, ConfigTree& tree) {
    if (node.kind != Node::Kind::kMap) return wrong_type(node, path, "a map");
    if (!option.options) return keep_any(node, path, tree);
    const OptionTarget target{option.options, &tree};
    nek_value value = make_value(NEK_MAP, node.place);
    set_items(value, read_map(node, node.place, path + ".", {&target, 1})[0], tree);
    return value;
  }

  std::optional<nek_value> read_list(const nek_option& option, const Node& node,
                                     const std::string& path, ConfigTree& tree) {
    if (node.kind == Node::Kind::kMap) return wrong_type(node, path, "a list of texts");
    const bool single = node.kind == Node::Kind::kScalar;
    std::vector<nek_value> items;
    for (const Node& item : single ? std::vector<Node>{node} : node.items) {
      if (item.kind == Node::Kind::kNull) {
        report_empty("an item of " + in_quotes(path), item.place);
      } else if (item.kind != Node::Kind::kScalar) {
        error(item.place,
              "an item of " + in_quotes(path) + " must be text, not " + kind_name(item.kind));
      } else if (check_words(option, item, path)) {
        items.push_back(keep_text(item, tree));
      }
    }
    nek_value value = make_value(NEK_ITEMS, node.place);
    set_items(value, std::move(items), tree);
    return value;
  }

  std::optional<nek_value> read_scalar(const nek_option& option, const Node& node,
                                       const std::string& path, ConfigTree& tree) {
    if (is_type(option, "flag")) return read_flag(node, path);
    if (is_type(option, "real")) return read_real(option, node, path);
    if (is_type(option, "integer"))
      return read_integer(option, node, path, "an integer", parse_integer);
    if (is_type(option, "duration"))
      return read_integer(option, node, path, "a duration such as 200ms, 5s, 10m, 2h or 14d",
                          parse_duration);
    if (is_type(option, "bytes"))
      return read_integer(option, node, path, "a size such as 4096, 64KiB, 1MiB or 4GB",
                          parse_bytes);
    if (is_type(option, "secret")) return read_secret(node, path, tree);
    if (is_type(option, "text") || is_type(option, "path") || is_type(option, "field")) {
      if (node.kind != Node::Kind::kScalar) return wrong_type(node, path, "text");
      if (!check_words(option, node, path)) return std::nullopt;
      return keep_text(node, tree);
    }
    error(node.place, "the plugin's option " + in_quotes(path) + " has the unknown type " +
                          in_quotes(option.type));
    return std::nullopt;
  }

  std::optional<nek_value> read_flag(const Node& node, const std::string& path) {
    if (node.text != "true" && node.text != "false") return wrong_type(node, path, "true or false");
    nek_value value = make_value(NEK_FLAG, node.place);
    value.integer = node.text == "true";
    return value;
  }

  std::optional<nek_value> read_real(const nek_option& option, const Node& node,
                                     const std::string& path) {
    const std::optional<double> number = parse_real(node.text);
    if (!number) return wrong_type(node, path, "a number");
    if (option.range && !in_range(option.range, *number, parse_real))
      return out_of_range(option, node, path);
    nek_value value = make_value(NEK_REAL, node.place);
    value.real = *number;
    return value;
  }

  std::optional<nek_value> read_integer(const nek_option& option, const Node& node,
                                        const std::string& path, const char* what,
                                        std::optional<int64_t> (*parse)(std::string_view)) {
    const std::optional<int64_t> number = parse(node.text);
    if (!number) return wrong_type(node, path, what);
    if (option.range && !in_range(option.range, *number, parse))
      return out_of_range(option, node, path);
    nek_value value = make_value(NEK_INTEGER, node.place);
    value.integer = *number;
    return value;
  }

  std::optional<nek_value> read_secret(const Node& node, const std::string& path,
                                       ConfigTree& tree) {
    if (node.kind != Node::Kind::kScalar) {
      error(node.place, in_quotes(path) + " must be text, not " + kind_name(node.kind));
      return std::nullopt;
    }
    if (!node.variable) {
      error(node.place, in_quotes(path) +
                            " is a secret and may not stand in the file; write ${VARIABLE}, or " +
                            in_quotes(path + std::string(kFileSuffix)) +
                            " and the path of a file that holds it");
      return std::nullopt;
    }
    return keep_text(node, tree);
  }

  std::optional<nek_value> read_secret_file(const nek_option& option, const MapEntry& entry,
                                            const std::string& prefix, ConfigTree& tree) {
    const Node& node = entry.value;
    if (node.kind != Node::Kind::kScalar) return wrong_type(node, prefix + entry.key, "a path");
    Result<std::string> text = read_text_file(node.text, kMaxSecretBytes);
    if (!text.ok()) {
      error(node.place, in_quotes(prefix + entry.key) + ": cannot read " + in_quotes(node.text) +
                            ": " + text.status().message());
      return std::nullopt;
    }
    if (text->ends_with('\n')) text->pop_back();
    if (text->ends_with('\r')) text->pop_back();
    if (!valid_utf8(*text)) {
      error(node.place, in_quotes(node.text) + " is not UTF-8 text");
      return std::nullopt;
    }
    nek_value value = make_value(NEK_STRING, node.place);
    value.key = tree.keep(option.name);
    value.string = tree.keep(std::move(*text));
    return value;
  }

  // "a|b" in a range are the words that a text may be.
  bool check_words(const nek_option& option, const Node& node, const std::string& path) {
    if (!option.range) return true;
    const std::vector<std::string> words = split(option.range, '|');
    if (std::find(words.begin(), words.end(), node.text) != words.end()) return true;
    const std::string meant = nearest(node.text, words);
    error(node.place, in_quotes(path) + " must be " + join_words(words) + ", not " +
                          in_quotes(node.text) +
                          (meant.empty() ? "" : "; did you mean " + in_quotes(meant) + "?"));
    return false;
  }

  std::nullopt_t wrong_type(const Node& node, const std::string& path, const std::string& what) {
    const std::string got =
        node.kind == Node::Kind::kScalar ? in_quotes(node.text) : kind_name(node.kind);
    error(node.place, in_quotes(path) + " must be " + what + ", not " + got);
    return std::nullopt;
  }

  std::nullopt_t out_of_range(const nek_option& option, const Node& node, const std::string& path) {
    const std::string_view range = option.range;
    const size_t dots = range.find("..");
    const std::string low(range.substr(0, dots)), high(range.substr(dots + 2));
    const std::string bounds = high.empty()  ? "at least " + low
                               : low.empty() ? "at most " + high
                                             : "between " + low + " and " + high;
    error(node.place, in_quotes(path) + " must be " + bounds + ", not " + node.text);
    return std::nullopt;
  }

  static nek_value keep_text(const Node& node, ConfigTree& tree) {
    nek_value value = make_value(NEK_STRING, node.place);
    value.string = tree.keep(node.text);
    return value;
  }

  // A map with any keys, as written; all that is in it is text.
  nek_value keep_any(const Node& node, const std::string& path, ConfigTree& tree) {
    if (node.kind == Node::Kind::kScalar) return keep_text(node, tree);
    nek_value value = make_value(node.kind == Node::Kind::kMap ? NEK_MAP : NEK_ITEMS, node.place);
    std::vector<nek_value> items;
    items.reserve(node.items.size() + node.entries.size());
    for (const Node& item : node.items) items.push_back(keep_any(item, path, tree));
    for (const MapEntry& entry : node.entries) {
      items.push_back(keep_any(entry.value, path + "." + entry.key, tree));
      items.back().key = tree.keep(entry.key);
    }
    if (node.kind == Node::Kind::kNull) report_empty(in_quotes(path), node.place);
    set_items(value, std::move(items), tree);
    return value;
  }

  void report_empty(const std::string& what, Place place) {
    error(place, what + " is empty; a text such as null or ~ must be in quotes");
  }

  static void set_items(nek_value& value, std::vector<nek_value> items, ConfigTree& tree) {
    value.count = static_cast<uint32_t>(items.size());
    if (!items.empty()) value.items = tree.keep_items(std::move(items));
  }

  const std::string& label_;
  Diagnostics& diagnostics_;
  const UnknownKeys unknown_;
};

}  // namespace

void read_options(const Node& map, Place at, const std::string& label,
                  std::span<const OptionTarget> targets, Diagnostics& diagnostics,
                  UnknownKeys unknown) {
  if (map.kind != Node::Kind::kMap && map.kind != Node::Kind::kNull)
    return diagnostics.error(map.place,
                             label + ": the options must be a map, not " + kind_name(map.kind));
  auto items = OptionReader(label, diagnostics, unknown).read_map(map, at, "", targets);
  for (size_t t = 0; t < targets.size(); t++) {
    ConfigTree& tree = *targets[t].tree;
    nek_value& root = tree.root();
    root = make_value(NEK_MAP, at);
    root.key = tree.keep(label);
    root.count = static_cast<uint32_t>(items[t].size());
    if (!items[t].empty()) root.items = tree.keep_items(std::move(items[t]));
  }
}

const nek_option* find_option(OptionList options, std::string_view name) {
  for (; *options; options++)
    if ((*options)->name == name) return *options;
  return nullptr;
}

}  // namespace nek
