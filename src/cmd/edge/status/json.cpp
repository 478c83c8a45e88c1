#include <nlohmann/json.hpp>

#include "cmd/edge/status.hpp"
#include "core/error.hpp"
#include "kube/decode/json_depth.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const TrafficStatus& traffic) {
  return {{"packets", traffic.packets}, {"bytes", traffic.bytes}};
}

Json json_of(const EndpointStatus& endpoint) {
  return {{"address", endpoint.address},
          {"share", endpoint.share},
          {"draining", endpoint.draining},
          {"connections", endpoint.connections}};
}

Json json_of(const PortStatus& port) {
  Json json = {{"address", port.address},
               {"protocol", port.protocol},
               {"ports", port.ports},
               {"service", port.service},
               {"active", port.active},
               {"connections", port.connections},
               {"received", port.traffic ? json_of(port.traffic->received) : Json()},
               {"sent", port.traffic ? json_of(port.traffic->sent) : Json()},
               {"refused",
                {{"source", port.refused_source},
                 {"connections", port.refused_connections},
                 {"rate", port.refused_rate},
                 {"endpoints", port.refused_endpoints}}},
               {"endpoints", Json::array()}};
  for (const EndpointStatus& endpoint : port.endpoints)
    json["endpoints"].push_back(json_of(endpoint));
  return json;
}

Json json_of(const MappingStatus& mapping) {
  Json json = {{"kind", mapping.kind},   {"namespace", mapping.ns},    {"name", mapping.name},
               {"state", mapping.state}, {"reasons", mapping.reasons}, {"ports", Json::array()}};
  json["obstructions"] = mapping.obstructions;
  json["unserved"] = mapping.unserved;
  for (const PortStatus& port : mapping.ports) json["ports"].push_back(json_of(port));
  return json;
}

Json json_of(const ProcessStatus& process) {
  return {{"pid", process.pid},
          {"version", process.version},
          {"commit", process.commit},
          {"started", process.started},
          {"lastSync", process.last_sync},
          {"staleSince", process.stale_since},
          {"healthy", process.healthy},
          {"ready", process.ready},
          {"troubles", process.troubles}};
}

Json pairs(const std::vector<std::pair<std::string, std::string>>& entries, const char* name) {
  Json json = Json::array();
  for (const auto& [subject, reason] : entries)
    json.push_back({{name, subject}, {"reason", reason}});
  return json;
}

std::vector<std::pair<std::string, std::string>> read_pairs(const Json& json, const char* list,
                                                            const char* name) {
  std::vector<std::pair<std::string, std::string>> entries;
  for (const Json& entry : json.value(list, Json::array())) {
    entries.emplace_back(entry.value(name, ""), entry.value("reason", ""));
  }
  return entries;
}

using Strings = std::vector<std::string>;

TrafficStatus read_traffic(const Json& json) {
  return {json.value("packets", std::uint64_t{0}), json.value("bytes", std::uint64_t{0})};
}

std::optional<PortTraffic> read_port_traffic(const Json& json) {
  const Json received = json.value("received", Json()), sent = json.value("sent", Json());
  if (received.is_null() || sent.is_null()) return std::nullopt;
  return PortTraffic{read_traffic(received), read_traffic(sent)};
}

PortStatus read_port(const Json& json) {
  PortStatus port;
  port.address = json.value("address", "");
  port.protocol = json.value("protocol", "");
  port.ports = json.value("ports", "");
  port.service = json.value("service", "");
  port.active = json.value("active", true);
  port.connections = json.value("connections", std::uint64_t{0});
  port.traffic = read_port_traffic(json);
  const Json refused = json.value("refused", Json::object());
  port.refused_source = refused.value("source", std::uint64_t{0});
  port.refused_connections = refused.value("connections", std::uint64_t{0});
  port.refused_rate = refused.value("rate", std::uint64_t{0});
  port.refused_endpoints = refused.value("endpoints", std::uint64_t{0});
  for (const Json& endpoint : json.value("endpoints", Json::array())) {
    port.endpoints.push_back({endpoint.value("address", ""), endpoint.value("share", 0.0),
                              endpoint.value("draining", false),
                              endpoint.value("connections", std::uint64_t{0})});
  }
  return port;
}

