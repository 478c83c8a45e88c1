#include "support/apiserver/commit.hpp"

#include <regex>

#include "support/apiserver/allocate.hpp"
#include "support/apiserver/built_in.hpp"
#include "support/apiserver/managed.hpp"
#include "support/apiserver/structural.hpp"

namespace support::apiserver {
namespace {

void check_identity(const Call& call, Json& object) {
  const Resource& resource = *call.resource;
  if (!object.is_object()) {
    throw bad_request("the object provided is unrecognized (must be of type " + resource.kind +
                      "): couldn't get version/kind; json: cannot unmarshal " + object.type_name() +
                      " into Go value of type struct");
  }
  if (text(object, "kind").empty() && resource.custom) {
    throw bad_request("the object provided is unrecognized (must be of type " + resource.kind +
                      "): Object 'Kind' is missing in '" + object.dump() + "'");
  }
  if (object.value("kind", resource.kind) != resource.kind) {
    throw bad_request(object.value("kind", "") + " in version \"" + resource.version +
                      "\" cannot be handled as a " + resource.kind);
  }
  const std::string version = object.value("apiVersion", resource.api_version());
  if (version != resource.api_version()) {
    throw bad_request("the API version in the data (" + version +
                      ") does not match the expected API version (" + resource.api_version() + ")");
  }
  object["apiVersion"] = version;
  object["kind"] = resource.kind;
  Json& metadata = object["metadata"];
  if (metadata.is_null()) metadata = Json::object();
  const std::string space = text(metadata, "namespace");
  if (resource.namespaced && !space.empty() && space != call.space) {
    throw bad_request(
        "the namespace of the provided object does not match the namespace sent on "
        "the request");
  }
  if (resource.namespaced) metadata["namespace"] = call.space;
}

void prune(Call& call, Json& object) {
  const Resource& resource = *call.resource;
  if (!resource.custom || resource.openapi.is_null()) return;
  const std::vector<std::string> unknown = prune_unknown(object, resource.openapi);
  const std::string how = call.argument("fieldValidation");
  if (unknown.empty() || how == "Ignore") return;
  std::string list;
  for (const std::string& path : unknown) {
    const std::string line = "unknown field \"" + path + "\"";
    list += (list.empty() ? "" : ", ") + line;
    if (how != "Strict") call.warnings.push_back(line);
  }
  if (how == "Strict") {
    throw bad_request(resource.kind + " in version \"" + resource.version +
                      "\" cannot be handled as a " + resource.kind +
                      ": strict decoding error: " + list);
  }
}

void check_name(const Resource& resource, const std::string& name) {
  if (name.empty()) {
    throw invalid(resource.about(""),
                  {{"FieldValueRequired", "Required value: name or generateName is required",
                    "metadata.name"}});
  }
  static const std::regex subdomain(
      R"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)");
  if (resource.group == "rbac.authorization.k8s.io" || std::regex_match(name, subdomain)) return;
  throw invalid(
      resource.about(name),
      {{"FieldValueInvalid",
        "Invalid value: \"" + name +
            "\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
            "characters, '-' or '.', and must start and end with an alphanumeric character (e.g. "
            "'example.com', regex used for validation is "
            "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        "metadata.name"}});
}

void check_namespace(const State& state, const Call& call) {
  if (!call.resource->namespaced) return;
  const Stored space = state.store.get({"namespaces", "", call.space});
  if (!space) throw not_found({call.space, "", "namespaces", "Namespace"});
  if (find(*space, "metadata.deletionTimestamp") != nullptr) {
    throw forbidden(call.about(), "unable to create new content in namespace " + call.space +
                                      " because it is being terminated");
  }
}

std::vector<std::string> finalizers(const Json& object) {
  const Json* const list = find(object, "metadata.finalizers");
  return list == nullptr || !list->is_array() ? std::vector<std::string>()
                                              : list->get<std::vector<std::string>>();
}

void check_finalizers(const Resource& resource, const Json& live, const Json& object,
                      std::vector<Cause>& causes) {
  if (find(live, "metadata.deletionTimestamp") == nullptr) return;
  const std::vector<std::string> old = finalizers(live);
  std::string added;
  for (const std::string& one : finalizers(object)) {
    if (std::find(old.begin(), old.end(), one) == old.end()) {
      added += (added.empty() ? "\"" : ", \"") + one + "\"";
    }
  }
  if (added.empty()) return;
  const Cause cause = {"FieldValueForbidden",
                       "Forbidden: no new finalizers can be added if the object is being deleted, "
                       "found new finalizers []string{" +
                           added + "}",
                       "metadata.finalizers"};
  // The real one checks custom resources twice and says so.
  causes.insert(causes.end(), resource.custom ? 2 : 1, cause);
}

void check(const Call& call, const Json* live, const Json& object) {
  const Resource& resource = *call.resource;
  std::vector<Cause> causes;
  if (live != nullptr) check_finalizers(resource, *live, object, causes);
  const std::vector<Cause> more =
      resource.custom
          ? check_structure(object, resource.openapi.is_null() ? Json::object() : resource.openapi)
          : check_built_in(resource, live, object);
  causes.insert(causes.end(), more.begin(), more.end());
  if (!causes.empty()) throw invalid(resource.about(text(object, "metadata.name")), causes);
}

// What counts as a new generation.
Json desired(Json object, bool status) {
  object.erase("metadata");
  if (status) object.erase("status");
  return object;
}

// The server's own answer to a definition: the kind is served, and says so.
void establish(State& state, const Key& key) {
  const Stored live = state.store.get(key);
  const auto resource =
      state.resources.find("apiextensions.k8s.io", "v1", "customresourcedefinitions");
  state.resources.define(*live);
  Json object = *live;
  object["status"]["acceptedNames"] = live->at("spec").at("names");
  if (find(*live, "status.conditions")->is_null()) {
    const auto condition = [&](const char* type, const char* reason, const char* message) {
      return Json{{"type", type},
                  {"status", "True"},
                  {"lastTransitionTime", rfc3339(state.now())},
                  {"reason", reason},
                  {"message", message}};
    };
    object["status"]["conditions"] = {
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted")};
  }
  const FieldSet ignored = resource->ignored("status");
  object = own_update(*live, object, *live,
                      {*resource->schema,
                       ignored,
                       {"kube-apiserver", "apiextensions.k8s.io/v1", "status", false},
                       state.now()});
  if (!same_but_times(*live, object)) write(state, key, object);
}

Json stored_versions(const Json& definition) {
  for (const Json& version : definition.at("spec").at("versions")) {
    if (version.value("storage", false)) return Json::array({text(version, "name")});
  }
  return Json::array();
}

}  // namespace

Json decode(Call& call, Json body) {
  check_identity(call, body);
  prune(call, body);
  check_types(*call.resource, body);
  complete(*call.resource, body);
  return body;
}

void complete(const Resource& resource, Json& object) {
  if (!resource.custom) {
    apply_defaults(resource, object);
  } else if (!resource.openapi.is_null()) {
    fill_defaults(object, resource.openapi);
  }
}

std::vector<std::string> cluster_ips(const Json& service) {
  const Json* const ips = find(service, "spec.clusterIPs");
  return ips == nullptr || !ips->is_array() ? std::vector<std::string>()
                                            : ips->get<std::vector<std::string>>();
}

Stored write(State& state, const Key& key, const Json& object) {
  if (key.resource == "services") {
    const Stored live = state.store.get(key);
    if (live) {
      for (const std::string& ip : cluster_ips(*live)) state.cluster_ips.erase(ip);
    }
    for (const std::string& ip : cluster_ips(object)) state.cluster_ips.insert(ip);
  }
  Stored stored = state.store.put(key, object);
  state.by_uid[text(*stored, "metadata.uid")] = key;
  const Json* const owners = find(*stored, "metadata.ownerReferences");
  if (owners != nullptr && owners->is_array()) {
    for (const Json& owner : *owners) {
      const std::string uid = text(owner, "uid");
      state.dependents[uid].insert(key);
      if (!state.by_uid.contains(uid)) state.departed.push_back(uid);
    }
  }
  if (find(*stored, "metadata.deletionTimestamp") != nullptr) state.leaving.insert(key);
  return stored;
}

Json commit_new(State& state, Call& call, Json object) {
  const Resource& resource = *call.resource;
  Json& metadata = object["metadata"];
  const std::string prefix = text(metadata, "generateName");
  if (text(metadata, "name").empty() && !prefix.empty()) {
    metadata["name"] = prefix + state.random_suffix();
  }
  call.name = text(metadata, "name");
  check_name(resource, call.name);
  for (const char* field : {"resourceVersion", "selfLink", "deletionTimestamp",
                            "deletionGracePeriodSeconds", "generation"}) {
    metadata.erase(field);
  }
  metadata["uid"] = state.make_uid();
  metadata["creationTimestamp"] = rfc3339(state.now());
  if (resource.generation) metadata["generation"] = 1;
  if (resource.kind == "Namespace") metadata["labels"]["kubernetes.io/metadata.name"] = call.name;
  if (resource.status) {
    const Json zero = zero_of(resource);
    object.erase("status");
    if (zero.contains("status")) object["status"] = zero["status"];
  }
  if (resource.kind == "CustomResourceDefinition") {
    object["status"]["storedVersions"] = stored_versions(object);
  }
  allocate(state, resource, nullptr, object);
  check(call, nullptr, object);
  check_namespace(state, call);
  if (state.store.get(call.key())) throw already_exists(call.about());
  if (call.dry_run()) return object;
  const Stored stored = write(state, call.key(), resource.to_stored(object));
  if (resource.kind == "CustomResourceDefinition") establish(state, call.key());
  return resource.present(*stored);
}

void keep_unchangeable(const Call& call, const Json& live, Json& object) {
  const Resource& resource = *call.resource;
  if (call.subresource == "status") {
    Json made = live;
    if (object.contains("status")) {
      made["status"] = std::move(object["status"]);
    } else {
      made.erase("status");
    }
    if (!resource.custom) {
      made["metadata"] = object.at("metadata");
    } else if (const Json* const fields = find(object, "metadata.managedFields")) {
      made["metadata"]["managedFields"] = *fields;
    }
    object = std::move(made);
  } else if (resource.status) {
    object.erase("status");
    if (live.contains("status")) object["status"] = live["status"];
  }
  const Json& old = live.at("metadata");
  for (const char* field :
       {"name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp",
        "deletionGracePeriodSeconds", "resourceVersion", "generateName"}) {
    object["metadata"].erase(field);
    if (old.contains(field)) object["metadata"][field] = old[field];
  }
}

Json commit_change(State& state, Call& call, const Json& live, Json object) {
  const Resource& resource = *call.resource;
  allocate(state, resource, &live, object);
  if (resource.generation && desired(live, resource.status) != desired(object, resource.status)) {
    object["metadata"]["generation"] = live.at("metadata").value("generation", 0) + 1;
  }
  check(call, &live, object);
  if (same_but_times(live, object)) return live;
  if (call.dry_run()) return object;
  const Json& metadata = object.at("metadata");
  const bool leaving = metadata.contains("deletionTimestamp") &&
                       metadata.value("deletionGracePeriodSeconds", 0) == 0 &&
                       resource.kind != "Namespace";
  if (leaving && finalizers(object).empty()) {
    purge(state, resource, call.key());
    return object;
  }
  const Stored stored = write(state, call.key(), resource.to_stored(object));
  if (resource.kind == "CustomResourceDefinition" && call.subresource.empty()) {
    establish(state, call.key());
  }
  return resource.present(*stored);
}

}  // namespace support::apiserver
