// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <thread>

#include "bulk_reply.h"

namespace nek {
namespace {

using Json = nlohmann::json;
constexpr std::chrono::milliseconds kShort{10000};
constexpr std::chrono::hours kMerge{6};

const Json& at(const Json& object, const char* key) {
  static const Json kNone;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() ? *found : kNone;
}

std::string text_at(const Json& object, const char* key) {
  const Json& value = at(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

// Whether no lease holds any document of a shard.
bool leases_are_over(const Json& stats) {
  for (const auto& [index, of] : at(stats, "indices").items()) {
    for (const auto& [shard, copies] : at(of, "shards").items()) {
      for (const Json& copy : copies) {
        const Json& newest = at(at(copy, "seq_no"), "max_seq_no");
        const Json& leases = at(at(copy, "retention_leases"), "leases");
        if (!newest.is_number_integer() || !leases.is_array()) continue;
        for (const Json& lease : leases) {
          const Json& from = at(lease, "retaining_seq_no");
          if (from.is_number_integer() && from.get<int64_t>() <= newest.get<int64_t>())
            return false;
        }
      }
    }
  }
  return true;
}

}  // namespace

// Null: it is not there.
Result<Json> Server::ask(HttpRequest request, bool may_be_absent) const {
  if (request.timeout.count() == 0) request.timeout = kShort;
  const HttpReply reply = connection_.ask(request, stop_);
  if (!reply.answered()) return fail(reply.error);
  if (reply.status == 404 && may_be_absent) return Json();
  if (reply.status / 100 != 2) {
    const BulkItem error = request_error(reply.body);
    std::string text = request.method + " " + request.path.substr(0, request.path.find('?')) +
                       " is answered with " + std::to_string(reply.status);
    if (!error.type.empty()) text += " " + error.type;
    if (!error.reason.empty()) text += ": " + error.reason;
    return fail(text);
  }
  Json body = Json::parse(reply.body, nullptr, false);
  if (body.is_discarded()) return fail("the answer to " + request.path + " is no JSON");
  return body;
}

Result<Server::About> Server::about() const {
  HttpRequest request;
  request.path = "/";
  const Result<Json> reply = ask(std::move(request));
  if (!reply.ok()) return reply.status();
  const Json& version = at(*reply, "version");
  About about;
  about.name = text_at(*reply, "cluster_name");
  about.version = text_at(version, "number");
  about.opensearch = text_at(version, "distribution") == "opensearch";
  if (about.version.empty()) return fail("it is neither Elasticsearch nor OpenSearch");
  return about;
}

Result<int64_t> Server::template_version(const std::string& name) const {
  HttpRequest request;
  request.path = "/_index_template/" + name;
  const Result<Json> reply = ask(std::move(request), true);
  if (!reply.ok()) return reply.status();
  const Json& list = at(*reply, "index_templates");
  if (!list.is_array() || list.empty()) return -1;
  const Json& version = at(at(list[0], "index_template"), "version");
  return version.is_number_integer() ? version.get<int64_t>() : 0;
}

Result<std::string> Server::install_template(const TemplateConfig& config,
                                             const std::string& pattern) const {
  const Result<int64_t> there = template_version(config.name);
  if (!there.ok()) return there.status();
  if (*there >= int64_t{config.version})
    return "template " + config.name + " of version " + std::to_string(*there) + " is there";
  bool opensearch = config.profile == Profile::kOpensearch;
  if (config.profile == Profile::kAuto) {
    const Result<About> who = about();
    if (!who.ok()) return who.status();
    opensearch = who->opensearch;
  }
  const auto put = [&](const Json& body) {
    const std::string text = body.dump();
    HttpRequest request;
    request.method = "PUT";
    request.path = "/_index_template/" + config.name;
    request.content_type = "application/json";
    request.body = {text};
    return ask(std::move(request)).status();
  };
  std::string what = "template " + config.name + " was installed";
  if (!config.file.empty()) {
    const Result<Json> body = own_template(config, pattern);
    if (!body.ok()) return body.status();
    const Status status = put(*body);
    return status.ok() ? Result<std::string>(what) : status;
  }
  // Which codecs a server has depends on its modules; every one has the second.
  Status status;
  for (const char* codec : {"zstd", "best_compression"}) {
    if (!opensearch && std::string_view(codec) == "zstd") continue;
    status = put(template_body(config, pattern, opensearch, codec));
    if (status.ok()) return what + ", compressed by " + codec;
    if (status.message().find("codec") == std::string::npos) break;
  }
  return status;
}

Result<std::chrono::milliseconds> Server::clock_skew(int64_t now_ms) const {
  HttpRequest request;
  request.path = "/_nodes/_local/stats/os?filter_path=nodes.*.timestamp";
  const Result<Json> reply = ask(std::move(request));
  if (!reply.ok()) return reply.status();
  const Json& nodes = at(*reply, "nodes");
  if (!nodes.is_object() || nodes.empty()) return fail("the server does not tell its time");
  const Json& time = at(*nodes.begin(), "timestamp");
  if (!time.is_number_integer()) return fail("the server does not tell its time");
  return std::chrono::milliseconds(time.get<int64_t>() - now_ms);
}

Status Server::refresh(const std::string& index) const {
  HttpRequest request;
  request.method = "POST";
  request.path = "/" + index + "/_refresh";
  request.timeout = kMerge;
  return ask(std::move(request)).status();
}

Status Server::wait_for_leases(const std::string& index) const {
  HttpRequest flush;
  flush.method = "POST";
  flush.path = "/" + index + "/_flush";
  flush.timeout = kMerge;
  Status status = ask(std::move(flush)).status();
  for (int second = 0; status.ok() && second < 60 && !(stop_ && stop_()); second++) {
    HttpRequest request;
    request.path = "/" + index +
                   "/_stats?level=shards&filter_path=indices.*.shards.*.seq_no.max_seq_no,"
                   "indices.*.shards.*.retention_leases.leases.retaining_seq_no";
    const Result<Json> reply = ask(std::move(request));
    if (!reply.ok()) return reply.status();
    if (leases_are_over(*reply)) break;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  return status;
}

Status Server::force_merge(const std::string& index, uint32_t segments) const {
  HttpRequest request;
  request.method = "POST";
  request.path = "/" + index + "/_forcemerge?max_num_segments=" + std::to_string(segments);
  request.timeout = kMerge;
  return ask(std::move(request)).status();
}

}  // namespace nek
