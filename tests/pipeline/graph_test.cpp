// SPDX-License-Identifier: Apache-2.0
#include "pipeline/graph.h"

#include <catch2/catch.hpp>

#include "fakes.h"

using namespace nek;

namespace {

constexpr uint32_t kText = NEK_TYPE_BIT(NEK_TEXT);
constexpr uint32_t kAnyNumber = NEK_TYPE_BIT(NEK_INT64) | NEK_TYPE_BIT(NEK_UINT64);

// A shape and what it points at.
struct Shape {
  std::vector<nek_need> reads;
  std::vector<std::vector<nek_field>> fields;
  std::vector<nek_stream> streams;
  bool reads_all = false, once = false;
  nek_shape shape{};

  Shape& need(const char* name, uint32_t types = kText, bool optional = false) {
    reads.push_back({name, types, optional});
    return *this;
  }
  Shape& stream(const char* name, uint32_t kind, std::vector<nek_field> adds = {}) {
    fields.push_back(std::move(adds));
    streams.push_back({name, kind, 0, nullptr});
    return *this;
  }
  Shape& read_once() {
    once = true;
    return *this;
  }
  Shape& all() {
    reads_all = true;
    return *this;
  }
  const nek_shape* get() {  // last: the shape may have been copied
    for (size_t i = 0; i < streams.size(); i++) {
      streams[i].add_count = static_cast<uint32_t>(fields[i].size());
      streams[i].adds = fields[i].empty() ? nullptr : fields[i].data();
    }
    shape = {sizeof shape,
             reads_all,
             static_cast<uint32_t>(reads.size()),
             static_cast<uint32_t>(streams.size()),
             reads.data(),
             streams.data(),
             0,
             0,
             once};
    return &shape;
  }
};

Shape csv() {
  return Shape().stream("out", NEK_DERIVED,
                        {{"ts", NEK_TIME, NEK_EVENT_TIME},
                         {"sa", NEK_TEXT, 0},
                         {"flg", NEK_TEXT, 0},
                         {"pkt", NEK_UINT64, 0}});
}
Shape open_decoder() { return Shape().stream("out", NEK_DERIVED); }
Shape geoip() { return Shape().need("sa").stream("out", NEK_PASS, {{"sc", NEK_DICT_TEXT, 0}}); }
Shape flags() { return Shape().need("flg").stream("out", NEK_PASS, {{"flags", NEK_DICT_LIST, 0}}); }
Shape split() {
  return Shape()
      .need("flags", NEK_TYPE_BIT(NEK_DICT_LIST))
      .stream("syn", NEK_SUBSET)
      .stream("all", NEK_PASS);
}
Shape json() { return Shape().all(); }

struct Built {
  std::optional<Graph> graph;
  std::string messages;
};

// `shapes`: of the component with that id; an input's is its decoder's (its own is "ID itself"), an
// output's its encoder's.
Built build(const std::string& yaml, std::map<std::string, Shape> shapes) {
  const auto checked = fake::check(yaml);
  REQUIRE(checked.messages == "");
  std::vector<ComponentShape> list;
  for (const ComponentConfig& c : checked.config->components) {
    const nek_shape* shape = shapes[c.id].get();
    const bool is_filter = c.kind == Kind::kFilter;
    const auto input = shapes.find(c.id + " itself");
    const nek_shape* own = input == shapes.end() ? nullptr : input->second.get();
    list.push_back({is_filter ? shape : own, is_filter ? nullptr : shape});
  }
  Diagnostics diagnostics("p.yaml", yaml);
  Built built;
  built.graph = make_graph(*checked.config, list, diagnostics);
  built.messages = fake::messages(diagnostics);
  return built;
}

using Names = std::vector<std::string>;
using Refs = std::vector<std::pair<uint32_t, uint32_t>>;

}  // namespace

