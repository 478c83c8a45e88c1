#include "support/apiserver/built_in.hpp"

#include <regex>

namespace support::apiserver {
namespace {

// Defaults of fields that the decoder fills in where they are missing.
void fill(Json& object, const std::string& field, Json value) {
  Json& place = object[field];
  if (place.is_null()) place = std::move(value);
}

// Missing keys of maps, all the way down.
void fill_all(Json& object, const Json& zero) {
  for (const auto& [name, value] : zero.items()) {
    Json& place = object[name];
    if (place.is_null()) {
      place = value;
    } else if (place.is_object() && value.is_object()) {
      fill_all(place, value);
    }
  }
}

Json* list_in(Json& object, const std::string& field) {
  const auto found = object.find(field);
  return found == object.end() || !found->is_array() ? nullptr : &*found;
}

void fill_pod_spec(Json& spec) {
  for (const char* field : {"containers", "initContainers"}) {
    Json* const containers = list_in(spec, field);
    if (containers == nullptr) continue;
    for (Json& container : *containers) {
      fill(container, "resources", Json::object());
      fill(container, "terminationMessagePath", "/dev/termination-log");
      fill(container, "terminationMessagePolicy", "File");
      const std::string image = text(container, "image");
      const bool latest = image.find(':') == std::string::npos || image.ends_with(":latest");
      fill(container, "imagePullPolicy", latest ? "Always" : "IfNotPresent");
      Json* const ports = list_in(container, "ports");
      if (ports == nullptr) continue;
      for (Json& port : *ports) fill(port, "protocol", "TCP");
    }
  }
  fill(spec, "restartPolicy", "Always");
  fill(spec, "terminationGracePeriodSeconds", 30);
  fill(spec, "dnsPolicy", "ClusterFirst");
  fill(spec, "securityContext", Json::object());
  fill(spec, "schedulerName", "default-scheduler");
}

void fill_service(Json& spec) {
  fill(spec, "type", "ClusterIP");
  fill(spec, "sessionAffinity", "None");
  if (text(spec, "sessionAffinity") == "ClientIP" && !spec.contains("sessionAffinityConfig")) {
    spec["sessionAffinityConfig"] = {{"clientIP", {{"timeoutSeconds", 10800}}}};
  }
  const std::string type = text(spec, "type");
  if (type != "ExternalName") fill(spec, "internalTrafficPolicy", "Cluster");
  if (type == "LoadBalancer" || type == "NodePort") fill(spec, "externalTrafficPolicy", "Cluster");
  if (type == "LoadBalancer") fill(spec, "allocateLoadBalancerNodePorts", true);
  Json* const ports = list_in(spec, "ports");
  if (ports == nullptr) return;
  for (Json& port : *ports) {
    fill(port, "protocol", "TCP");
    if (port.contains("port")) fill(port, "targetPort", Json(port["port"]));
  }
}

void fill_definition(Json& spec) {
  fill(spec, "conversion", {{"strategy", "None"}});
  Json& names = spec["names"];
  const std::string kind = text(names, "kind");
  if (text(names, "listKind").empty()) names["listKind"] = kind + "List";
  if (text(names, "singular").empty()) {
    std::string singular = kind;
    for (char& c : singular) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    names["singular"] = singular;
  }
}

void fill_slice(Json& slice) {
  Json* const ports = list_in(slice, "ports");
  if (ports == nullptr) return;
  for (Json& port : *ports) {
    fill(port, "name", "");
    fill(port, "protocol", "TCP");
  }
}

const std::regex& micro_time() {
  static const std::regex pattern(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d))");
  return pattern;
}

void check_micro_time(const Resource& resource, const Json& object, const std::string& path) {
  const std::string value = text(object, path);
  if (value.empty() || std::regex_match(value, micro_time())) return;
  const std::string quoted = "\"" + value + "\"";
  const std::size_t tail = std::min<std::size_t>(value.size(), 19);
  throw bad_request(resource.kind + " in version \"" + resource.version +
                    "\" cannot be handled as a " + resource.kind + ": parsing time " + quoted +
                    " as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"" +
                    value.substr(tail) + "\" as \".000000\"");
}

}  // namespace

