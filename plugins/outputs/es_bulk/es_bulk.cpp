// SPDX-License-Identifier: Apache-2.0
// es_bulk: writes records to Elasticsearch and OpenSearch, each once: it is sent again until the
// server says what became of it, under an id by which the server knows it again.
#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actions.h"
#include "client.h"
#include "connection.h"
#include "nek/plugin.hpp"
#include "readable.h"
#include "server.h"
#include "templates.h"

namespace nek {
namespace {

enum class Op : uint8_t { kCreate, kIndex };
enum class Packing : uint8_t { kNone, kGzip };

struct OnEnd {
  bool refresh = false;
  uint32_t force_merge = 0;
};

struct Config {
  std::vector<std::string> hosts;
  std::string user, password, api_key, bearer;
  TlsConfig tls;
  std::string index, time_field, document_id, routing, pipeline;
  Op op = Op::kCreate;
  Packing compression = Packing::kNone;
  std::chrono::milliseconds timeout{}, connect_timeout{};
  uint32_t max_in_flight = 8;
  Bytes max_request_bytes;
  std::optional<TemplateConfig> index_template;
  OnEnd on_end;
};

constexpr auto kTlsOptions = options<TlsConfig>(
    option<&TlsConfig::ca_file>("ca_file",
                                "Certificates (PEM) of who vouches for the servers; none: those "
                                "that the system trusts.",
                                {.type = "path", .fallback = ""}),
    option<&TlsConfig::fingerprint>(
        "fingerprint",
        "The server's public key as sha256//BASE64; without 'ca_file' it is all that is checked.",
        {.fallback = ""}),
    option<&TlsConfig::certificate>("certificate", "Who we are (PEM), for servers that ask.",
                                    {.type = "path", .fallback = ""}),
    option<&TlsConfig::key>("key", "The key of 'certificate' (PEM).",
                            {.type = "path", .fallback = ""}),
    option<&TlsConfig::key_password>("key_password", "What 'key' is encrypted with.",
                                     {.type = "secret", .fallback = ""}),
    option<&TlsConfig::verify>("verify",
                               "Whether it must be the server that it says it is; false is for "
                               "tests.",
                               {.fallback = "true"}));

constexpr auto kTemplateOptions = options<TemplateConfig>(
    option<&TemplateConfig::name>("name", "Its name on the server."),
    option<&TemplateConfig::profile>(
        "profile", "Which server it is made for; auto: the one that answers.",
        {.fallback = "auto", .range = "auto|elasticsearch|opensearch"}),
    option<&TemplateConfig::records>("records", "What is in the index: flows, or alerts.",
                                     {.fallback = "flows", .range = "flows|alerts"}),
    option<&TemplateConfig::names>("names",
                                   "Flows by their short names (sa), or by those of ECS "
                                   "(source.ip) with the short ones as aliases.",
                                   {.fallback = "short", .range = "short|ecs"}),
    option<&TemplateConfig::source>(
        "source", "Whether documents are stored as they came, besides their fields.",
        {.fallback = "true"}),
    option<&TemplateConfig::data_stream>("data_stream", "Makes data streams, not indices.",
                                         {.fallback = "false"}),
    option<&TemplateConfig::shards>("shards", "Primary shards of an index.",
                                    {.fallback = "1", .range = "1..1024"}),
    option<&TemplateConfig::replicas>("replicas", "Copies of each shard.",
                                      {.fallback = "1", .range = "0..100"}),
    option<&TemplateConfig::priority>("priority", "Of several that fit the highest counts.",
                                      {.fallback = "200"}),
    option<&TemplateConfig::version>(
        "version", "One of this version or a newer one is left as it is.", {.fallback = "1"}),
    option<&TemplateConfig::file>("file", "A template of your own (JSON), instead of a profile.",
                                  {.type = "path", .fallback = ""}));

constexpr auto kOnEndOptions = options<OnEnd>(
    option<&OnEnd::refresh>("refresh", "All documents can be found then.", {.fallback = "false"}),
    option<&OnEnd::force_merge>("force_merge",
                                "Merges each index that was written to into so many segments; 0: "
                                "not at all.",
                                {.fallback = "0", .range = "0..1000"}));

constexpr auto kOptions = options<Config>(
    option<&Config::hosts>("hosts", "Addresses of the servers, http:// or https://.",
                           {.fallback = "[\"http://127.0.0.1:9200\"]"}),
    option<&Config::index>("index",
                           "The index or data stream; may hold conversions of the record's time "
                           "(flows-%Y.%m.%d; UTC) and columns (flows-{exporter})."),
    option<&Config::time_field>("time_field", "The column whose time 'index' is of.",
                                {.type = "field", .fallback = "ts"}),
    option<&Config::op>(
        "op",
        "create leaves a document that is there as it is, index replaces it, in the "
        "order of the records; data streams know create only.",
        {.fallback = "create", .range = "create|index"}),
    option<&Config::document_id>("document_id",
                                 "The document's _id: record (made from where the record was read "
                                 "and what it says), none (the server makes one; what is sent "
                                 "again may be there twice), or a column.",
                                 {.fallback = "record"}),
    option<&Config::routing>("routing", "The column that says which shard a document goes to.",
                             {.type = "field", .fallback = ""}),
    option<&Config::pipeline>("pipeline", "An ingest pipeline of the server.", {.fallback = ""}),
    option<&Config::user>("user", "For servers that want a user and a password.", {.fallback = ""}),
    option<&Config::password>("password", "The user's.", {.type = "secret", .fallback = ""}),
    option<&Config::api_key>("api_key", "An API key as the server encodes it (BASE64 of id:key).",
                             {.type = "secret", .fallback = ""}),
    option<&Config::bearer>("bearer", "A bearer token.", {.type = "secret", .fallback = ""}),
    option<&Config::tls, kTlsOptions>("tls", "For https://.", {.fallback = "{}"}),
    option<&Config::compression>("compression", "How requests are compressed.",
                                 {.fallback = "none", .range = "none|gzip"}),
    option<&Config::timeout>("timeout", "How long an answer may take.",
                             {.fallback = "60s", .range = "1s..1h"}),
    option<&Config::connect_timeout>("connect_timeout", "How long connecting may take.",
                                     {.fallback = "5s", .range = "100ms..1h"}),
    option<&Config::max_in_flight>("max_in_flight",
                                   "Requests at once; how many it are is found out. Unless it is "
                                   "given, one where `op: index` meets an id of your own.",
                                   {.fallback = "8", .range = "1..256"}),
    option<&Config::max_request_bytes>("max_request_bytes",
                                       "The largest request; how large they are is found out.",
                                       {.fallback = "8MiB", .range = "64KiB..1GiB"}),
    option<&Config::index_template, kTemplateOptions>(
        "template", "An index template for flows or alerts, installed before the first request."),
    option<&Config::on_end, kOnEndOptions>("on_end", "What is done when all inputs have ended.",
                                           {.fallback = "{}"}));

class EsBulk {
 public:
  static constexpr uint32_t kControls = NEK_FINISH;
  using Lane = Actions::Lane;

