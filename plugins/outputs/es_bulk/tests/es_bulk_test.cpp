// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <string>

#include "nek/testing.hpp"

namespace nek {
namespace {

struct EsBulk : testing::Output {
  explicit EsBulk(const std::string& options)
      : testing::Output(testing::find_plugin("es_bulk"), options) {}
};

std::string error_of(const std::string& options) { return EsBulk(options).error(); }

TEST_CASE("the contract") {
  CHECK(testing::check_contract(testing::find_plugin("es_bulk"), "{index: flows}") == "");
}

TEST_CASE("one plugin has three names") {
  for (const char* name : {"es_bulk", "elasticsearch", "opensearch"})
    CHECK(testing::find_plugin(name).options == testing::find_plugin("es_bulk").options);
}

TEST_CASE("before each document stands its action, with the id of the record") {
  EsBulk output("{index: flows}");
  // The ids of the test's host are the numbers of the rows.
  CHECK(output.encode("{\"a\": \"int64\"}\n{\"a\": 1}\n{\"a\": 2}\n").all ==
        "{\"create\":{\"_index\":\"flows\",\"_id\":\"AAAAAAAAAAAAAAAAAAAAAQ\"}}\n"
        "{\"a\":1}\n"
        "{\"create\":{\"_index\":\"flows\",\"_id\":\"AAAAAAAAAAAAAAAAAAAAAg\"}}\n"
        "{\"a\":2}\n");
}

TEST_CASE("the index is of the record's own time, in UTC") {
  EsBulk output("{index: 'flows-%Y.%m.%d', document_id: none}");
  const auto encoded = output.encode(
      "{\"ts\": \"time\"}\n"
      "{\"ts\": 1402358399999}\n"  // 2014-06-09 23:59:59.999
      "{\"ts\": 1402358400000}\n"  // 2014-06-10 00:00:00
      "{\"ts\": -1}\n");           // 1969-12-31
  const auto index = [&](size_t i) {
    return std::string(encoded.record(i).substr(0, encoded.record(i).find('\n')));
  };
  CHECK(index(0) == R"({"create":{"_index":"flows-2014.06.09"}})");
  CHECK(index(1) == R"({"create":{"_index":"flows-2014.06.10"}})");
  CHECK(index(2) == R"({"create":{"_index":"flows-1969.12.31"}})");
}

TEST_CASE("the index may name columns, the id and the routing may be some") {
  EsBulk output("{index: 'flows-{exporter}', op: index, document_id: n, routing: exporter}");
  const auto encoded = output.encode(
      "{\"exporter\": \"text\", \"n\": \"uint64\"}\n{\"exporter\": \"FNF1\", \"n\": 7}\n");
  CHECK(encoded.record(0).substr(0, encoded.record(0).find('\n')) ==
        R"({"index":{"_index":"flows-fnf1","_id":"7","routing":"FNF1"}})");
}

TEST_CASE("a record that has no index, no time or no id is refused, and the others are there") {
  EsBulk output("{index: 'flows-{exporter}-%Y', document_id: n}");
  const auto encoded = output.encode(
      "{\"ts\": \"time\", \"exporter\": \"text\", \"n\": \"uint64\"}\n"
      "{\"ts\": 0, \"exporter\": \"a\", \"n\": 1}\n"
      "{\"ts\": null, \"exporter\": \"a\", \"n\": 2}\n"
      "{\"ts\": 0, \"exporter\": null, \"n\": 3}\n"
      "{\"ts\": 0, \"exporter\": \"no/name\", \"n\": 4}\n"
      "{\"ts\": 0, \"exporter\": \"a\", \"n\": null}\n"
      "{\"ts\": 0, \"exporter\": \"b\", \"n\": 6}\n");
  CHECK(encoded.all ==
        "{\"create\":{\"_index\":\"flows-a-1970\",\"_id\":\"1\"}}\n"
        "{\"ts\":\"1970-01-01T00:00:00.000Z\",\"exporter\":\"a\",\"n\":1}\n"
        "{\"create\":{\"_index\":\"flows-b-1970\",\"_id\":\"6\"}}\n"
        "{\"ts\":\"1970-01-01T00:00:00.000Z\",\"exporter\":\"b\",\"n\":6}\n");
}

TEST_CASE("a record without an id gets one from the server, and that is told once") {
  EsBulk output("{index: flows}");
  output.host().no_ids = true;
  for (int i = 0; i < 2; i++)
    CHECK(output.encode("{\"a\": \"int64\"}\n{\"a\": 1}\n").all ==
          "{\"create\":{\"_index\":\"flows\"}}\n{\"a\":1}\n");
  CHECK(output.host().logs() ==
        std::vector<std::string>{"the filter that made them gives records no id: the server makes "
                                 "one, and what is sent again may be there twice"});
}

TEST_CASE("requests go one at a time where a document of an id of one's own replaces another") {
  const auto in_flight = [](const std::string& options) {
    return EsBulk("{index: flows, " + options + "}").shape().max_in_flight;
  };
  CHECK(in_flight("op: index, document_id: n") == 1);
  CHECK(in_flight("op: index") == 8);  // what has the same id is the same
  CHECK(in_flight("document_id: n") == 8);
  EsBulk told("{index: flows, op: index, document_id: n, max_in_flight: 2}");
  CHECK(told.shape().max_in_flight == 2);
  CHECK(told.host().logs().at(0).find("an older document may replace a newer one") !=
        std::string::npos);
}

TEST_CASE("what is wrong with the options is said at once") {
  CHECK(error_of("{index: Flows}").find("must be in lower case") != std::string::npos);
  CHECK(error_of("{index: 'a b'}").find("may hold none of") != std::string::npos);
  CHECK(error_of("{index: _flows}").find("may not begin with") != std::string::npos);
  CHECK(error_of("{index: 'flows-%M'}").find("conversions of time are") != std::string::npos);
  CHECK(error_of("{index: 'flows-{'}").find("between { and }") != std::string::npos);
  CHECK(error_of("{index: f, hosts: ['127.0.0.1:9200']}").find("must begin with http://") !=
        std::string::npos);
  CHECK(error_of("{index: f, hosts: ['http://me:pw@h']}").find("no user or password") !=
        std::string::npos);
  CHECK(error_of("{index: f, user: me, bearer: x}").find("say one of") != std::string::npos);
  CHECK(error_of("{index: f, tls: {fingerprint: abc}}").find("must begin with sha256//") !=
        std::string::npos);
}

TEST_CASE("files that are not there, or are no template, are said at once") {
  const testing::Folder folder;
  const std::string none = folder.path("none"), text = folder.file("text", "no JSON");
  for (const char* option : {"ca_file", "certificate", "key"})
    CHECK(error_of("{index: f, tls: {" + std::string(option) + ": " + none + "}}")
              .ends_with("tls." + std::string(option) + ": cannot read " + none +
                         ": No such file or directory"));
  CHECK(error_of("{index: f, template: {name: t, file: " + none + "}}")
            .ends_with("template.file: cannot read " + none));
  CHECK(error_of("{index: f, template: {name: t, file: " + text + "}}")
            .ends_with("template.file: " + text + " is no JSON object"));
  CHECK(error_of("{index: f, template: {name: t, file: " + folder.file("good", "{}") + "}}") == "");
}

}  // namespace
}  // namespace nek
