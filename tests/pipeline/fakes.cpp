// SPDX-License-Identifier: Apache-2.0
#include "fakes.h"

#include <cstring>

#include "nek/config.hpp"
#include "nek/text.hpp"

namespace nek::fake {
namespace {

constexpr nek_option option(const char* name, const char* type, const char* fallback,
                            const char* range = nullptr, const char* deprecated = nullptr,
                            const nek_option* const* options = nullptr) {
  return {sizeof(nek_option), name, type, "Documentation.", fallback, range, deprecated, options};
}

constexpr nek_option kPath = option("path", "path", nullptr);
constexpr nek_option kFollow = option("follow", "flag", "false");
constexpr const nek_option* kCsvInputOptions[] = {&kPath, &kFollow, nullptr};

constexpr nek_option kFormat = option("format", "text", "header", "header|nfdump");
constexpr nek_option kSeparator = option("separator", "text", ",");
constexpr const nek_option* kCsvOptions[] = {&kFormat, &kSeparator, nullptr};

constexpr nek_option kAny = option("any", "map", "{}");
constexpr const nek_option* kJsonOptions[] = {&kAny, nullptr};

constexpr nek_option kDatabase = {
    sizeof(nek_option), "database", "path", "An mmdb file.", nullptr, nullptr, nullptr, nullptr};
constexpr nek_option kFields = option("fields", "map", "{sa: sc, da: dc}");
constexpr nek_option kAllow = option("allow", "list", "");
constexpr nek_option kCache = option("cache", "integer", "1000", "1..65535");
constexpr nek_option kRatio = option("ratio", "real", "0.5", "0..1");
constexpr nek_option kReload = option("reload", "duration", "5s", "100ms..1h");
constexpr nek_option kMemory = option("memory", "bytes", "1MiB", "64KiB..1GiB");
constexpr nek_option kOld = option("db", "path", "", nullptr, "database");
constexpr const nek_option* kGeoipOptions[] = {&kDatabase, &kFields, &kAllow, &kCache, &kRatio,
                                               &kReload,   &kMemory, &kOld,   nullptr};

constexpr nek_option kField = option("field", "field", "flg");
constexpr const nek_option* kFlagsOptions[] = {&kField, nullptr};
constexpr const nek_option* kNoOptions[] = {nullptr};

constexpr nek_option kCa = option("ca", "path", nullptr);
constexpr nek_option kVerify = option("verify", "flag", "true");
constexpr const nek_option* kTlsOptions[] = {&kCa, &kVerify, nullptr};
constexpr nek_option kHosts = option("hosts", "list", nullptr);
constexpr nek_option kPassword = option("password", "secret", "");
constexpr nek_option kTls = option("tls", "map", "", nullptr, nullptr, kTlsOptions);
constexpr nek_option kLevels = option("levels", "list", "[low, high]", "low|high");
constexpr const nek_option* kEsOptions[] = {&kHosts, &kPassword, &kTls, &kLevels, nullptr};

constexpr nek_input kInput = {sizeof(nek_input), nullptr, nullptr};
constexpr nek_decoder kDecoder = {sizeof(nek_decoder), nullptr, nullptr, nullptr, nullptr, false};
constexpr nek_filter kFilter = {sizeof(nek_filter), nullptr, nullptr};
constexpr nek_encoder kEncoder = {sizeof(nek_encoder), nullptr, nullptr, nullptr};
constexpr nek_output kOutput = {sizeof(nek_output), nullptr, nullptr, nullptr};
nek_status encode(void*, nek_call*, nek_encoded*) { return NEK_OK; }
constexpr nek_output kOwnOutput = {sizeof(nek_output), encode, nullptr, nullptr};

constexpr nek_plugin plugin(const char* name, const nek_option* const* options,
                            const char* codec = nullptr) {
  nek_plugin p{};
  p.size = sizeof p;
  p.name = name;
  p.options = options;
  p.codec = codec;
  return p;
}
constexpr nek_plugin with_defaults(nek_plugin p, const char* yaml) {
  return p.codec_defaults = yaml, p;
}
constexpr nek_option kNames = option("names", "text", "short", "short|long");
constexpr const nek_option* kSearchOptions[] = {&kNames, nullptr};
const char* search_defaults(const nek_value* config) {
  const nek_value* names = find(*config, "names");
  return names && to_view(names->string) == "long" ? "{any: {sa: source, da: target}}" : nullptr;
}
constexpr nek_plugin with_defaults_of(nek_plugin p, const char* (*of)(const nek_value*)) {
  return p.codec_defaults_of = of, p;
}
constexpr nek_plugin input(nek_plugin p) { return p.input = &kInput, p; }
constexpr nek_plugin decoder(nek_plugin p) { return p.decoder = &kDecoder, p; }
constexpr nek_plugin filter(nek_plugin p) { return p.filter = &kFilter, p; }
constexpr nek_plugin encoder(nek_plugin p) { return p.encoder = &kEncoder, p; }
constexpr nek_plugin output(nek_plugin p, const nek_output& o = kOutput) {
  return p.output = &o, p;
}

constexpr nek_plugin kPlugins[] = {
    input(plugin("csv", kCsvInputOptions, "csv")),
    input(plugin("fifo", kCsvInputOptions)),
    decoder(plugin("csv", kCsvOptions)),
    decoder(plugin("json", kJsonOptions)),
    decoder(plugin("clash", kCsvInputOptions)),
    filter(plugin("geoip", kGeoipOptions)),
    filter(plugin("flags", kFlagsOptions)),
    filter(plugin("split", kNoOptions)),
    encoder(plugin("json", kJsonOptions)),
    encoder(plugin("csv", kCsvOptions)),
    output(plugin("file", kCsvInputOptions, "json")),
    output(plugin("es", kEsOptions, "json")),
    output(plugin("report", kNoOptions), kOwnOutput),
    output(with_defaults(plugin("kafka", kNoOptions, "csv"), "{separator: ;}")),
    output(with_defaults_of(
        with_defaults(plugin("search", kSearchOptions, "json"), "{any: {n: x}}"), search_defaults)),
};

}  // namespace

const Registry& plugins() {
  static const Registry kRegistry = [] {
    Registry registry;
    for (const nek_plugin& p : kPlugins) (void)registry.add(&p, "");
    return registry;
  }();
  return kRegistry;
}

std::string messages(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& d : diagnostics.sorted())
    out += std::to_string(d.place.line) + ":" + std::to_string(d.place.column) + ": " +
           (d.severity == Severity::kWarning ? "warning: " : "") + d.text + "\n";
  return out;
}

Result check(const std::string& yaml, const Variables& variables) {
  Diagnostics diagnostics("p.yaml", yaml);
  const Environment environment =
      [&variables](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(std::string(name));
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  Result result;
  if (const auto document = parse_document("p.yaml", yaml, environment, diagnostics))
    result.config = validate(*document, plugins(), diagnostics);
  result.messages = messages(diagnostics);
  result.printed = diagnostics.print();
  return result;
}

std::string with_filter(const std::string& name, const std::string& options) {
  std::string indented;
  for (size_t at = 0; at < options.size();) {
    const size_t end = std::min(options.find('\n', at), options.size());
    indented += "      " + options.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return "inputs: [csv: {path: in.csv}]\nfilters:\n  - " + name + ":\n" + indented +
         "outputs: [report: ]\n";
}

}  // namespace nek::fake