  EsBulk(Host host, Config config) : host_(host), config_(std::move(config)) {}

  Status setup(Shape& shape) {
    Status status = check_options();
    if (!status.ok()) return status;
    const ActionsConfig actions = {config_.index, config_.time_field, config_.document_id,
                                   config_.routing, config_.op == Op::kCreate};
    if (const auto defect = actions_.setup(actions, shape))
      return fail_at(host_.at(defect->option),
                     std::string("'") + defect->option + "': " + defect->text);
    shape.max_in_flight(most_in_flight());
    shape.max_request_bytes(config_.max_request_bytes);
    connection_.emplace(connection_config());
    return {};
  }

  Status start(const Start&) {
    ClientConfig client;
    client.path = "/_bulk?filter_path=errors,items.*.status,items.*.error,items.*.failure_store";
    if (!config_.pipeline.empty()) client.path += "&pipeline=" + config_.pipeline;
    client.gzip = config_.compression == Packing::kGzip;
    client.create = config_.op == Op::kCreate;
    if (config_.index_template)
      client.prepare = [this](const Stop& stop) { return install_template(stop); };
    client_.emplace(host_, *connection_, std::move(client));
    client_->start();
    return {};
  }
  void stop() { client_->stop(); }

  Status encode(Call& call, Encoded& out, Lane& lane) const {
    actions_.write(call, lane);
    if (lane.any_without_id && !told_no_id_.exchange(true))
      host_.log(NEK_WARN,
                "the filter that made them gives records no id: the server makes one, and what is "
                "sent again may be there twice");
    Status status = call.encode(lane.before, out);
    if (status.ok() && !lane.refused.empty()) leave_out(*out.c(), lane.refused);
    return status;
  }

  void send(nek_token* token, std::span<const nek_record> records) {
    client_->send(token, records);
  }

