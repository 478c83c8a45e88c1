#include "support/apiserver/allocate.hpp"

#include <cstdio>

namespace support::apiserver {
namespace {

std::string free_ip(State& state, const std::string& family) {
  for (;;) {
    const auto a = static_cast<unsigned>(state.random() % 256);
    const auto b = static_cast<unsigned>(1 + state.random() % 254);
    char hex[16];
    std::snprintf(hex, sizeof hex, "%x", a * 256 + b);
    std::string ip = family == "IPv6" ? std::string("fd00:10:96::") + hex
                                      : "10.96." + std::to_string(a) + "." + std::to_string(b);
    if (!state.cluster_ips.contains(ip)) return ip;
  }
}

Json families_of(Json& spec) {
  const bool dual = text(spec, "ipFamilyPolicy").ends_with("DualStack");
  Json families = spec.value("ipFamilies", Json::array());
  if (families.empty()) {
    families.push_back(text(spec, "clusterIP").find(':') == std::string::npos ? "IPv4" : "IPv6");
  }
  if (dual && families.size() == 1) families.push_back(families[0] == "IPv4" ? "IPv6" : "IPv4");
  return families;
}

void set_cluster_ips(State& state, Json& spec) {
  if (text(spec, "type") == "ExternalName") return;
  const Json families = families_of(spec);
  spec["ipFamilies"] = families;
  if (!spec.contains("ipFamilyPolicy")) spec["ipFamilyPolicy"] = "SingleStack";
  const std::string wanted = text(spec, "clusterIP");
  if (wanted == "None") {
    spec["clusterIPs"] = Json::array({"None"});
    return;
  }
  Json ips = spec.value("clusterIPs", Json::array());
  if (ips.empty() && !wanted.empty()) ips.push_back(wanted);
  while (ips.size() < families.size()) ips.push_back(free_ip(state, families[ips.size()]));
  spec["clusterIPs"] = ips;
  spec["clusterIP"] = ips[0];
}

void set_node_ports(State& state, Json& spec) {
  const std::string type = text(spec, "type");
  const bool wanted = type == "NodePort" ||
                      (type == "LoadBalancer" && spec.value("allocateLoadBalancerNodePorts", true));
  if (!wanted || !spec.contains("ports")) return;
  for (Json& port : spec["ports"]) {
    if (port.value("nodePort", 0) == 0) port["nodePort"] = 30000 + state.random() % 2768;
  }
}

// What was allocated stays when an update does not mention it.
void keep_allocated(const Json& before, Json& spec) {
  if (text(spec, "type") == "ExternalName") return;
  for (const char* field : {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"}) {
    if (!spec.contains(field) && before.contains(field)) spec[field] = before[field];
  }
  // The list follows its first element's older field.
  if (spec.contains("clusterIPs") && spec["clusterIPs"].size() == 1 && spec.contains("clusterIP") &&
      before.value("clusterIP", "") != spec["clusterIP"]) {
    spec["clusterIPs"] = Json::array({spec["clusterIP"]});
  }
  if (!spec.contains("ports") || !before.contains("ports") ||
      (text(spec, "type") != "NodePort" && text(spec, "type") != "LoadBalancer")) {
    return;
  }
  for (Json& port : spec["ports"]) {
    for (const Json& old : before["ports"]) {
      if (!port.contains("nodePort") && old.contains("nodePort") &&
          old.value("port", 0) == port.value("port", 0) &&
          text(old, "protocol") == text(port, "protocol")) {
        port["nodePort"] = old["nodePort"];
      }
    }
  }
}

void admit_pod(Json& pod) {
  Json& spec = pod["spec"];
  const auto fill = [](Json& map, const char* field, Json value) {
    if (!map.contains(field)) map[field] = std::move(value);
  };
  const std::string account = spec.value("serviceAccountName", "default");
  spec["serviceAccountName"] = spec["serviceAccount"] = account;
  fill(spec, "priority", 0);
  fill(spec, "preemptionPolicy", "PreemptLowerPriority");
  Json tolerations = Json::array();
  for (const char* taint : {"not-ready", "unreachable"}) {
    tolerations.push_back({{"key", std::string("node.kubernetes.io/") + taint},
                           {"operator", "Exists"},
                           {"effect", "NoExecute"},
                           {"tolerationSeconds", 300}});
  }
  fill(spec, "tolerations", std::move(tolerations));
  pod["status"]["phase"] = "Pending";
  pod["status"]["qosClass"] = "BestEffort";
}

}  // namespace

void allocate(State& state, const Resource& resource, const Json* live, Json& object) {
  if (resource.kind == "Service") {
    Json& spec = object["spec"];
    if (live != nullptr) keep_allocated(live->at("spec"), spec);
    set_cluster_ips(state, spec);
    set_node_ports(state, spec);
  } else if (resource.kind == "Pod" && live == nullptr) {
    admit_pod(object);
  } else if (resource.kind == "Namespace" && live == nullptr) {
    object["status"]["phase"] = "Active";
  }
}

}  // namespace support::apiserver
