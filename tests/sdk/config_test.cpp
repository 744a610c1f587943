// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <nek/config.hpp>
#include <nek/testing/config.hpp>

namespace {

enum class Format { kPlain, kNfdump, kSilk };

struct Tls {
  std::string ca = "system";
  bool verify = false;
};
constexpr auto kTlsOptions = nek::options<Tls>(
    nek::option<&Tls::ca>("ca", "File of authorities.", {.type = "path", .fallback = ""}),
    nek::option<&Tls::verify>("verify", "Whether to verify.", {.fallback = "true"}));

struct Config {
  bool quiet = false;
  uint16_t port = 0;
  int64_t offset = 0;
  double share = 0;
  std::string field;
  std::chrono::milliseconds wait{};
  nek::Bytes most;
  std::vector<std::string> hosts;
  std::map<std::string, std::string> names;
  nek::StringPairs fields;
  Format format = Format::kPlain;
  std::optional<uint32_t> limit;
  std::optional<Format> old_format;
  std::string own = "as it is";
  Tls tls;
  const nek_value* raw = nullptr;
};
constexpr auto kOptions = nek::options<Config>(
    nek::option<&Config::quiet>("quiet", "A flag.", {.fallback = "false"}),
    nek::option<&Config::port>("port", "A small integer.", {.fallback = "2055"}),
    nek::option<&Config::offset>("offset", "A large integer.", {.fallback = "0"}),
    nek::option<&Config::share>("share", "A real.", {.fallback = "0.5", .range = "0..1"}),
    nek::option<&Config::field>("field", "A column.", {.type = "field"}),
    nek::option<&Config::wait>("wait", "A duration.", {.fallback = "200ms"}),
    nek::option<&Config::most>("most", "A size.", {.fallback = "64KiB"}),
    nek::option<&Config::hosts>("hosts", "A list.", {.fallback = "[a, b]"}),
    nek::option<&Config::names>("names", "A map.", {.fallback = "{}"}),
    nek::option<&Config::fields>("fields", "A map in order.", {.fallback = "{}"}),
    nek::option<&Config::format>("format", "A word.",
                                 {.fallback = "nfdump", .range = "plain|nfdump|silk"}),
    nek::option<&Config::limit>("limit", "An optional integer."),
    nek::option<&Config::old_format>("old_format", "An optional word.",
                                     {.range = "plain|nfdump|silk", .deprecated = "format"}),
    nek::option<&Config::own>("own", "Keeps the member's value.", {.fallback = ""}),
    nek::option<&Config::tls, kTlsOptions>("tls", "Nested.", {.fallback = "{}"}),
    nek::option<&Config::raw>("raw", "The node itself.", {.fallback = "{}"}));

const nek_option* const* table() { return nek::detail::kTable<kOptions>.data(); }

struct Bound {
  explicit Bound(std::string_view text) : source(table(), text) {
    status = kOptions.bind(config, *source.root());
  }
  nek::testing::Config source;
  Config config;
  nek::Status status;
};

const nek_option& option(std::string_view name) {
  for (const auto* o = table(); *o; o++) {
    if (name == (*o)->name) return **o;
  }
  throw std::runtime_error("no such option");
}

}  // namespace

TEST_CASE("options that are not written take their fallback") {
  const Bound b("field: pr");
  REQUIRE(b.status.ok());
  CHECK_FALSE(b.config.quiet);
  CHECK(b.config.port == 2055);
  CHECK(b.config.share == 0.5);
  CHECK(b.config.wait == std::chrono::milliseconds(200));
  CHECK(b.config.most == 65536);
  CHECK(b.config.hosts == std::vector<std::string>{"a", "b"});
  CHECK(b.config.names.empty());
  CHECK(b.config.format == Format::kNfdump);
  CHECK_FALSE(b.config.limit.has_value());
  CHECK_FALSE(b.config.old_format.has_value());
  CHECK(b.config.own == "as it is");
  CHECK(b.config.tls.verify);
  CHECK(b.config.tls.ca == "system");
}

TEST_CASE("every type of option fills its member") {
  const Bound b(R"(
quiet: true
port: 65535
offset: -9223372036854775808
share: 0.25
field: flg
wait: 2m
most: 3MB
hosts: [x]
names: {6: TCP}
fields: {sa: sc, da: dc}
format: silk
limit: 7
old_format: plain
own: mine
tls:
  ca: ca.pem
  verify: false
raw:
  k: v
)");
  REQUIRE(b.status.ok());
  CHECK(b.config.quiet);
  CHECK(b.config.port == 65535);
  CHECK(b.config.offset == INT64_MIN);
  CHECK(b.config.share == 0.25);
  CHECK(b.config.field == "flg");
  CHECK(b.config.wait == std::chrono::minutes(2));
  CHECK(b.config.most == 3'000'000);
  CHECK(b.config.hosts == std::vector<std::string>{"x"});
  CHECK(b.config.names == std::map<std::string, std::string>{{"6", "TCP"}});
  CHECK(b.config.fields == nek::StringPairs{{"sa", "sc"}, {"da", "dc"}});
  CHECK(b.config.format == Format::kSilk);
  CHECK(b.config.limit == 7u);
  CHECK(b.config.old_format == Format::kPlain);
  CHECK(b.config.own == "mine");
  CHECK(b.config.tls.ca == "ca.pem");
  CHECK_FALSE(b.config.tls.verify);
  REQUIRE(b.config.raw->count == 1);
  CHECK(nek::to_view(b.config.raw->items[0].key) == "k");
}

TEST_CASE("a number that its member cannot hold is an error at its place") {
  const Bound b("field: pr\nport: 65536");
  CHECK(b.status.message() == "must be between 0 and 65535");
  REQUIRE(b.status.at());
  CHECK(b.status.at()->line == 2);
  CHECK(b.status.at()->column == 7);
}

TEST_CASE("the table that the host reads comes from the declaration") {
  CHECK(std::string(option("quiet").type) == "flag");
  CHECK(std::string(option("port").type) == "integer");
  CHECK(std::string(option("share").type) == "real");
  CHECK(std::string(option("field").type) == "field");
  CHECK(std::string(option("wait").type) == "duration");
  CHECK(std::string(option("most").type) == "bytes");
  CHECK(std::string(option("hosts").type) == "list");
  CHECK(std::string(option("names").type) == "map");
  CHECK(std::string(option("fields").type) == "map");
  CHECK(std::string(option("format").type) == "text");
  CHECK(std::string(option("limit").type) == "integer");
  CHECK(std::string(option("old_format").deprecated) == "format");
  CHECK(std::string(option("share").range) == "0..1");
  CHECK(option("port").size == sizeof(nek_option));
}

TEST_CASE("an option without fallback is required, an optional one never") {
  CHECK(option("field").fallback == nullptr);
  CHECK(std::string(option("limit").fallback).empty());
}

TEST_CASE("a struct brings its own options, a map with any keys has none") {
  const nek_option* const* nested = option("tls").options;
  REQUIRE(nested);
  CHECK(std::string(nested[0]->name) == "ca");
  CHECK(std::string(nested[1]->name) == "verify");
  CHECK(nested[2] == nullptr);
  CHECK(option("names").options == nullptr);
}
