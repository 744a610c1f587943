// SPDX-License-Identifier: Apache-2.0
#include "pipeline/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "nek/text.hpp"

namespace nek {
namespace {

constexpr size_t kMaxNodes = 100'000;  // aliases count each time: an alias bomb ends here
constexpr size_t kMaxDepth = 64;       // lets everybody else recurse without a thought

Place place_of(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {static_cast<uint32_t>(mark.line + 1), static_cast<uint32_t>(mark.column + 1)};
}

struct Size {
  size_t nodes = 1, depth = 1;
};

Size measure(const Node& node) {
  Size size;
  auto include = [&size](const Node& child) {
    const Size inner = measure(child);
    size.nodes += inner.nodes;
    size.depth = std::max(size.depth, inner.depth + 1);
  };
  for (const Node& item : node.items) include(item);
  for (const MapEntry& entry : node.entries) include(entry.value);
  return size;
}

// Makes the tree from the parser's events. After the first error of structure it ignores the rest.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  const std::optional<Node>& root() const { return root_; }
  Node take_root() { return std::move(*root_); }
  const std::optional<YAML::Mark>& last_quoted() const { return last_quoted_; }
  bool too_deep() const { return too_deep_; }  // that was said

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark&, const std::string&) override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.place = place_of(mark);
    finish(std::move(node), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = begin(Node::Kind::kScalar, mark, tag);
    node.quoted = tag != "?";
    node.text = value;
    if (node.quoted) last_quoted_ = mark;
    finish(std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (failed_) return;
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      return fail(place_of(mark), "an alias cannot stand inside its own anchor");
    const Size size = measure(found->second);
    if (open_.size() + size.depth > kMaxDepth) return fail_depth(place_of(mark));
    if (!count(size.nodes, place_of(mark))) return;
    finish(Node(found->second), 0);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(begin(Node::Kind::kSequence, mark, tag), anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(begin(Node::Kind::kMap, mark, tag), anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override {
    if (failed_) return;
    report_duplicates(open_.back().node);
    apply_merge(open_.back().node);
    close();
  }

 private:
  struct Frame {
    Node node;
    YAML::anchor_t anchor = 0;
    std::optional<MapEntry> key;  // a map's entry whose value comes next
  };

  Node begin(Node::Kind kind, const YAML::Mark& mark, const std::string& tag) {
    Node node;
    node.kind = kind;
    node.place = place_of(mark);
    const bool known =
        tag.empty() || tag == "?" || tag == "!" || tag.starts_with("tag:yaml.org,2002:");
    if (!known) fail(node.place, "tags such as " + in_quotes(tag) + " have no meaning here");
    return node;
  }

  void open(Node node, YAML::anchor_t anchor) {
    if (failed_) return;
    if (open_.size() >= kMaxDepth) return fail_depth(node.place);
    if (!count(1, node.place)) return;
    if (expects_key()) {
      return fail(node.place,
                  std::string(kind_name(node.kind)) +
                      " cannot be a key; a text that begins with { or [ must be in quotes");
    }
    open_.push_back({std::move(node), anchor, std::nullopt});
  }

  void close() {
    if (failed_) return;
    Frame frame = std::move(open_.back());
    open_.pop_back();
    if (frame.anchor && !count(measure(frame.node).nodes, frame.node.place)) return;
    attach(std::move(frame.node), frame.anchor);
  }

  void finish(Node node, YAML::anchor_t anchor) {
    if (failed_ || !count(1, node.place)) return;
    attach(std::move(node), anchor);
  }

  void attach(Node node, YAML::anchor_t anchor) {
    if (anchor) anchors_.insert_or_assign(anchor, node);
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& parent = open_.back();
    if (parent.node.kind == Node::Kind::kSequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      set_key(parent, std::move(node));
    } else {
      check_colon(*parent.key, node);
      parent.key->value = std::move(node);
      parent.node.entries.push_back(std::move(*parent.key));
      parent.key.reset();
    }
  }

  void set_key(Frame& parent, Node node) {
    if (node.kind != Node::Kind::kScalar) return fail(node.place, "a key must be text");
    parent.key = MapEntry{std::move(node.text), node.place, node.quoted, {}};
  }

  // {sa:sc} is one key without a value for YAML, and never what was meant.
  void check_colon(const MapEntry& key, const Node& value) {
    if (value.kind != Node::Kind::kNull || key.quoted || key.key.find(':') == std::string::npos)
      return;
    diagnostics_.error(key.place,
                       in_quotes(key.key) + " has no value; is a blank missing after the colon?");
  }

  bool expects_key() const {
    return !open_.empty() && open_.back().node.kind == Node::Kind::kMap && !open_.back().key;
  }

  void report_duplicates(const Node& map) {
    std::unordered_map<std::string_view, Place> seen;
    for (const MapEntry& entry : map.entries) {
      const auto [first, fresh] = seen.emplace(entry.key, entry.place);
      if (fresh) continue;
      diagnostics_.error(entry.place, "duplicate key " + in_quotes(entry.key) +
                                          "; the first one is in line " +
                                          std::to_string(first->second.line) + ", column " +
                                          std::to_string(first->second.column));
    }
  }

  // "<<: *base" or "<<: [*first, *second]": their keys follow our own, which win; so do earlier
  // bases.
  void apply_merge(Node& map) {
    const auto merge = std::find_if(map.entries.begin(), map.entries.end(),
                                    [](const MapEntry& e) { return e.key == "<<" && !e.quoted; });
    if (merge == map.entries.end()) return;
    Node bases = std::move(merge->value);
    map.entries.erase(merge);
    std::unordered_set<std::string> taken;
    for (const MapEntry& entry : map.entries) taken.insert(entry.key);
    auto add = [&](Node& base) {
      if (base.kind != Node::Kind::kMap) {
        diagnostics_.error(base.place, "'<<' takes a map or a list of maps, not " +
                                           std::string(kind_name(base.kind)));
        return;
      }
      for (MapEntry& entry : base.entries)
        if (taken.insert(entry.key).second) map.entries.push_back(std::move(entry));
    };
    if (bases.kind != Node::Kind::kSequence) return add(bases);
    for (Node& base : bases.items) add(base);
  }

  bool count(size_t nodes, Place place) {
    nodes_ += nodes;
    if (nodes_ <= kMaxNodes) return true;
    fail(place, "more than " + std::to_string(kMaxNodes) + " values, aliases counted each time");
    return false;
  }

  void fail_depth(Place place) {
    too_deep_ |= !failed_;
    fail(place, "maps and lists are nested deeper than " + std::to_string(kMaxDepth));
  }

  void fail(Place place, std::string text) {
    if (!failed_) diagnostics_.error(place, std::move(text));
    failed_ = true;
  }

  Diagnostics& diagnostics_;
  std::vector<Frame> open_;
  std::unordered_map<YAML::anchor_t, Node> anchors_;
  std::optional<Node> root_;
  std::optional<YAML::Mark> last_quoted_;
  size_t nodes_ = 0;
  bool failed_ = false, too_deep_ = false;
};

// What the YAML library says, in the words of someone who wants to mend the file.
std::string explain(const std::string& message) {
  struct Explanation {
    std::string_view says, means, hint;
  };
  constexpr std::string_view kIndent = "keys of one map begin in the same column";
  constexpr std::string_view kFlow =
      "inside {…} and […] a value with , [ ] { or } in it, such as ${NAME}, must be in quotes";
  static constexpr Explanation kExplanations[] = {
      {"illegal map value", "a second ': ' in one line, or a wrong indentation",
       "a value that contains ': ' must be in quotes"},
      {"end of map not found", "this does not belong to the map above, nor to the text before it",
       kIndent},
      {"end of sequence not found", "this does not belong to the list above",
       "its items begin with '-' in the same column"},
      {"end of map flow not found", "a '{' is not closed before this", kFlow},
      {"end of sequence flow not found", "a '[' is not closed before this", kFlow},
      {"illegal flow end", "this bracket closes nothing", kFlow},
      {"illegal block entry", "a list item '-' cannot begin here", "put it on a line of its own"},
      {"illegal map key", "a key cannot begin here", kIndent},
      {"unknown token", "a value cannot begin with this character", "put it in quotes"},
      {"the referenced anchor is not defined", "no anchor of this name stands above",
       "a text that begins with * must be in quotes"},
      {"illegal tab when looking for indentation", "a tab cannot indent", "use blanks"},
      {"bad file", "maps and lists are nested too deep", "write them on lines of their own"},
  };
  for (const Explanation& e : kExplanations) {
    if (message == e.says) return std::string(e.means) + "; " + std::string(e.hint);
  }
  if (message.starts_with("unknown escape character"))
    return message + "; in \"…\" a backslash begins an escape, in '…' it is just a backslash";
  return message;
}

// The place of a tab that indents the line of the error or the one before; line 0: there is none.
Place find_tab(std::string_view text, uint32_t error_line) {
  uint32_t line = 1;
  Place found;
  for (size_t at = 0; at < text.size() && line <= error_line; line++) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const size_t indent = text.substr(at, end - at).find_first_not_of(" \t");
    const size_t tab =
        text.substr(at, indent == std::string_view::npos ? end - at : indent).find('\t');
    if (tab != std::string_view::npos && line + 1 >= error_line)
      found = {line, static_cast<uint32_t>(tab + 1)};
    at = end + 1;
  }
  return found;
}

void report_yaml_error(const YAML::Exception& e, std::string_view text, Diagnostics& diagnostics) {
  const Place place = place_of(e.mark);
  if (const Place tab = find_tab(text, place.line); tab.line > 0)
    return diagnostics.error(tab, "YAML: a tab cannot indent; use blanks");
  diagnostics.error(place, "YAML: " + explain(e.msg));
}

// The library takes a text that is never closed until the end of the file; that hides all that
// follows.
bool is_unclosed(std::string_view text, const YAML::Mark& mark) {
  const auto begin = static_cast<size_t>(mark.pos);
  if (begin >= text.size() || (text[begin] != '"' && text[begin] != '\'')) return false;
  const char quote = text[begin];
  for (size_t i = begin + 1; i < text.size(); i++) {
    if (text[i] == '\\' && quote == '"') {
      i++;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 == text.size() || text[i + 1] != quote) return false;
      i++;
    }
  }
  return true;
}

// The first line that is not UTF-8; 0: all are.
uint32_t find_invalid_line(std::string_view text) {
  uint32_t line = 1;
  for (size_t at = 0; at < text.size(); line++) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (!valid_utf8(text.substr(at, end - at))) return line;
    at = end + 1;
  }
  return 0;
}

std::optional<Node> parse_tree(std::string_view text, Diagnostics& diagnostics) {
  const size_t errors = diagnostics.error_count();
  if (const uint32_t line = find_invalid_line(text); line > 0) {
    diagnostics.error({line, 1}, "this line is not UTF-8");
    return std::nullopt;
  }
  TreeBuilder builder(diagnostics);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      diagnostics.error({}, "the file is empty");
      return std::nullopt;
    }
    if (builder.last_quoted() && is_unclosed(text, *builder.last_quoted()))
      diagnostics.error(place_of(*builder.last_quoted()), "YAML: this quote is never closed");
    TreeBuilder second(diagnostics);
    if (diagnostics.error_count() == errors && parser.HandleNextDocument(second)) {
      diagnostics.error(second.root() ? second.root()->place : Place{},
                        "a second YAML document begins here; a file holds one pipeline");
    }
  } catch (const YAML::Exception& e) {
    const bool is_said = builder.too_deep() && e.msg == YAML::ErrorMsg::BAD_FILE;
    if (!is_said) report_yaml_error(e, text, diagnostics);
  }
  if (diagnostics.error_count() > errors || !builder.root()) return std::nullopt;
  return builder.take_root();
}

