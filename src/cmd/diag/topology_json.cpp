#include "cmd/diag/topology_json.hpp"

#include <nlohmann/json.hpp>

#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

using GraphJson = nlohmann::ordered_json;
namespace topology_graph = core::topology;

GraphJson marks_json(const std::vector<topology_graph::Mark>& marks) {
  GraphJson json = GraphJson::array();
  for (const topology_graph::Mark& mark : marks) {
    json.push_back(
        {{"severity", to_string(mark.severity)}, {"word", mark.word}, {"text", mark.text}});
  }
  return json;
}

GraphJson interface_json(const topology_graph::Interface& one) {
  GraphJson json = {{"name", one.name}, {"kind", one.kind},       {"mtu", one.mtu},
                    {"up", one.up},     {"carrier", one.carrier}, {"external", one.external}};
  json["addresses"] = GraphJson::array();
  for (const core::Prefix& held : one.addresses) json["addresses"].push_back(to_string(held));
  if (!one.master.empty()) json["master"] = one.master;
  if (!one.lower.empty()) json["lower"] = one.lower;
  if (!one.tunnel.empty()) json["tunnel"] = one.tunnel;
  json["marks"] = marks_json(one.marks);
  return json;
}

GraphJson node_json(const topology_graph::Node& node, std::size_t number) {
  GraphJson json = {{"id", number},
                    {"role", to_string(node.role)},
                    {"name", node.name},
                    {"jobs", node.jobs},
                    {"elsewhere", node.elsewhere}};
  if (!node.elsewhere) json["forwards"] = node.forwards;
  json["interfaces"] = GraphJson::array();
  for (const topology_graph::Interface& one : node.interfaces)
    json["interfaces"].push_back(interface_json(one));
  json["marks"] = marks_json(node.marks);
  return json;
}

GraphJson end_json(const topology_graph::Graph& graph, const topology_graph::End& end) {
  GraphJson json = {{"node", end.node}};
  if (end.interface != topology_graph::nowhere)
    json["interface"] = graph.nodes[end.node].interfaces[end.interface].name;
  return json;
}

GraphJson mapping_json(const topology_graph::Mapping& mapping) {
  GraphJson json = {{"object", mapping.object},
                    {"state", mapping.state},
                    {"node", mapping.node},
                    {"reasons", mapping.reasons},
                    {"ports", GraphJson::array()}};
  for (const topology_graph::MappedPort& port : mapping.ports) {
    GraphJson one = {{"external", port.external},
                     {"service", port.service},
                     {"active", port.active},
                     {"endpoints", GraphJson::array()}};
    for (const topology_graph::Endpoint& endpoint : port.endpoints) {
      one["endpoints"].push_back({{"address", endpoint.address},
                                  {"node", endpoint.node},
                                  {"share", endpoint.share},
                                  {"draining", endpoint.draining}});
    }
    json["ports"].push_back(std::move(one));
  }
  json["marks"] = marks_json(mapping.marks);
  return json;
}

GraphJson egress_json(const topology_graph::Egress& egress) {
  GraphJson json = {{"name", egress.name},
                    {"encapsulation", egress.encapsulation},
                    {"destinations", egress.destinations},
                    {"clients", GraphJson::array()},
                    {"natPods", GraphJson::array()}};
  for (const topology_graph::Client& client : egress.clients) {
    json["clients"].push_back(
        {{"node", client.node}, {"refused", client.refused}, {"problems", client.problems}});
  }
  for (const topology_graph::NatPod& nat : egress.nat_pods) {
    json["natPods"].push_back({{"address", nat.address}, {"state", nat.state}, {"node", nat.node}});
  }
  json["marks"] = marks_json(egress.marks);
  return json;
}

}  // namespace

std::string topology_json(const topology_graph::Graph& graph) {
  GraphJson json = {{"schema", "pona.diag.topology/v1"}, {"nodes", GraphJson::array()},
                    {"cables", GraphJson::array()},      {"mappings", GraphJson::array()},
                    {"egresses", GraphJson::array()},    {"findings", GraphJson::array()}};
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    json["nodes"].push_back(node_json(graph.nodes[i], i));
  for (const topology_graph::Cable& cable : graph.cables) {
    json["cables"].push_back({{"a", end_json(graph, cable.a)},
                              {"b", end_json(graph, cable.b)},
                              {"severity", to_string(severity_of(graph, cable))}});
  }
  for (const topology_graph::Mapping& one : graph.mappings)
    json["mappings"].push_back(mapping_json(one));
  for (const topology_graph::Egress& one : graph.egresses)
    json["egresses"].push_back(egress_json(one));
  for (const topology_graph::Finding& one : topology_graph::findings(graph)) {
    json["findings"].push_back(
        {{"severity", to_string(one.severity)}, {"word", one.word}, {"text", one.text}});
  }
  json["notes"] = graph.notes;
  return kube::dump_json(json, 2) + '\n';
}

}  // namespace cmd
