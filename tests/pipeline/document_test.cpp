// SPDX-License-Identifier: Apache-2.0
#include "pipeline/document.h"

#include <catch2/catch.hpp>

#include "fakes.h"

using namespace nek;

namespace {

struct Parsed {
  std::optional<Document> document;
  std::string messages, printed;
};

Parsed parse(const std::string& text, const fake::Variables& variables = {}) {
  Diagnostics diagnostics("p.yaml", text);
  const Environment environment = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(std::string(name));
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  Parsed parsed;
  parsed.document = parse_document("p.yaml", text, environment, diagnostics);
  parsed.messages = fake::messages(diagnostics);
  parsed.printed = diagnostics.print();
  return parsed;
}

std::string error_of(const std::string& text, const fake::Variables& variables = {}) {
  const Parsed parsed = parse(text, variables);
  CHECK(parsed.document.has_value() == parsed.messages.empty());
  return parsed.messages;
}

// The scalar of a top-level key.
std::string value_of(const std::string& text, std::string_view key,
                     const fake::Variables& variables = {}) {
  const Parsed parsed = parse(text, variables);
  CHECK(parsed.messages == "");
  REQUIRE(parsed.document);
  const MapEntry* entry = parsed.document->root.find(key);
  REQUIRE(entry);
  return entry->value.text;
}

// "k=v k=[...]" of a tree, to compare at a glance.
std::string flat(const Node& node) {
  std::string out;
  switch (node.kind) {
    case Node::Kind::kNull: return "~";
    case Node::Kind::kScalar: return node.text;
    case Node::Kind::kSequence:
      for (const Node& item : node.items) out += (out.empty() ? "" : " ") + flat(item);
      return "[" + out + "]";
    case Node::Kind::kMap:
      for (const MapEntry& e : node.entries)
        out += (out.empty() ? "" : " ") + e.key + "=" + flat(e.value);
      return "{" + out + "}";
  }
  return out;
}

std::string tree_of(const std::string& text) {
  const Parsed parsed = parse(text);
  CHECK(parsed.messages == "");
  REQUIRE(parsed.document);
  return flat(parsed.document->root);
}

}  // namespace

TEST_CASE("places are those of the text, counted from 1") {
  const Parsed parsed = parse("a:\n  b: [x, \"y\"]\n");
  REQUIRE(parsed.document);
  const MapEntry& a = parsed.document->root.entries[0];
  CHECK(a.place == Place{1, 1});
  const MapEntry& b = a.value.entries[0];
  CHECK(b.place == Place{2, 3});
  CHECK(b.value.kind == Node::Kind::kSequence);
  CHECK(b.value.place == Place{2, 6});
  CHECK(b.value.items[1].place == Place{2, 10});
  CHECK_FALSE(b.value.items[0].quoted);
  CHECK(b.value.items[1].quoted);
}

TEST_CASE("values stay text: 007 is not 7, NO is not false") {
  CHECK(tree_of("a: 007\nb: NO\nc: 1e3\nd: ~\ne: '~'\n") == "{a=007 b=NO c=1e3 d=~ e=~}");
  const Parsed parsed = parse("d: ~\ne: '~'\n");
  REQUIRE(parsed.document);
  CHECK(parsed.document->root.find("d")->value.kind == Node::Kind::kNull);
  CHECK(parsed.document->root.find("e")->value.kind == Node::Kind::kScalar);
}

TEST_CASE("a duplicate key is an error that names both places") {
  CHECK(error_of("a: 1\nb: {c: 1, d: 2, c: 3}\na: 2\n") ==
        "2:17: duplicate key 'c'; the first one is in line 2, column 5\n"
        "3:1: duplicate key 'a'; the first one is in line 1, column 1\n");
}

TEST_CASE("an alias is a copy of what its anchor marks") {
  CHECK(tree_of("a: &x {k: 1}\nb: *x\nc: [*x, &y z, *y]\n") == "{a={k=1} b={k=1} c=[{k=1} z z]}");
}

TEST_CASE("a merge key adds the keys of a map that are not written beside it") {
  CHECK(tree_of("x-base: &b {k: 1, l: 2}\na: {<<: *b, k: 3}\n") == "{a={k=3 l=2}}");
  CHECK(tree_of("x-a: &a {k: 1}\nx-b: &b {k: 2, l: 2}\nc: {<<: [*a, *b], m: 3}\n") ==
        "{c={m=3 k=1 l=2}}");
  CHECK(tree_of("a: {'<<': b}\n") == "{a={<<=b}}");
}

