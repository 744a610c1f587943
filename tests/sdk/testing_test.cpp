// SPDX-License-Identifier: Apache-2.0
// The harness itself: tables, configuration texts, golden files, and that broken plugins are found
// out.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nek/plugin.hpp>
#include <nek/testing.hpp>

namespace {

using nek::testing::check_contract;
using nek::testing::Filter;

constexpr nek::About kAbout = {.name = "broken",
                               .version = "1",
                               .vendor = "nek",
                               .licence = "Apache-2.0",
                               .summary = "Breaks the contract in one way."};

// Passes all; the template parameter is what it does wrong.
template <int kWhat>
class Broken {
 public:
  explicit Broken(nek::Host host) : dictionary_(host.dictionary(std::vector<std::string>{"a"})) {}
  nek::Status setup(nek::Shape& shape) {
    shape.read("n", {NEK_UINT64});
    shape.pass("out", {{"more", NEK_TEXT}});
    return kWhat == 8 ? nek::fail("cannot be made") : nek::Status();
  }
  nek::Status start(const nek::Start& /*start*/) {
    return kWhat == 9 ? nek::fail("cannot be started") : nek::Status();
  }
  nek::Status process(nek::Call& call) const {
    nek::TextWriter more(call.column(NEK_TEXT, {.nulls = true}));
    for (uint32_t row = 0; row < call.rows(); row++) more.set(row, kWhat == 1 ? "\xFF" : "x");
    if (kWhat == 2) call.emit(0, {more.column()});
    if (kWhat == 3) return nek::fail("cannot");
    if (kWhat == 4 && call.rows()) static_cast<uint64_t*>(call.read(0).values)[0] = 1;
    if (kWhat == 5) return call.emit(0), nek::Status();
    if (kWhat == 6) call.derive(0, 0, {});
    if (kWhat == 10) return {};
    if (kWhat == 11 && call.rows()) call.refuse(call.rows(), "bad", "not there");
    call.emit(kWhat == 7 ? 1 : 0, {more.column()});
    return {};
  }

 private:
  nek::Dictionary dictionary_;
};
template <int kWhat>
const nek_plugin& broken() {
  static constexpr nek_plugin kPlugin = nek::filter<Broken<kWhat>>(kAbout);
  return kPlugin;
}

// Cuts its records by batches, which it must not.
class CountsBatches {
 public:
  explicit CountsBatches(nek::Host /*host*/) {}
  nek::Status setup(nek::Shape& shape) {
    shape.pass("out", {{"rows", NEK_UINT64}});
    return {};
  }
  nek::Status process(nek::Call& call) const {
    nek::Uint64Writer rows(call.column(NEK_UINT64));
    for (uint32_t row = 0; row < call.rows(); row++) rows.set(row, call.rows());
    call.emit(0, {rows.column()});
    return {};
  }
};
constexpr nek_plugin kCountsBatches = nek::filter<CountsBatches>(kAbout);

}  // namespace

TEST_CASE("a table of every type comes back as it was written") {
  nek::testing::Host host;
  auto call = host.begin_call(nullptr, nullptr);
  const std::string table =
      R"({"b":"bool","i":"int64","u":"uint64","d":"double","t":"time","s":"text","j":"json","l":"list","dt":"dict_text","dl":"dict_list"})"
      "\n"
      R"({"b":true,"i":-5,"u":18446744073709551615,"d":0.1,"t":"2026-01-02T03:04:05.678Z","s":"a \"text\" longer than twelve","j":{"a":[1,null]},"l":["S",""],"dt":"TCP","dl":["S","A"]})"
      "\n"
      R"({"b":null,"i":null,"u":null,"d":null,"t":null,"s":null,"j":null,"l":null,"dt":null,"dl":null})"
      "\n";
  const nek_batch* batch = host.batch(*call, table);
  std::string again = nek::testing::format_types(*batch->schema);
  for (uint32_t row = 0; row < batch->rows; row++) {
    again += nek::testing::format_row(*batch->schema, batch->columns, row);
  }
  CHECK(again == table);
  for (uint32_t c = 0; c < batch->schema->count; c++)
    CHECK(nek::check_column(*batch->columns[c]).ok());
}

TEST_CASE("the same columns give the same schema") {
  nek::testing::Host host;
  auto call = host.begin_call(nullptr, nullptr);
  const auto* a = host.batch(*call, "{\"a\":\"text\"}")->schema;
  CHECK(a == host.batch(*call, "{\"a\":\"text\"}\n{\"a\":\"x\"}")->schema);
  CHECK(a != host.batch(*call, "{\"a\":\"uint64\"}")->schema);
}