TEST_CASE("columns are needed as far up as somebody reads them and nobody below makes them") {
  const auto built = build(
      "inputs: [csv: {path: a}]\n"
      "filters:\n"
      "  - geoip: {database: d}\n"
      "  - flags:\n"
      "  - split:\n"
      "outputs:\n"
      "  - report: {id: scans, from: split.syn}\n"
      "  - report: {id: rest, from: split.all}\n",
      {{"csv", csv()},
       {"geoip", geoip()},
       {"flags", flags()},
       {"split", split()},
       {"scans", Shape().need("sc", NEK_TYPE_BIT(NEK_DICT_TEXT)).need("nek.line", kAnyNumber)},
       {"rest", Shape().need("pkt", kAnyNumber)}});
  CHECK(built.messages == "");
  REQUIRE(built.graph);
  const Graph& g = *built.graph;
  CHECK(g.steps == std::vector<uint32_t>{1, 2, 3, 4, 5});
  REQUIRE(g.nodes.size() == 6);
  CHECK(g.nodes[0].streams[0].readers == std::vector<uint32_t>{1});
  CHECK(g.nodes[0].streams[0].needed.names == Names{"flg", "pkt", "sa"});
  CHECK(g.nodes[0].wanted.names == Names{"flg", "pkt", "sa"});
  CHECK_FALSE(g.nodes[0].wanted.all);
  CHECK(g.nodes[1].streams[0].needed.names == Names{"flg", "pkt", "sc"});
  CHECK(g.nodes[1].wanted.names == Names{"sc"});
  CHECK(g.nodes[2].streams[0].needed.names == Names{"flags", "pkt", "sc"});
  CHECK(g.nodes[2].wanted.names == Names{"flags"});
  CHECK(g.nodes[3].sources == Refs{{2, 0}});
  CHECK(g.nodes[3].streams[0].name == "syn");
  CHECK(g.nodes[3].streams[0].kind == NEK_SUBSET);
  CHECK(g.nodes[3].streams[0].needed.names == Names{"sc"});
  CHECK(g.nodes[3].streams[0].readers == std::vector<uint32_t>{4});
  CHECK(g.nodes[3].streams[1].needed.names == Names{"pkt"});
  CHECK(g.nodes[4].sources == Refs{{3, 0}});
  CHECK(g.nodes[5].sources == Refs{{3, 1}});
}

TEST_CASE("an encoder that writes whatever comes makes everything above it needed") {
  const auto built = build(
      "inputs: [csv: {path: a}]\n"
      "filters: [geoip: {database: d}]\n"
      "outputs: [file: {path: o}]\n",
      {{"csv", csv()}, {"geoip", geoip()}, {"file", json()}});
  CHECK(built.messages == "");
  REQUIRE(built.graph);
  CHECK(built.graph->nodes[0].streams[0].needed.all);
  CHECK(built.graph->nodes[0].wanted.names == Names{"flg", "pkt", "sa", "ts"});
  CHECK(built.graph->nodes[1].wanted.names == Names{"sc"});
}

TEST_CASE("strict reads all columns of the inputs, read by somebody or not") {
  const auto built = build(
      "settings: {strict: true}\n"
      "inputs: [csv: {path: a}]\n"
      "filters: [geoip: {database: d}]\n"
      "outputs: [report: ]\n",
      {{"csv", csv()}, {"geoip", geoip()}, {"report", Shape()}});
  CHECK(built.messages == "");
  REQUIRE(built.graph);
  CHECK(built.graph->nodes[0].wanted.all);
  CHECK_FALSE(built.graph->nodes[0].streams[0].needed.all);
  CHECK_FALSE(built.graph->nodes[1].wanted.all);
}

TEST_CASE(
    "a decoder whose columns are known only later may bring any column, and all of them when all "
    "are read") {
  const auto built = build(
      "inputs: [csv: {path: a, codec: json}]\n"
      "filters: [geoip: {database: d}]\n"
      "outputs: [file: {path: o}, report: {from: geoip}]\n",
      {{"csv", open_decoder()},
       {"geoip", geoip()},
       {"file", json()},
       {"report", Shape().need("any")}});
  CHECK(built.messages == "");
  REQUIRE(built.graph);
  CHECK(built.graph->nodes[0].wanted.all);
}