  Status control(Call&, const nek_control& control) {
    if (!control.drain) finish_indices();
    return {};
  }

  void connect(Findings& findings, std::chrono::milliseconds wait) {
    for (const std::string& host : connection_->hosts()) {
      ConnectionConfig config = connection_config();
      config.hosts = {host};
      config.timeout = wait;
      const Connection one(std::move(config));
      find(findings, host, Server(one));
    }
  }

 private:
  static constexpr int64_t kSkewMs = 5000;  // more is worth a warning

  ConnectionConfig connection_config() const {
    ConnectionConfig to;
    to.hosts = config_.hosts;
    to.user = config_.user;
    to.password = config_.password;
    to.api_key = config_.api_key;
    to.bearer = config_.bearer;
    to.tls = config_.tls;
    to.timeout = config_.timeout;
    to.connect_timeout = config_.connect_timeout;
    return to;
  }

  // Requests side by side overtake each other: where a document replaces an older one of its id,
  // that would leave the older one there.
  bool keeps_order() const {
    return config_.op == Op::kIndex && config_.document_id != "record" &&
           config_.document_id != "none";
  }
  uint32_t most_in_flight() const {
    const nek_value* at = nek::find(host_.config(), "max_in_flight");
    const bool given = at && host_.is_written(*at);
    if (!keeps_order() || (given && config_.max_in_flight == 1)) return config_.max_in_flight;
    if (!given) return 1;
    host_.log(
        NEK_WARN,
        "'max_in_flight': with 'op: index' and an id of your own requests overtake each other, "
        "and an older document may replace a newer one; without it they go one at a time");
    return config_.max_in_flight;
  }

  Status check_options() const {
    if (config_.hosts.empty()) return fail_at(host_.at("hosts"), "'hosts' is empty");
    bool plain = false;
    for (size_t i = 0; i < config_.hosts.size(); i++) {
      const std::string defect = address_defect(config_.hosts[i]);
      if (!defect.empty())
        return fail_at(&host_.at("hosts")->items[i], "'hosts': an address " + defect);
      plain |= config_.hosts[i].starts_with("http://");
    }
    const int ways = !config_.user.empty() + !config_.api_key.empty() + !config_.bearer.empty();
    if (ways > 1) return fail_at(host_.at("user"), "say one of 'user', 'api_key' and 'bearer'");
    if (ways > 0 && plain)
      host_.log(NEK_WARN,
                "the password or key goes over http:// as it is: anybody on the way can read it");
    if (config_.op == Op::kIndex && config_.index_template && config_.index_template->data_stream)
      return fail_at(host_.at("op"), "a data stream takes 'op: create' only");
    if (!config_.tls.fingerprint.empty() && !config_.tls.fingerprint.starts_with("sha256//"))
      return fail_at(host_.at("tls"), "'tls.fingerprint' must begin with sha256//");
    return check_files();
  }
  Status check_files() const {
    const TlsConfig& tls = config_.tls;
    for (const auto& [option, path] :
         {std::pair{"tls.ca_file", tls.ca_file}, std::pair{"tls.certificate", tls.certificate},
          std::pair{"tls.key", tls.key}}) {
      Status status = check_readable(host_.at("tls"), option, path);
      if (!status.ok()) return status;
    }
    if (!config_.index_template || config_.index_template->file.empty()) return {};
    const auto body = own_template(*config_.index_template, "");
    return body.ok() ? Status()
                     : fail_at(host_.at("template"), "template.file: " + body.status().message());
  }

  Status install_template(const Stop& stop) const {
    const Result<std::string> done =
        Server(*connection_, stop).install_template(*config_.index_template, actions_.wildcard());
    if (done.ok()) host_.log(NEK_INFO, *done);
    return done.status();
  }