TEST_CASE("a merge key that holds no map is an error") {
  CHECK(error_of("a: {<<: b}\n") == "1:9: '<<' takes a map or a list of maps, not text\n");
  CHECK(error_of("a: {<<: [{k: v}, []]}\n") ==
        "1:18: '<<' takes a map or a list of maps, not a list\n");
}

TEST_CASE("top-level keys that begin with x- hold anchors and are gone afterwards") {
  CHECK(tree_of("x-hosts: &h ${NOT_SET}\nb: 1\n") == "{b=1}");
}

TEST_CASE("an alias without an anchor, or inside its own, is an error") {
  CHECK(error_of("a: *nope\n") ==
        "1:4: YAML: no anchor of this name stands above; a text that begins with * must be in "
        "quotes\n");
  CHECK(error_of("a: &x [1, *x]\n") == "1:11: an alias cannot stand inside its own anchor\n");
}

TEST_CASE("an alias bomb is refused") {
  std::string text = "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n";
  for (int i = 1; i < 10; i++) {
    const std::string before = "*x" + std::to_string(i - 1);
    text += "x" + std::to_string(i) + ": &x" + std::to_string(i) + " [" + before;
    for (int j = 1; j < 10; j++) text += ", " + before;
    text += "]\n";
  }
  CHECK(error_of(text) == "5:40: more than 100000 values, aliases counted each time\n");
}