TEST_CASE("a column that nobody makes is an error with the nearest name") {
  const auto built = build(
      "inputs: [csv: {path: a}]\n"
      "outputs: [report: ]\n",
      {{"csv", csv()}, {"report", Shape().need("pkts").need("country")}});
  CHECK_FALSE(built.graph);
  CHECK(built.messages ==
        "2:11: report: reads column 'pkts', which nobody makes before it; did you mean 'pkt'?\n"
        "2:11: report: reads column 'country', which nobody makes before it; there are: flg, pkt, "
        "sa, ts\n");
}

TEST_CASE("a column that an output is told to write, but nobody makes, is a warning") {
  const auto built = build(
      "inputs: [csv: {path: a}]\n"
      "filters: [flags: ]\n"
      "outputs: [report: , file: {path: f, from: flags}]\n",
      {{"csv", csv()},
       {"flags", Shape().need("port", kText, true).stream("out", NEK_PASS)},
       {"report", Shape().need("saa", kText, true)},
       {"file", Shape().need("sa", kText, true)}});
  CHECK(built.graph);
  CHECK(built.messages ==
        "3:11: warning: report: writes column 'saa', which nobody makes before it: it is null in "
        "all records; did you mean 'sa'?\n");
  const auto open = build("inputs: [csv: {path: a}]\noutputs: [report: ]\n",
                          {{"csv", open_decoder()}, {"report", Shape().need("saa", kText, true)}});
  CHECK(open.messages == "");
}

TEST_CASE("a column of a type that its reader does not take is an error that names both types") {
  const auto built = build(
      "inputs: [csv: {path: a}]\n"
      "outputs: [report: ]\n",
      {{"csv", csv()}, {"report", Shape().need("sa", kAnyNumber).need("flg", kAnyNumber, true)}});
  CHECK_FALSE(built.graph);
  CHECK(built.messages ==
        "2:11: report: reads column 'sa' as int64 or uint64, but 'csv' makes it text\n"
        "2:11: report: reads column 'flg' as int64 or uint64, but 'csv' makes it text\n");
}

TEST_CASE(
    "a component after one with several streams must say which it reads, and the error names "
    "them") {
  const auto built = build(
      "inputs: [csv: {path: a}]\n"
      "filters:\n"
      "  - flags:\n"
      "  - split: {id: parts}\n"
      "outputs:\n"
      "  - report:\n"
      "  - report: {from: parts}\n"
      "  - report: {from: [parts.syn, parts.al]}\n",
      {{"csv", csv()}, {"flags", flags()}, {"parts", split()}});
  CHECK_FALSE(built.graph);
  CHECK(built.messages ==
        "6:5: report: 'parts' has several streams; say by 'from' which to read: parts.syn, "
        "parts.all\n"
        "7:20: report_2: 'parts' has several streams; say by 'from' which to read: parts.syn, "
        "parts.all\n"
        "8:32: report_3: 'parts' has no stream 'al'; did you mean 'parts.all'?\n");
}

TEST_CASE("a cycle is an error that names the way round") {
  const auto built = build(
      "inputs: [csv: {path: a}]\n"
      "filters:\n"
      "  - geoip: {id: a, database: d, from: [csv, c]}\n"
      "  - geoip: {id: b, database: d}\n"
      "  - geoip: {id: c, database: d}\n"
      "outputs: [report: ]\n",
      {{"csv", csv()}, {"a", geoip()}, {"b", geoip()}, {"c", geoip()}});
  CHECK_FALSE(built.graph);
  CHECK(built.messages == "3:45: a: 'from' makes a cycle: a → b → c → a\n");
}

TEST_CASE("a filter that reads itself is a cycle") {
  const auto built = build(
      "inputs: [csv: {path: a}]\n"
      "filters: [geoip: {database: d, from: geoip}]\n"
      "outputs: [report: ]\n",
      {{"csv", csv()}, {"geoip", geoip()}});
  CHECK(built.messages == "2:38: geoip: 'from' makes a cycle: geoip → geoip\n");
}

