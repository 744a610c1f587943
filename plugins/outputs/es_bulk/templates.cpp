// SPDX-License-Identifier: Apache-2.0
#include "templates.h"

#include <fstream>

namespace nek {
namespace {

using Json = nlohmann::json;

// The record of the flows, field by field: its name here and in ECS, and how it is stored.
struct Field {
  const char* name;
  const char* ecs;
  enum : uint8_t { kTime, kAddress, kPort, kWord, kNumber, kInterface } kind;
};
constexpr Field kFields[] = {
    {"ts", "@timestamp", Field::kTime},
    {"sa", "source.ip", Field::kAddress},
    {"sp", "source.port", Field::kPort},
    {"sc", "source.geo.country_iso_code", Field::kWord},
    {"da", "destination.ip", Field::kAddress},
    {"dp", "destination.port", Field::kPort},
    {"dc", "destination.geo.country_iso_code", Field::kWord},
    {"byte", "network.bytes", Field::kNumber},
    {"pkt", "network.packets", Field::kNumber},
    {"out", "observer.egress.interface.id", Field::kInterface},
    {"pr", "network.transport", Field::kWord},
    {"flg", "netflow.tcp_flags", Field::kWord},
    {"exporter", "observer.name", Field::kWord},
};

// Of alerts: what a server would guess wrong from the first document, such as a share of 1, which
// is no integer.
constexpr const char* kTimes[] = {"@timestamp", "event.start", "event.end"};
constexpr const char* kAddresses[] = {"source.ip", "destination.ip", "scan.sample_hosts"};
constexpr const char* kReals[] = {"scan.failed_ratio", "scan.score"};

Json time_type() {
  return {{"type", "date"}, {"format", "epoch_millis||strict_date_optional_time"}};
}

Json type_of(const Field& field) {
  switch (field.kind) {
    case Field::kTime: return time_type();
    // Without -6 nfdump shortens IPv6: such a text is no address, and the flow is stored all the
    // same.
    case Field::kAddress: return {{"type", "ip"}, {"ignore_malformed", true}};
    case Field::kPort: return {{"type", "integer"}, {"ignore_malformed", true}};
    case Field::kWord: return {{"type", "keyword"}};
    case Field::kInterface: return {{"type", "integer"}};
    // Summed and sorted by, not searched for: column storage is enough.
    case Field::kNumber: return {{"type", "long"}, {"index", false}};
  }
  return {};
}

// a.b.c: {"a": {"properties": {"b": ...}}}
void put(Json& properties, std::string_view path, Json type) {
  const size_t dot = path.find('.');
  const std::string head(path.substr(0, dot));
  if (dot == std::string_view::npos) {
    properties[head] = std::move(type);
    return;
  }
  put(properties[head]["properties"], path.substr(dot + 1), std::move(type));
}

Json flow_mappings(bool ecs) {
  Json properties = Json::object();
  for (const Field& field : kFields) {
    put(properties, ecs ? field.ecs : field.name, type_of(field));
    if (ecs) properties[field.name] = {{"type", "alias"}, {"path", field.ecs}};
  }
  return {{"dynamic", false}, {"properties", properties}};
}

// Few and small: all that is in them can be searched, texts by their whole value.
Json alert_mappings() {
  Json properties = Json::object();
  for (const char* name : kTimes) put(properties, name, time_type());
  for (const char* name : kAddresses)
    put(properties, name, {{"type", "ip"}, {"ignore_malformed", true}});
  for (const char* name : kReals) put(properties, name, {{"type", "double"}});
  put(properties, "message", {{"type", "text"}});
  const Json words = {{"match_mapping_type", "string"}, {"mapping", {{"type", "keyword"}}}};
  return {{"date_detection", false},
          {"dynamic_templates", Json::array({{{"words", words}}})},
          {"properties", properties}};
}

}  // namespace

std::string ecs_names() {
  std::string out;
  for (const Field& field : kFields)
    out += std::string(out.empty() ? "" : ", ") + field.name + ": \"" + field.ecs + "\"";
  return "{" + out + "}";
}

Json template_body(const TemplateConfig& config, const std::string& pattern, bool opensearch,
                   const std::string& codec) {
  const bool alerts = config.records == Records::kAlerts;
  const bool ecs = alerts || config.names == Names::kEcs;
  Json mappings = alerts ? alert_mappings() : flow_mappings(ecs);
  if (!config.source) mappings["_source"] = {{"enabled", false}};
  Json index = {{"codec", codec},
                {"number_of_shards", config.shards},
                {"number_of_replicas", config.replicas},
                {"sort.field", ecs ? "@timestamp" : "ts"},
                {"sort.order", "desc"}};
  if (!alerts) index["refresh_interval"] = "30s";
  const Json settings = {{"index", index}};
  Json body = {{"index_patterns", {pattern}},
               {"priority", config.priority},
               {"version", config.version},
               {"_meta", {{"made_by", "nek"}}},
               {"template", {{"settings", settings}, {"mappings", mappings}}}};
  if (config.data_stream) {
    body["data_stream"] = Json::object();
    if (opensearch && !ecs) body["data_stream"]["timestamp_field"] = {{"name", "ts"}};
  }
  return body;
}

Result<Json> own_template(const TemplateConfig& config, const std::string& pattern) {
  std::ifstream file(config.file);
  if (!file) return fail("cannot read " + config.file);
  Json body = Json::parse(file, nullptr, false);
  if (!body.is_object()) return fail(config.file + " is no JSON object");
  if (!body.contains("index_patterns")) body["index_patterns"] = {pattern};
  if (!body.contains("version")) body["version"] = config.version;
  if (!body.contains("priority")) body["priority"] = config.priority;
  return body;
}

}  // namespace nek