bool is_name(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

// Replaces ${NAME}, ${NAME:-default} and $$ in all scalars; keys are left alone.
class VariableExpander {
 public:
  VariableExpander(const Environment& environment, Diagnostics& diagnostics)
      : environment_(environment), diagnostics_(diagnostics) {}

  void expand(Node& node) {
    for (Node& item : node.items) expand(item);
    for (MapEntry& entry : node.entries) expand(entry.value);
    if (node.kind == Node::Kind::kScalar && node.text.find('$') != std::string::npos)
      expand_text(node);
  }

 private:
  void expand_text(Node& node) {
    std::string out;
    std::string_view rest = node.text;
    while (!rest.empty()) {
      const size_t dollar = rest.find('$');
      out += rest.substr(0, dollar);
      if (dollar == std::string_view::npos) break;
      rest.remove_prefix(dollar);
      if (rest.starts_with("$$")) {
        out += '$';
        rest.remove_prefix(2);
      } else if (rest.starts_with("${")) {
        const size_t end = rest.find('}');
        if (end == std::string_view::npos)
          return diagnostics_.error(node.place, "'${' is not closed; write $${ for the text '${'");
        out += value_of(rest.substr(2, end - 2), node.place);
        node.variable = true;
        rest.remove_prefix(end + 1);
      } else {
        out += '$';
        rest.remove_prefix(1);
      }
    }
    node.text = std::move(out);
  }

  std::string value_of(std::string_view reference, Place place) {
    const size_t colon = reference.find(":-");
    const std::string name(reference.substr(0, colon));
    if (!is_name(name)) {
      diagnostics_.error(place, in_quotes("${" + std::string(reference) + "}") +
                                    " is no variable; write $${ for the text '${'");
      return {};
    }
    std::optional<std::string> value = environment_(name);
    if (value && !valid_utf8(*value)) {
      diagnostics_.error(place, "the value of variable " + in_quotes(name) + " is not UTF-8");
      return {};
    }
    if (colon != std::string_view::npos)
      return value && !value->empty() ? *value : std::string(reference.substr(colon + 2));
    if (value) return *value;
    diagnostics_.error(place, "variable " + in_quotes(name) + " is not set; ${" + name +
                                  ":-VALUE} would give it a default");
    return {};
  }

  const Environment& environment_;
  Diagnostics& diagnostics_;
};

}  // namespace

const MapEntry* Node::find(std::string_view key) const {
  for (const MapEntry& entry : entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

const char* kind_name(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::kNull: return "nothing";
    case Node::Kind::kScalar: return "text";
    case Node::Kind::kSequence: return "a list";
    case Node::Kind::kMap: return "a map";
  }
  return "something";
}

std::optional<std::string> process_environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  if (!value) return std::nullopt;
  return value;
}

std::optional<Document> parse_document(std::string file, std::string_view text,
                                       const Environment& environment, Diagnostics& diagnostics) {
  const size_t errors = diagnostics.error_count();
  std::optional<Node> root = parse_tree(text, diagnostics);
  if (!root) return std::nullopt;
  std::erase_if(root->entries, [](const MapEntry& entry) { return entry.key.starts_with("x-"); });
  VariableExpander(environment, diagnostics).expand(*root);
  if (diagnostics.error_count() > errors) return std::nullopt;
  return Document{std::move(file), std::move(*root)};
}

std::optional<Node> parse_value(std::string_view text) {
  Diagnostics ignored("", "");
  return parse_tree(text, ignored);
}

}  // namespace nek