TEST_CASE("a column that is added twice on one path is an error") {
  const auto built = build(
      "inputs: [csv: {path: a}]\n"
      "filters:\n"
      "  - geoip: {database: d}\n"
      "  - geoip: {database: d}\n"
      "  - split:\n"
      "outputs: [report: {from: split.syn}, report: {from: split.twice}]\n",
      {{"csv", csv()},
       {"geoip", geoip()},
       {"geoip_2", geoip()},
       {"split", Shape()
                     .stream("syn", NEK_PASS, {{"sa", NEK_TEXT, 0}})
                     .stream("twice", NEK_DERIVED, {{"x", NEK_TEXT, 0}, {"x", NEK_BOOL, 0}})}});
  CHECK_FALSE(built.graph);
  CHECK(built.messages ==
        "4:5: geoip_2: adds column 'sc', which 'geoip' makes before it\n"
        "5:5: split: adds column 'sa', which 'csv' makes before it\n"
        "5:5: split: adds column 'x', which it makes twice\n");
}

TEST_CASE("a derived stream has only its own columns, and needs none from above") {
  const Shape alerts = Shape().need("sa").stream("alerts", NEK_DERIVED, {{"source", NEK_TEXT, 0}});
  const auto good = build(
      "inputs: [csv: {path: a}]\n"
      "filters: [split: {id: scan}]\n"
      "outputs: [report: ]\n",
      {{"csv", csv()}, {"scan", alerts}, {"report", Shape().need("source")}});
  CHECK(good.messages == "");
  REQUIRE(good.graph);
  CHECK(good.graph->nodes[0].streams[0].needed.names == Names{"sa"});
  CHECK(good.graph->nodes[1].wanted.names == Names{"source"});
  const auto bad = build(
      "inputs: [csv: {path: a}]\n"
      "filters: [split: {id: scan}]\n"
      "outputs: [report: ]\n",
      {{"csv", csv()}, {"scan", alerts}, {"report", Shape().need("ts", NEK_TYPE_BIT(NEK_TIME))}});
  CHECK(bad.messages ==
        "3:11: report: reads column 'ts', which nobody makes before it; there are: source\n");
}

TEST_CASE(
    "where streams come together, a column must be in all of them, and of a type that is taken") {
  const std::string yaml =
      "inputs: [csv: {id: a, path: a}, csv: {id: b, path: b}]\n"
      "outputs: [report: ]\n";
  const Shape other = Shape().stream("out", NEK_DERIVED, {{"sa", NEK_UINT64, 0}});
  CHECK(
      build(yaml, {{"a", csv()}, {"b", other}, {"report", Shape().need("pkt", kAnyNumber)}})
          .messages ==
      "2:11: report: reads column 'pkt', which only some of the streams that come together before "
      "it have\n");
  CHECK(build(yaml, {{"a", csv()}, {"b", other}, {"report", Shape().need("pkt", kAnyNumber, true)}})
            .messages == "");
  CHECK(build(yaml, {{"a", csv()}, {"b", other}, {"report", Shape().need("sa")}}).messages ==
        "2:11: report: reads column 'sa' as text, but 'b' makes it uint64\n");
  CHECK(build(yaml,
              {{"a", csv()}, {"b", open_decoder()}, {"report", Shape().need("pkt", kAnyNumber)}})
            .messages == "");
  CHECK(build(yaml,
              {{"a", open_decoder()}, {"b", csv()}, {"report", Shape().need("pkt", kAnyNumber)}})
            .messages == "");
}

TEST_CASE("columns that the host makes are always there and never asked of plugins") {
  const auto built = build(
      "inputs: [csv: {path: a}]\n"
      "outputs: [report: ]\n",
      {{"csv", csv()}, {"report", Shape().need("nek.source").need("nek.line", kAnyNumber)}});
  CHECK(built.messages == "");
  REQUIRE(built.graph);
  CHECK(built.graph->nodes[0].streams[0].needed.names.empty());
}