TEST_CASE("what is nested too deep is refused, by brackets or by aliases") {
  CHECK(error_of("a: " + std::string(100, '[') + std::string(100, ']') + "\n") ==
        "1:67: maps and lists are nested deeper than 64\n");
  CHECK(error_of("a: " + std::string(3000, '[') + std::string(3000, ']') + "\n") ==
        "1:67: maps and lists are nested deeper than 64\n");
  CHECK(error_of("a: " + std::string(20'000, '[') + "\n").find("nested too deep") !=
        std::string::npos);
  const std::string nest = std::string(40, '[');
  const std::string close = std::string(40, ']');
  CHECK(error_of("a: &a " + nest + "x" + close + "\nb: " + nest + "*a" + close + "\n") ==
        "2:44: maps and lists are nested deeper than 64\n");
}

TEST_CASE("variables are replaced in values, not in keys, after parsing") {
  const fake::Variables variables = {{"A", "x: y"}, {"EMPTY", ""}};
  CHECK(value_of("k: a ${A} b\n", "k", variables) == "a x: y b");
  CHECK(value_of("k: '${A}'\n", "k", variables) == "x: y");
  CHECK(value_of("k: ${A}${A}\n", "k", variables) == "x: yx: y");
  CHECK(value_of("k: '${NONE:-d: e}'\n", "k", variables) == "d: e");
  CHECK(value_of("k: ${EMPTY:-d}\n", "k", variables) == "d");
  CHECK(value_of("k: '${EMPTY}'\n", "k", variables) == "");
  CHECK(value_of("k: ${NONE:-}\n", "k", variables) == "");
  CHECK(value_of("${A}: z\n", "${A}", variables) == "z");
}

TEST_CASE("two dollars are one, and a dollar before anything else is itself") {
  CHECK(value_of("k: $${A} $$ ^x$\n", "k") == "${A} $ ^x$");
  CHECK(value_of("k: $A $1\n", "k") == "$A $1");
}

TEST_CASE("a variable's value is not expanded again") {
  CHECK(value_of("k: ${A}\n", "k", {{"A", "${B} $$"}}) == "${B} $$");
}

TEST_CASE("a variable that is not set, or none at all, is an error at its value") {
  CHECK(error_of("a: 1\nk: x${NONE}\n") ==
        "2:4: variable 'NONE' is not set; ${NONE:-VALUE} would give it a default\n");
  CHECK(error_of("k: ${A\n") == "1:4: '${' is not closed; write $${ for the text '${'\n");
  CHECK(error_of("k: ${a.b}\n") == "1:4: '${a.b}' is no variable; write $${ for the text '${'\n");
  CHECK(error_of("a: &x ${NONE}\nb: [*x, *x]\n") ==
        "1:4: variable 'NONE' is not set; ${NONE:-VALUE} would give it a default\n");
}

TEST_CASE("a tab that indents is named as such") {
  const std::string expected = "3:1: YAML: a tab cannot indent; use blanks\n";
  CHECK(error_of("a:\n  b: 1\n\tc: 2\n") == expected);
  CHECK(error_of("a:\n  - b\n\t- c\n") == expected);
  CHECK(error_of("a:\n\tb: 1\n") == "2:1: YAML: a tab cannot indent; use blanks\n");
}

TEST_CASE("an error in flow style hints at quotes") {
  const std::string hint =
      "; inside {…} and […] a value with , [ ] { or } in it, such as ${NAME}, must be in quotes\n";
  CHECK(error_of("a: {b: c, d: [1, }\n") == "1:18: YAML: this bracket closes nothing" + hint);
  CHECK(error_of("a: {b: c\nd: e\n") == "2:2: YAML: a '{' is not closed before this" + hint);
  CHECK(error_of("a: [b\nc: d\n") == "2:2: YAML: a '[' is not closed before this" + hint);
  CHECK(error_of("a: [${A}]\n") == "1:6: YAML: a '[' is not closed before this" + hint);
  CHECK(error_of("a: {{ b }}\n") ==
        "1:5: a map cannot be a key; a text that begins with { or [ must be in quotes\n");
}

TEST_CASE("an error of colons, quotes or indentation says what to do") {
  CHECK(error_of("a: b: c\n") ==
        "1:5: YAML: a second ': ' in one line, or a wrong indentation; a value that contains ': ' "
        "must be in quotes\n");
  CHECK(error_of("a: {sa:sc}\n") ==
        "1:5: 'sa:sc' has no value; is a blank missing after the colon?\n");
  CHECK(error_of("a: \"b\" c\n") ==
        "1:8: YAML: this does not belong to the map above, nor to the text before it; keys of one "
        "map "
        "begin in the same column\n");
  CHECK(error_of("a:\n   b: 1\n  c: 2\n") ==
        "3:3: YAML: this does not belong to the map above, nor to the text before it; keys of one "
        "map "
        "begin in the same column\n");
  CHECK(error_of("a: @b\n") ==
        "1:4: YAML: a value cannot begin with this character; put it in quotes\n");
  CHECK(
      error_of("a: \"\\d\"\n") ==
      "1:7: YAML: unknown escape character: d; in \"…\" a backslash begins an escape, in '…' it is "
      "just a backslash\n");
}

TEST_CASE("a quote that is never closed is found") {
  CHECK(error_of("a: 1\nb: 'c\nd: e\n") == "2:4: YAML: this quote is never closed\n");
  CHECK(error_of("b: \"c\\\"\nd: e\n") == "1:4: YAML: this quote is never closed\n");
  CHECK(value_of("b: 'it''s'\n", "b") == "it's");
  CHECK(value_of("b: \"a\\\"\"", "b") == "a\"");
}

TEST_CASE("a file holds one document, and not nothing") {
  CHECK(error_of("") == "0:0: the file is empty\n");
  CHECK(error_of("# only a comment\n") == "0:0: the file is empty\n");
  CHECK(error_of("a: 1\n---\nb: 2\n") ==
        "3:1: a second YAML document begins here; a file holds one pipeline\n");
}

TEST_CASE("what YAML allows and a pipeline has no use for is an error") {
  CHECK(error_of("a: !secret b\n") == "1:4: tags such as '!secret' have no meaning here\n");
  CHECK(error_of("? [a]\n: b\n") ==
        "1:3: a list cannot be a key; a text that begins with { or [ must be in quotes\n");
  CHECK(error_of("~: b\n") == "1:1: a key must be text\n");
  CHECK(value_of("a: !!str 007\n", "a") == "007");
}

TEST_CASE("a line that is not UTF-8 is named") {
  CHECK(error_of("a: 1\nb: \xff\n") == "2:1: this line is not UTF-8\n");
}

TEST_CASE("a byte order mark and Windows line ends do no harm") {
  CHECK(tree_of("\xef\xbb\xbf"
                "a: 1\r\nb:\r\n  - c\r\n") == "{a=1 b=[c]}");
}

TEST_CASE("a value of its own may be any YAML in one line") {
  const auto map = parse_value("{sa: sc, da: dc}");
  REQUIRE(map);
  CHECK(flat(*map) == "{sa=sc da=dc}");
  CHECK_FALSE(parse_value("{sa: "));
}

TEST_CASE("the source line is printed with a caret below the place") {
  CHECK(parse("a: 1\nwörld: {b: c, b: d}\r\n").printed ==
        "p.yaml:2:16: duplicate key 'b'; the first one is in line 2, column 10\n"
        "    wörld: {b: c, b: d}\n"
        "                  ^\n");
}
