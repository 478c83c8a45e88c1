#include <set>

#include "support/apiserver/built_in.hpp"

namespace support::apiserver {
namespace {

Cause required(const std::string& field, const std::string& detail = "") {
  return {"FieldValueRequired", "Required value" + (detail.empty() ? "" : ": " + detail), field};
}

Cause wrong(const std::string& field, const Json& value, const std::string& detail) {
  return {"FieldValueInvalid", "Invalid value: " + value.dump() + ": " + detail, field};
}

Cause unsupported(const std::string& field, const Json& value, const std::string& known) {
  return {"FieldValueNotSupported",
          "Unsupported value: " + value.dump() + ": supported values: " + known, field};
}

bool port_in_range(const Json* port) {
  return port != nullptr && port->is_number_integer() && *port >= 1 && *port <= 65535;
}

void check_service(const Json* before, const Json& after, std::vector<Cause>& causes) {
  const Json& spec = after.at("spec");
  const std::string type = text(spec, "type");
  const Json* const ports = find(spec, "ports");
  if ((ports == nullptr || ports->empty()) && type != "ExternalName" &&
      text(spec, "clusterIP") != "None") {
    causes.push_back(required("spec.ports"));
  }
  std::set<std::string> keys;
  for (std::size_t i = 0; ports != nullptr && i < ports->size(); ++i) {
    const Json& port = (*ports)[i];
    const std::string field = "spec.ports[" + std::to_string(i) + "]";
    if (ports->size() > 1 && text(port, "name").empty())
      causes.push_back(required(field + ".name"));
    if (!port_in_range(find(port, "port"))) {
      causes.push_back(wrong(field + ".port", port.value("port", Json(0)),
                             "must be between 1 and 65535, inclusive"));
    }
    const std::string protocol = text(port, "protocol");
    if (protocol != "TCP" && protocol != "UDP" && protocol != "SCTP") {
      causes.push_back(unsupported(field + ".protocol", protocol, "\"SCTP\", \"TCP\", \"UDP\""));
    }
    const Json key = {{"port", port.value("port", Json(0))}, {"protocol", protocol}};
    if (!keys.insert(key.dump()).second) {
      causes.push_back({"FieldValueDuplicate", "Duplicate value: " + key.dump(), field});
    }
  }
  if (before == nullptr) return;
  const Json* const old_ips = find(*before, "spec.clusterIPs");
  const std::string old_ip = text(*before, "spec.clusterIP");
  if (!old_ip.empty() && text(spec, "clusterIP") != old_ip && type != "ExternalName" &&
      text(*before, "spec.type") != "ExternalName") {
    causes.push_back(wrong("spec.clusterIPs[0]", Json::array({text(spec, "clusterIP")}),
                           "may not change once set"));
  }
  const std::string old_class = text(*before, "spec.loadBalancerClass");
  if (old_ips != nullptr && !old_class.empty() && type == "LoadBalancer" &&
      text(spec, "loadBalancerClass") != old_class) {
    causes.push_back(wrong("spec.loadBalancerClass", text(spec, "loadBalancerClass"),
                           "may not change once set"));
  }
}

void check_slice(const Json* before, const Json& after, std::vector<Cause>& causes) {
  const std::string type = text(after, "addressType");
  if (type.empty()) {
    causes.push_back(required("addressType"));
  } else if (type != "IPv4" && type != "IPv6" && type != "FQDN") {
    causes.push_back(unsupported("addressType", type, "\"FQDN\", \"IPv4\", \"IPv6\""));
  }
  if (before != nullptr && text(*before, "addressType") != type) {
    causes.push_back(wrong("addressType", type, "field is immutable"));
  }
}

void check_definition(const Json& after, std::vector<Cause>& causes) {
  const std::string expected = text(after, "spec.names.plural") + "." + text(after, "spec.group");
  if (text(after, "metadata.name") != expected) {
    causes.push_back(wrong("metadata.name", text(after, "metadata.name"),
                           "must be spec.names.plural+\".\"+spec.group"));
  }
  const std::string scope = text(after, "spec.scope");
  if (scope != "Namespaced" && scope != "Cluster") {
    causes.push_back(unsupported("spec.scope", scope, "\"Cluster\", \"Namespaced\""));
  }
  const Json& versions = after.at("spec").at("versions");
  int storage = 0;
  for (std::size_t i = 0; i < versions.size(); ++i) {
    storage += versions[i].value("storage", false) ? 1 : 0;
    if (find(versions[i], "schema.openAPIV3Schema") == nullptr) {
      causes.push_back(required("spec.versions[" + std::to_string(i) + "].schema.openAPIV3Schema",
                                "schemas are required"));
    }
  }
  if (storage != 1) {
    causes.push_back(wrong("spec.versions", versions,
                           "must have exactly one version marked as storage version"));
  }
}

void check_container_names(const Json& spec, const std::string& path, std::vector<Cause>& causes) {
  const Json* const containers = find(spec, "containers");
  if (containers == nullptr || containers->empty()) {
    causes.push_back(required(path + ".containers"));
    return;
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < containers->size(); ++i) {
    const std::string field = path + ".containers[" + std::to_string(i) + "]";
    const std::string name = text((*containers)[i], "name");
    if (name.empty()) causes.push_back(required(field + ".name"));
    if (text((*containers)[i], "image").empty()) causes.push_back(required(field + ".image"));
    if (!name.empty() && !names.insert(name).second) {
      causes.push_back(
          {"FieldValueDuplicate", "Duplicate value: \"" + name + "\"", field + ".name"});
    }
  }
}

void check_lease(const Json& after, std::vector<Cause>& causes) {
  const Json* const duration = find(after, "spec.leaseDurationSeconds");
  if (duration != nullptr && duration->is_number() && *duration <= 0) {
    causes.push_back(wrong("spec.leaseDurationSeconds", *duration, "must be greater than 0"));
  }
  const Json* const transitions = find(after, "spec.leaseTransitions");
  if (transitions != nullptr && transitions->is_number() && *transitions < 0) {
    causes.push_back(
        wrong("spec.leaseTransitions", *transitions, "must be greater than or equal to 0"));
  }
}

}  // namespace

std::vector<Cause> check_built_in(const Resource& resource, const Json* before, const Json& after) {
  std::vector<Cause> causes;
  if (resource.kind == "Service") check_service(before, after, causes);
  if (resource.kind == "EndpointSlice") check_slice(before, after, causes);
  if (resource.kind == "CustomResourceDefinition") check_definition(after, causes);
  if (resource.kind == "Lease") check_lease(after, causes);
  if (resource.kind == "Pod") check_container_names(after.at("spec"), "spec", causes);
  if (resource.kind == "Deployment") {
    check_container_names(after.at("spec").at("template").at("spec"), "spec.template.spec", causes);
    if (before != nullptr && *find(*before, "spec.selector") != *find(after, "spec.selector")) {
      causes.push_back(wrong("spec.selector", *find(after, "spec.selector"), "field is immutable"));
    }
  }
  if (resource.kind.ends_with("RoleBinding") && before != nullptr &&
      before->at("roleRef") != after.at("roleRef")) {
    causes.push_back(wrong("roleRef", after.at("roleRef"), "cannot change roleRef"));
  }
  return causes;
}

}  // namespace support::apiserver