TEST_CASE("a mistyped column of nek's own is no column, and one of another type is an error") {
  const auto built = build(
      "inputs: [csv: {path: a}]\n"
      "outputs: [report: , file: {path: f, from: csv}]\n",
      {{"csv", csv()},
       {"report", Shape().need("nek.sorce").need("nek.line", kText)},
       {"file", Shape().need("nek.lines", kAnyNumber, true)}});
  CHECK_FALSE(built.graph);
  CHECK(
      built.messages ==
      "2:11: report: reads column 'nek.sorce', which nobody makes before it; did you mean "
      "'nek.source'?\n"
      "2:11: report: reads column 'nek.line' as text, but nek makes it uint64\n"
      "2:21: warning: file: writes column 'nek.lines', which nobody makes before it: it is null in "
      "all records; did you mean 'nek.line'?\n");
}

TEST_CASE("what nobody reads is a warning, not an error") {
  const auto good = build(
      "inputs: [csv: {path: a}]\n"
      "filters: [split: , geoip: {database: d, from: csv}]\n"
      "outputs: [report: {from: split.syn}]\n",
      {{"csv", csv()},
       {"split", Shape().stream("syn", NEK_SUBSET).stream("rest", NEK_SUBSET)},
       {"geoip", geoip()}});
  CHECK(good.graph);
  CHECK(good.messages ==
        "2:11: warning: split: nobody reads stream 'rest'\n"
        "2:20: warning: geoip: nobody reads what it makes\n");
}

TEST_CASE("a part that nobody reads is no warning where all records are read") {
  const auto good = build(
      "inputs: [csv: {path: a}]\n"
      "filters: [split: ]\n"
      "outputs: [report: {from: split.all}]\n",
      {{"csv", csv()}, {"split", Shape().stream("all", NEK_PASS).stream("syn", NEK_SUBSET)}});
  CHECK(good.graph);
  CHECK(good.messages == "");
}

TEST_CASE("steps come after all that they read, whatever their order in the file") {
  const auto built = build(
      "inputs: [csv: {path: a}]\n"
      "filters:\n"
      "  - geoip: {id: late, database: d, from: early}\n"
      "  - flags: {id: early, from: csv}\n"
      "outputs: [report: {from: [late, early]}]\n",
      {{"csv", csv()}, {"late", geoip()}, {"early", flags()}, {"report", Shape()}});
  CHECK(built.messages == "");
  REQUIRE(built.graph);
  CHECK(built.graph->steps == std::vector<uint32_t>{2, 1, 3});
  CHECK(built.graph->nodes[2].streams[0].readers == std::vector<uint32_t>{1, 3});
  CHECK(built.graph->nodes[3].sources == Refs{{1, 0}, {2, 0}});
}

TEST_CASE("a filter that reads a column may add it anew: it replaces it, type and all") {
  const auto replace = [] {
    return Shape().need("pkt", kAnyNumber).stream("out", NEK_PASS, {{"pkt", NEK_TEXT, 0}});
  };
  const std::string yaml =
      "inputs: [csv: {path: a}]\n"
      "filters: [geoip: {database: d}]\n"
      "outputs: [report: ]\n";
  const auto built =
      build(yaml, {{"csv", csv()}, {"geoip", replace()}, {"report", Shape().need("pkt")}});
  CHECK(built.messages == "");
  REQUIRE(built.graph);
  CHECK(built.graph->nodes[0].wanted.names == Names{"pkt"});
  CHECK(built.graph->nodes[1].wanted.names == Names{"pkt"});
  CHECK(build(yaml,
              {{"csv", csv()}, {"geoip", replace()}, {"report", Shape().need("pkt", kAnyNumber)}})
            .messages ==
        "3:11: report: reads column 'pkt' as int64 or uint64, but 'geoip' makes it text\n");
}

TEST_CASE("columns of messages that cannot be read again are refused where there is a spool") {
  const Shape input = Shape().read_once().stream("out", NEK_DERIVED, {{"key", NEK_TEXT, 0}});
  const auto with = [&](const std::string& spool) {
    return build("inputs: [csv: {path: a" + spool + "}]\noutputs: [report: ]\n",
                 {{"csv", csv()}, {"csv itself", input}, {"report", json()}});
  };
  CHECK(with("").messages ==
        "1:10: csv: messages with columns of their own cannot go through the spool; say spool: { "
        "max_bytes: 0 }\n");
  CHECK(with(", spool: {max_bytes: 0}").messages == "");
}