  // What takes long is said before it begins: until then nothing else moves. Whoever wants nek to
  // end does not wait for it.
  void finish_indices() const {
    const uint32_t segments = config_.on_end.force_merge;
    if (!segments && !config_.on_end.refresh) return;
    const auto stopping = [this] { return host_.stopping(); };
    const Server server(*connection_, stopping);
    const std::set<std::string> indices = actions_.indices();
    const bool no_source = config_.index_template && !config_.index_template->source;
    if (segments && no_source && !indices.empty())
      host_.log(NEK_INFO,
                "all is sent; before the merge it waits, for about half a minute, until the server "
                "needs the source of young documents no more");
    size_t number = 0;
    for (const std::string& index : indices) {
      Status status;
      if (segments && no_source) status = server.wait_for_leases(index);
      if (status.ok() && segments) {
        host_.log(NEK_INFO, "merging " + index + " into " + count_of(segments, "segment") +
                                " (index " + std::to_string(++number) + " of " +
                                std::to_string(indices.size()) + ")");
        status = server.force_merge(index, segments);
      }
      if (status.ok() && config_.on_end.refresh) status = server.refresh(index);
      if (stopping())
        return host_.log(NEK_WARN,
                         "all is delivered, but nek is to stop: what 'on_end' asks for is "
                         "not waited for, from index " +
                             index + " on");
      if (!status.ok()) host_.log(NEK_WARN, "all is delivered, but: " + status.message());
    }
  }
  static std::string count_of(uint32_t count, const char* what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
  }

  // The codec writes every record of a batch: those that were refused are cut out.
  static void leave_out(nek_encoded& block, const std::vector<uint32_t>& refused) {
    auto next = refused.begin();
    uint32_t from = 0, to = 0;
    for (uint32_t row = 0; row < block.rows; row++) {
      const uint32_t end = block.ends[row], size = end - from;
      if (next != refused.end() && *next == row) {
        ++next;
      } else {
        std::memmove(block.data + to, block.data + from, size);
        to += size;
      }
      from = end;
      block.ends[row] = to;
    }
    block.used = to;
  }

  void find(Findings& findings, const std::string& host, const Server& server) const {
    const Result<Server::About> about = server.about();
    if (!about.ok()) return findings.error(host + ": " + about.status().message());
    findings.good(host + ": " + about->text() + ", cluster " + about->name);
    const Result<std::chrono::milliseconds> skew = server.clock_skew(host_.now_ms());
    if (!skew.ok()) {
      findings.warn(host + ": " + skew.status().message());
    } else if (std::abs(skew->count()) > kSkewMs) {
      findings.warn(host + ": its clock is " + std::to_string(std::abs(skew->count()) / 1000) +
                    " s " + (skew->count() > 0 ? "ahead" : "behind"));
    }
    if (!config_.index_template) return;
    const std::string& name = config_.index_template->name;
    const Result<int64_t> version = server.template_version(name);
    if (!version.ok()) return findings.error(host + ": " + version.status().message());
    if (*version < 0)
      findings.good(host + ": template " + name + " is not there; the first run installs it");
    else if (*version < int64_t{config_.index_template->version})
      findings.good(host + ": template " + name + " has version " + std::to_string(*version) +
                    "; the next run replaces it");
    else
      findings.good(host + ": template " + name + " of version " + std::to_string(*version) +
                    " is there");
  }

  Host host_;
  Config config_;
  Actions actions_;
  std::optional<Connection> connection_;
  std::optional<Client> client_;
  mutable std::atomic<bool> told_no_id_{false};
};

// Without a template the server makes dates of texts only, and integers of numbers. One that knows
// the times gets them as it keeps them, which is shorter. By the names of ECS the short ones are
// aliases, to which the server lets nobody write: so the columns are renamed.
const char* codec_defaults_of(const nek_value* config) {
  const nek_value* index_template = find(*config, "template");
  if (!index_template) return nullptr;
  const auto is = [&](const char* option, std::string_view word) {
    const nek_value* value = find(*index_template, option);
    return value && to_view(value->string) == word;
  };
  static const std::string kEcs =
      "{nulls: omit, time_format: epoch_millis, rename: " + ecs_names() + "}";
  const bool of_flows = is("records", "flows") && !find(*index_template, "file");
  return of_flows && is("names", "ecs") ? kEcs.c_str() : "{nulls: omit, time_format: epoch_millis}";
}

consteval nek_plugin describe(const char* name) {
  return output<EsBulk, kOptions>({
      .name = name,
      .version = "0.1.0",
      .vendor = "nek",
      .licence = "Apache-2.0",
      .summary = "Writes records to Elasticsearch and OpenSearch, each of them once.",
      .example = R"(es_bulk:
  hosts: ["http://127.0.0.1:9200"]
  index: flows-%Y.%m.%d)",
      .codec = "json",
      .codec_defaults = "{nulls: omit}",
      .codec_defaults_of = codec_defaults_of,
  });
}

}  // namespace
}  // namespace nek

NEK_EXPORT_PLUGINS(nek::describe("es_bulk"), nek::describe("elasticsearch"),
                   nek::describe("opensearch"));
