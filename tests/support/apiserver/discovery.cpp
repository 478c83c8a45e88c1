// What is served: versions, groups, resources, in the old and the aggregated form, and as much of
// OpenAPI as kubectl asks before it writes (does PATCH know fieldValidation?).
#include <algorithm>

#include "support/apiserver/state.hpp"

namespace support::apiserver {
namespace {

constexpr const char* aggregated_type =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

struct Version {
  std::string group;
  std::string version;
  std::vector<std::shared_ptr<const Resource>> resources;
};

// In the order in which they first appear.
std::vector<Version> versions_of(const State& state) {
  std::vector<Version> out;
  for (const auto& resource : state.resources.all()) {
    auto place = std::find_if(out.begin(), out.end(), [&](const Version& one) {
      return one.group == resource->group && one.version == resource->version;
    });
    if (place == out.end()) {
      place = out.insert(out.end(), {resource->group, resource->version, {}});
    }
    place->resources.push_back(resource);
  }
  return out;
}

const std::vector<std::string> part_verbs = {"get", "patch", "update"};

Json entry(const Resource& resource) {
  Json out = {{"name", resource.plural},
              {"singularName", resource.singular},
              {"namespaced", resource.namespaced},
              {"kind", resource.kind},
              {"verbs", resource.verbs}};
  if (!resource.short_names.empty()) out["shortNames"] = resource.short_names;
  if (!resource.categories.empty()) out["categories"] = resource.categories;
  if (!resource.storage_hash.empty()) out["storageVersionHash"] = resource.storage_hash;
  return out;
}

Json resource_list(const Version& version) {
  Json resources = Json::array();
  for (const auto& resource : version.resources) {
    resources.push_back(entry(*resource));
    const auto part = [&](const char* name, const std::string& kind,
                          const std::vector<std::string>& verbs) -> Json& {
      resources.push_back({{"name", resource->plural + "/" + name},
                           {"singularName", ""},
                           {"namespaced", resource->namespaced},
                           {"kind", kind},
                           {"verbs", verbs}});
      return resources.back();
    };
    if (resource->scale) {
      part("scale", "Scale", part_verbs).update({{"group", "autoscaling"}, {"version", "v1"}});
    }
    if (resource->status) part("status", resource->kind, part_verbs);
    if (resource->kind == "ServiceAccount") {
      part("token", "TokenRequest", {"create"})
          .update({{"group", "authentication.k8s.io"}, {"version", "v1"}});
    }
  }
  const std::string name =
      version.group.empty() ? version.version : version.group + "/" + version.version;
  Json out = {{"kind", "APIResourceList"}, {"groupVersion", name}, {"resources", resources}};
  if (!version.group.empty()) out["apiVersion"] = "v1";
  return out;
}

Json group_of(const std::vector<Version>& versions, const std::string& group) {
  Json list = Json::array();
  for (const Version& one : versions) {
    if (one.group != group) continue;
    list.push_back({{"groupVersion", group + "/" + one.version}, {"version", one.version}});
  }
  return {{"name", group}, {"versions", list}, {"preferredVersion", list[0]}};
}

std::vector<std::string> groups_of(const std::vector<Version>& versions) {
  std::vector<std::string> out;
  for (const Version& one : versions) {
    if (one.group.empty() || std::find(out.begin(), out.end(), one.group) != out.end()) continue;
    out.push_back(one.group);
  }
  return out;
}

Json aggregated_entry(const Resource& resource) {
  const auto kind = [&](const std::string& group, const std::string& version,
                        const std::string& name) {
    return Json{{"group", group}, {"version", version}, {"kind", name}};
  };
  const Json own = resource.custom ? kind(resource.group, resource.version, resource.kind)
                                   : kind("", "", resource.kind);
  Json out = {{"resource", resource.plural},
              {"responseKind", own},
              {"scope", resource.namespaced ? "Namespaced" : "Cluster"},
              {"singularResource", resource.singular},
              {"verbs", resource.verbs}};
  if (!resource.short_names.empty()) out["shortNames"] = resource.short_names;
  if (!resource.categories.empty()) out["categories"] = resource.categories;
  const auto part = [&](const char* name, const Json& answer,
                        const std::vector<std::string>& verbs) {
    out["subresources"].push_back(
        {{"subresource", name}, {"responseKind", answer}, {"verbs", verbs}});
  };
  if (resource.scale) part("scale", kind("autoscaling", "v1", "Scale"), part_verbs);
  if (resource.status) part("status", own, part_verbs);
  if (resource.kind == "ServiceAccount") {
    part("token", kind("authentication.k8s.io", "v1", "TokenRequest"), {"create"});
  }
  return out;
}

Json aggregated(const std::vector<Version>& versions, const std::vector<std::string>& groups) {
  Json items = Json::array();
  for (const std::string& group : groups) {
    Json list = Json::array();
    for (const Version& one : versions) {
      if (one.group != group) continue;
      Json resources = Json::array();
      for (const auto& resource : one.resources) resources.push_back(aggregated_entry(*resource));
      list.push_back(
          {{"version", one.version}, {"resources", resources}, {"freshness", "Current"}});
    }
    items.push_back({{"metadata", {{"name", group}}}, {"versions", list}});
  }
  return {{"kind", "APIGroupDiscoveryList"},
          {"apiVersion", "apidiscovery.k8s.io/v2"},
          {"metadata", Json::object()},
          {"items", items}};
}

Json openapi_paths(const std::vector<Version>& versions) {
  Json paths = Json::object();
  for (const Version& one : versions) {
    const std::string path =
        one.group.empty() ? "api/" + one.version : "apis/" + one.group + "/" + one.version;
    paths[path] = {{"serverRelativeURL", "/openapi/v3/" + path}};
  }
  return {{"paths", paths}};
}

// What `kubectl explain` reads. Built-in kinds have no schema here.
Json schema_of(const Resource& resource) {
  Json schema = resource.openapi;
  schema["properties"].update({{"apiVersion", {{"type", "string"}}},
                               {"kind", {{"type", "string"}}},
                               {"metadata", {{"type", "object"}}}});
  schema["x-kubernetes-group-version-kind"] = {
      {{"group", resource.group}, {"version", resource.version}, {"kind", resource.kind}}};
  return schema;
}

Json openapi(const Version& version) {
  Json schemas = Json::object();
  Json paths = Json::object();
  const std::string base = version.group.empty() ? "/api/" + version.version
                                                 : "/apis/" + version.group + "/" + version.version;
  Json parameters = Json::array();
  for (const char* name : {"dryRun", "fieldManager", "fieldValidation"}) {
    parameters.push_back(
        {{"name", name}, {"in", "query"}, {"schema", {{"type", "string"}, {"uniqueItems", true}}}});
  }
  for (const auto& resource : version.resources) {
    if (resource->openapi.is_object()) {
      schemas[resource->group + "." + resource->version + "." + resource->kind] =
          schema_of(*resource);
    }
    const std::string path = base + (resource->namespaced ? "/namespaces/{namespace}/" : "/") +
                             resource->plural + "/{name}";
    paths[path] = {{"patch",
                    {{"parameters", parameters},
                     {"responses", {{"200", {{"description", "OK"}}}}},
                     {"x-kubernetes-action", "patch"},
                     {"x-kubernetes-group-version-kind",
                      {{"group", resource->group},
                       {"version", resource->version},
                       {"kind", resource->kind}}}}}};
  }
  return {{"openapi", "3.0.0"},
          {"info", {{"title", "Kubernetes"}, {"version", "v1.36.2"}}},
          {"paths", paths},
          {"components", {{"schemas", schemas}}}};
}

Json version_info() {
  return {{"major", "1"},
          {"minor", "36"},
          {"emulationMajor", "1"},
          {"emulationMinor", "36"},
          {"minCompatibilityMajor", "1"},
          {"minCompatibilityMinor", "35"},
          {"gitVersion", "v1.36.2"},
          {"gitCommit", "$Format:%H$"},
          {"gitTreeState", ""},
          {"buildDate", "1970-01-01T00:00:00Z"},
          {"goVersion", "go1.27.3"},
          {"compiler", "gc"},
          {"platform", "linux/amd64"}};
}

Response plain(int status, const std::string& body) {
  Response out;
  out.status = status;
  out.headers = {{"content-type", "text/plain; charset=utf-8"}};
  out.body = body;
  return out;
}

Response answer_groups(const State& state, const Call& call, const std::vector<Version>& versions) {
  const bool core = call.path[0] == "api";
  const std::string accept = call.header("accept");
  const std::string first = accept.substr(0, accept.find(','));
  if (first.find("as=APIGroupDiscoveryList") != std::string::npos &&
      first.find("v=v2beta1") == std::string::npos) {
    Response out = json_response(
        200, aggregated(versions, core ? std::vector<std::string>{""} : groups_of(versions)));
    out.headers = {{"content-type", aggregated_type}};
    return out;
  }
  if (core) {
    return json_response(
        200, {{"kind", "APIVersions"},
              {"versions", {"v1"}},
              {"serverAddressByClientCIDRs",
               {{{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", state.options.address}}}}});
  }
  Json groups = Json::array();
  for (const std::string& group : groups_of(versions)) groups.push_back(group_of(versions, group));
  return json_response(200, {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", groups}});
}

}  // namespace

Response answer_discovery(State& state, const Call& call) {
  const std::vector<Version> versions = versions_of(state);
  const auto& path = call.path;
  const std::string first = path.empty() ? "" : path[0];
  if (path.size() == 1) {
    if (first == "version") return json_response(200, version_info());
    if (first == "readyz" || first == "livez" || first == "healthz") return plain(200, "ok");
    if (first == "api" || first == "apis") return answer_groups(state, call, versions);
  }
  if (first == "apis" && path.size() == 2) {
    const std::vector<std::string> groups = groups_of(versions);
    if (std::find(groups.begin(), groups.end(), path[1]) != groups.end()) {
      Json group = group_of(versions, path[1]);
      group.update({{"kind", "APIGroup"}, {"apiVersion", "v1"}});
      return json_response(200, group);
    }
  }
  if (first == "openapi" && path.size() == 2 && path[1] == "v3") {
    return json_response(200, openapi_paths(versions));
  }
  const bool described = first == "openapi" && path.size() > 3 && path[1] == "v3";
  const std::size_t from = described ? 2 : 0;
  const bool core = path.size() == from + 2 && path[from] == "api";
  if (core || (path.size() == from + 3 && path[from] == "apis")) {
    const std::string group = core ? "" : path[from + 1];
    for (const Version& one : versions) {
      if (one.group != group || one.version != path.back()) continue;
      return json_response(200, described ? openapi(one) : resource_list(one));
    }
  }
  return plain(404, "404 page not found\n");
}

}  // namespace support::apiserver