Json zero_of(const Resource& resource) {
  static const std::map<std::string, const char*> zeros = {
      {"Namespace", R"({"spec":{},"status":{}})"},
      {"Service", R"({"spec":{},"status":{"loadBalancer":{}}})"},
      {"Pod", R"({"spec":{"containers":null},"status":{}})"},
      {"Node", R"({"spec":{},"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":0}},
         "nodeInfo":{"architecture":"","bootID":"","containerRuntimeVersion":"","kernelVersion":"",
         "kubeProxyVersion":"","kubeletVersion":"","machineID":"","operatingSystem":"",
         "osImage":"","systemUUID":""}}})"},
      {"Lease", R"({"spec":{}})"},
      {"EndpointSlice", R"({"addressType":"","endpoints":null,"ports":null})"},
      {"Deployment", R"({"spec":{"selector":null,"strategy":{},"template":{"metadata":{},
         "spec":{"containers":null}}},"status":{}})"},
      {"PodDisruptionBudget", R"({"spec":{},"status":{"currentHealthy":0,"desiredHealthy":0,
         "disruptionsAllowed":0,"expectedPods":0}})"},
      {"ClusterRole", R"({"rules":null})"},
      {"Role", R"({"rules":null})"},
      {"ClusterRoleBinding", R"({"roleRef":{"apiGroup":"","kind":"","name":""}})"},
      {"RoleBinding", R"({"roleRef":{"apiGroup":"","kind":"","name":""}})"},
      {"CustomResourceDefinition", R"({"spec":{"group":"","names":{"kind":"","plural":""},
         "scope":"","versions":null},"status":{"acceptedNames":{"kind":"","plural":""},
         "conditions":null,"storedVersions":null}})"},
  };
  static const char* const event =
      R"({"involvedObject":{},"source":{},"firstTimestamp":null,"lastTimestamp":null,
          "eventTime":null,"reportingComponent":"","reportingInstance":""})";
  static const char* const new_event =
      R"({"regarding":{},"deprecatedSource":{},"deprecatedFirstTimestamp":null,
          "deprecatedLastTimestamp":null,"eventTime":null})";
  Json out = Json::object();
  if (!resource.custom) {
    const auto found = zeros.find(resource.kind);
    if (found != zeros.end()) out = Json::parse(found->second);
    if (resource.kind == "Event") out = Json::parse(resource.group.empty() ? event : new_event);
    out["metadata"] = Json::object();
  }
  out["apiVersion"] = resource.api_version();
  out["kind"] = resource.kind;
  return out;
}

void apply_defaults(const Resource& resource, Json& object) {
  fill_all(object, zero_of(resource));
  if (resource.kind == "Service") {
    fill_service(object["spec"]);
  } else if (resource.kind == "Pod") {
    fill_pod_spec(object["spec"]);
    fill(object["spec"], "enableServiceLinks", true);
    if (Json* const conditions = list_in(object["status"], "conditions")) {
      for (Json& condition : *conditions) {
        fill(condition, "lastProbeTime", nullptr);
        fill(condition, "lastTransitionTime", nullptr);
      }
    }
  } else if (resource.kind == "Deployment") {
    Json& spec = object["spec"];
    fill(spec, "replicas", 1);
    fill(spec, "revisionHistoryLimit", 10);
    fill(spec, "progressDeadlineSeconds", 600);
    fill(spec["strategy"], "type", "RollingUpdate");
    if (text(spec, "strategy.type") == "RollingUpdate") {
      fill(spec["strategy"], "rollingUpdate", {{"maxUnavailable", "25%"}, {"maxSurge", "25%"}});
    }
    fill_pod_spec(spec["template"]["spec"]);
  } else if (resource.kind == "CustomResourceDefinition") {
    fill_definition(object["spec"]);
  } else if (resource.kind == "EndpointSlice") {
    fill_slice(object);
  } else if (resource.kind == "Namespace") {
    fill(object["status"], "phase", "Active");
    fill(object["spec"], "finalizers", {"kubernetes"});
  }
}

void check_types(const Resource& resource, const Json& object) {
  if (resource.kind == "Lease") {
    check_micro_time(resource, object, "spec.acquireTime");
    check_micro_time(resource, object, "spec.renewTime");
  } else if (resource.kind == "Event") {
    check_micro_time(resource, object, "eventTime");
    check_micro_time(resource, object, "series.lastObservedTime");
  }
}

}  // namespace support::apiserver