TEST_CASE("a mistake in a table is told") {
  nek::testing::Host host;
  auto call = host.begin_call(nullptr, nullptr);
  CHECK_THROWS_WITH(host.batch(*call, "{\"a\":\"texts\"}"), "unknown column type 'texts'");
  CHECK_THROWS_WITH(host.batch(*call, "{\"a\":\"text\"}\n{\"b\":1}"),
                    "no column 'b' in the first line");
  CHECK_THROWS_WITH(host.batch(*call, "{\"a\":\"uint64\"}\n{\"a\":-1}"),
                    "not a number of this type: -1");
}

TEST_CASE("times before 1970 and without milliseconds are read") {
  CHECK(nek::testing::parse_time("1969-12-31T23:59:59.999Z") == -1);
  CHECK(nek::testing::parse_time("2026-01-02T03:04:05Z") == 1'767'323'045'000);
  CHECK(nek::testing::parse_time("-5") == -5);
  CHECK(nek::testing::format_time(-1) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("plain YAML and JSON are parsed alike") {
  const auto yaml = nek::testing::parse_node(R"(
# a comment
path: /tmp/a:b  # another
list:
  - one
  - 'two: ''quoted'''
nested:
  deeper:
    x: 1
flow: {a: [1, 2], "b c": "d\n"}
empty:
)");
  CHECK(yaml.find("path")->text == "/tmp/a:b");
  CHECK(yaml.find("list")->items[1].text == "two: 'quoted'");
  CHECK(yaml.find("nested")->find("deeper")->find("x")->text == "1");
  CHECK(yaml.find("flow")->find("a")->items.size() == 2);
  CHECK(yaml.find("flow")->find("b c")->text == "d\n");
  CHECK(yaml.find("empty")->kind == nek::testing::Node::Kind::kNull);
  CHECK(yaml.find("flow")->line == 10);
  const auto json = nek::testing::parse_node("{\"a\": {\"b\": null}, \"c\": \"\\u00e9\"}");
  CHECK(json.find("a")->find("b")->kind == nek::testing::Node::Kind::kNull);
  CHECK(json.find("c")->text == "\xC3\xA9");
}

TEST_CASE("a mistake in a configuration text is told with its place") {
  CHECK_THROWS_WITH(nek::testing::parse_node("a: [1"), "1:6: expected ',' or ']'");
  CHECK_THROWS_WITH(nek::testing::parse_node("a: 1\n   b: 2"), "2:4: unexpected indentation");
  CHECK_THROWS_WITH(nek::testing::parse_node("a: \"x"), "1:6: unclosed quote");
}

TEST_CASE("units and ranges are those of the options") {
  const nek_option wait = {sizeof wait, "wait",   "duration", "Waits.",
                           nullptr,     "1s..1m", nullptr,    nullptr};
  const nek_option* const options[] = {&wait, nullptr};
  CHECK(nek::testing::Config(options, "wait: 1m").root()->items[0].integer == 60'000);
  CHECK_THROWS_WITH(nek::testing::Config(options, "wait: 90s"),
                    "option 'wait': is not within 1s..1m");
  CHECK_THROWS_WITH(nek::testing::Config(options, "wait: 5 apples"),
                    "option 'wait': is not a number of this type: 5 apples");
  CHECK_THROWS_WITH(nek::testing::Config(options, "{}"), "option 'wait': is required");
  CHECK_THROWS_WITH(nek::testing::Config(options, "wiat: 1s"), "unknown option 'wiat'");
}

TEST_CASE("a plugin that works keeps the contract") { CHECK(check_contract(broken<0>()) == ""); }

TEST_CASE("what a broken filter does wrong is found") {
  CHECK_THAT(check_contract(broken<1>()), Catch::Contains("more: row 0: text is not UTF-8"));
  CHECK_THAT(check_contract(broken<2>()), Catch::Contains("a second emit to a stream"));
  CHECK_THAT(check_contract(broken<3>()), Catch::Contains("process answered 4: cannot"));
  CHECK_THAT(check_contract(broken<4>()),
             Catch::Contains("process changes the batch that it gets"));
  CHECK_THAT(check_contract(broken<5>()),
             Catch::Contains("emit without the columns that the stream adds"));
  CHECK_THAT(check_contract(broken<6>()),
             Catch::Contains("derive to a stream that is not declared as derived"));
  CHECK_THAT(check_contract(broken<7>()),
             Catch::Contains("emit to a stream that is not in its shape"));
  CHECK_THAT(check_contract(broken<10>()),
             Catch::Contains("nothing is sent on to stream 'out', which passes all"));
  CHECK_THAT(check_contract(broken<11>()),
             Catch::Contains("refuse_row of a row that is not in the batch"));
  CHECK(check_contract(broken<8>()) == "create: cannot be made\n");
  CHECK(check_contract(broken<9>()) == "cannot be started\n");
}

// As C may do, and C++ without plugin.hpp.
TEST_CASE("a plugin without an instance or a shape, or that throws, is told so") {
  nek_plugin plugin = broken<0>();
  plugin.create = [](const nek_host*, const nek_value*, void**) -> nek_status { return NEK_OK; };
  CHECK(check_contract(plugin) == "create makes no instance\n");
  plugin = broken<0>();
  plugin.shape = [](void*) -> const nek_shape* { return nullptr; };
  CHECK(check_contract(plugin) == "it has no shape\n");
  plugin = broken<0>();
  plugin.shape = [](void*) -> const nek_shape* {
    static constexpr nek_stream kStream = {"out", 9, 0, nullptr};
    static constexpr nek_shape kShape = {sizeof kShape, false, 0, 1,    nullptr,
                                         &kStream,      0,     0, false};
    return &kShape;
  };
  CHECK(check_contract(plugin) == "shape: a stream is of no kind that there is\n");
  plugin = broken<0>();
  plugin.stop = [](void*) { throw 7; };
  CHECK(check_contract(plugin) == "start and stop: it threw what is no std::exception\n");
}

TEST_CASE("a description with holes is found") {
  nek_plugin plugin = broken<0>();
  plugin.name = "Not-A-Name";
  plugin.vendor = "";
  plugin.summary = "no sentence";
  const nek_option bad = {sizeof bad, "wait",  "duration", "Waits",
                          "soon",     nullptr, nullptr,    nullptr};
  const nek_option* const options[] = {&bad, &bad, nullptr};
  plugin.options = options;
  const std::string problems = check_contract(plugin);
  CHECK_THAT(problems, Catch::Contains("name is not of a-z, 0-9 and _"));
  CHECK_THAT(problems, Catch::Contains("no vendor"));
  CHECK_THAT(problems, Catch::Contains("summary is not a sentence"));
  CHECK_THAT(problems, Catch::Contains("option 'wait': is there twice"));
  CHECK_THAT(problems, Catch::Contains("option 'wait': doc is not a sentence"));
  CHECK_THAT(problems, Catch::Contains("option 'wait': is not a number of this type: soon"));
}

TEST_CASE("golden cases that agree give no text") {
  const nek::testing::Folder folder;
  folder.file("adds/input.ndjson", "{\"n\":\"uint64\"}\n{\"n\":1}\n{\"n\":2}\n");
  folder.file(
      "adds/expected.ndjson",
      "{\"n\":\"uint64\",\"more\":\"text\"}\n{\"n\":1,\"more\":\"x\"}\n{\"n\":2,\"more\":\"x\"}\n");
  CHECK(nek::testing::run_golden(broken<0>(), folder.path()) == "");
}

TEST_CASE("golden cases that differ show where") {
  const nek::testing::Folder folder;
  folder.file("adds/input.ndjson", "{\"n\":\"uint64\"}\n{\"n\":1}\n");
  folder.file("adds/expected.ndjson",
              "{\"n\":\"uint64\",\"more\":\"text\"}\n{\"n\":1,\"more\":\"y\"}\n");
  CHECK_THAT(nek::testing::run_golden(broken<0>(), folder.path()),
             Catch::StartsWith("adds, expected.ndjson whole: line 2\n"
                               "  expected: {\"n\":1,\"more\":\"y\"}\n\n"
                               "  but was:  {\"n\":1,\"more\":\"x\"}\n"));
}

TEST_CASE("a filter whose result depends on batches fails its golden cases") {
  const nek::testing::Folder folder;
  folder.file("two/input.ndjson", "{\"n\":\"uint64\"}\n{\"n\":1}\n{\"n\":2}\n");
  folder.file(
      "two/expected.ndjson",
      "{\"n\":\"uint64\",\"rows\":\"uint64\"}\n{\"n\":1,\"rows\":2}\n{\"n\":2,\"rows\":2}\n");
  CHECK_THAT(nek::testing::run_golden(kCountsBatches, folder.path()),
             Catch::StartsWith("two, expected.ndjson row by row: line 2\n"));
}

TEST_CASE("a folder without golden cases is an error") {
  const nek::testing::Folder folder;
  CHECK(nek::testing::run_golden(broken<0>(), folder.path()) == "no cases in " + folder.path());
}