ProcessStatus read_process(const Json& json) {
  ProcessStatus process;
  process.pid = json.value("pid", std::int64_t{0});
  process.version = json.value("version", "");
  process.commit = json.value("commit", "");
  process.started = json.value("started", std::int64_t{0});
  process.last_sync = json.value("lastSync", std::int64_t{0});
  process.stale_since = json.value("staleSince", std::int64_t{0});
  process.healthy = json.value("healthy", false);
  process.ready = json.value("ready", false);
  process.troubles = json.value("troubles", Strings());
  return process;
}

EdgeStatus read(const Json& json) {
  EdgeStatus status;
  const Json process = json.value("process", Json());
  if (!process.is_null()) status.process = read_process(process);
  for (const Json& entry : json.value("mappings", Json::array())) {
    MappingStatus mapping{entry.value("kind", "Mapping"),    entry.value("namespace", ""),
                          entry.value("name", ""),           entry.value("state", ""),
                          entry.value("reasons", Strings()), {}};
    for (const Json& port : entry.value("ports", Json::array())) {
      mapping.ports.push_back(read_port(port));
    }
    mapping.obstructions = entry.value("obstructions", Strings());
    mapping.unserved = entry.value("unserved", Strings());
    status.mappings.push_back(std::move(mapping));
  }
  for (const Json& entry : json.value("externalInterfaces", Json::array())) {
    status.interfaces.push_back(
        {entry.value("name", ""), entry.value("gateway4", ""), entry.value("gateway6", "")});
  }
  status.rejections = read_pairs(json, "rejections", "object");
  status.problems = read_pairs(json, "problems", "where");
  status.warnings = json.value("warnings", Strings());
  status.objects = json.value("objects", std::map<std::string, std::uint64_t>());
  status.ignored = json.value("ignoredDocuments", std::uint64_t{0});
  const Json conntrack = json.value("conntrack", Json::object());
  status.conntrack_entries = conntrack.value("entries", std::uint64_t{0});
  status.conntrack_limit = conntrack.value("limit", std::uint64_t{0});
  for (const Json& entry : json.value("sourcePorts", Json::array())) {
    status.source_ports.push_back({entry.value("endpoint", ""), entry.value("protocol", ""),
                                   entry.value("source", ""), entry.value("used", std::uint64_t{0}),
                                   entry.value("limit", std::uint64_t{0})});
  }
  return status;
}

}  // namespace

std::string to_json(const EdgeStatus& status) {
  const auto told = [&](const MappingStatus& mapping) {
    Json json = json_of(mapping);
    if (status.counted) return json;
    for (Json& port : json["ports"]) {
      for (const char* const counter : {"connections", "received", "sent", "refused"}) {
        port.erase(counter);
      }
      for (Json& endpoint : port["endpoints"]) endpoint.erase("connections");
    }
    return json;
  };
  Json json = {
      {"process", status.process ? json_of(*status.process) : Json()},
      {"mappings", Json::array()},
      {"externalInterfaces", Json::array()},
      {"rejections", pairs(status.rejections, "object")},
      {"problems", pairs(status.problems, "where")},
      {"warnings", status.warnings},
      {"objects", status.objects},
      {"ignoredDocuments", status.ignored},
      {"conntrack", {{"entries", status.conntrack_entries}, {"limit", status.conntrack_limit}}},
      {"sourcePorts", Json::array()}};
  for (const SourcePortsStatus& ports : status.source_ports) {
    json["sourcePorts"].push_back({{"endpoint", ports.endpoint},
                                   {"protocol", ports.protocol},
                                   {"source", ports.source},
                                   {"used", ports.used},
                                   {"limit", ports.limit}});
  }
  for (const MappingStatus& mapping : status.mappings) json["mappings"].push_back(told(mapping));
  for (const InterfaceStatus& interface : status.interfaces) {
    json["externalInterfaces"].push_back({{"name", interface.name},
                                          {"gateway4", interface.gateway4},
                                          {"gateway6", interface.gateway6}});
  }
  // File names and comments need not be UTF-8.
  return kube::dump_json(json, 2) + '\n';
}

EdgeStatus parse_status(std::string_view text) {
  try {
    return read(Json::parse(kube::nested_too_deep(text) ? std::string_view() : text));
  } catch (const Json::exception& error) {
    throw core::Error(core::Error::Kind::permanent,
                      std::string("the answer is not a status of pona edge: ") + error.what());
  }
}

}  // namespace cmd
