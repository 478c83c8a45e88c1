// POST, PUT and PATCH of objects.
#include "support/apiserver/built_in.hpp"
#include "support/apiserver/commit.hpp"
#include "support/apiserver/managed.hpp"
#include "support/apiserver/patch.hpp"
#include "support/apiserver/present.hpp"
#include "support/apiserver/structural.hpp"

namespace support::apiserver {
namespace {

bool is_yaml(const Call& call) {
  return call.header("content-type").find("yaml") != std::string::npos;
}

Writer writer_of(const Call& call, bool apply) {
  std::string manager = call.argument("fieldManager");
  if (manager.empty()) manager = split(call.header("user-agent"), '/').front();
  if (manager.empty()) manager = "unknown";
  return {manager, call.resource->api_version(), call.subresource, apply};
}

Json owned(const State& state, const Call& call, const Json& live, Json object) {
  const FieldSet ignored = call.resource->ignored(call.subresource);
  return own_update(live, std::move(object), live,
                    {*call.resource->schema, ignored, writer_of(call, false), state.now()});
}

void require_status(const Call& call) {
  if (call.subresource.empty() || (call.subresource == "status" && call.resource->status)) return;
  Json status = status_object(404, "NotFound", "the server could not find the requested resource");
  status["details"] = Json::object();
  throw Refusal(std::move(status));
}

void check_name(const Call& call, const Json& object) {
  const std::string name = text(object, "metadata.name");
  if (name == call.name) return;
  throw bad_request("the name of the object (" + name + ") does not match the name on the URL (" +
                    call.name + ")");
}

// A version that was sent is a precondition.
void check_version(const Call& call, const Json& live, const Json& object) {
  const std::string version = text(object, "metadata.resourceVersion");
  if (!version.empty() && version != text(live, "metadata.resourceVersion")) {
    throw stale(call.about());
  }
  const std::string uid = text(object, "metadata.uid");
  const std::string live_uid = text(live, "metadata.uid");
  if (!uid.empty() && uid != live_uid) {
    throw conflict(call.about(), "Precondition failed: UID in precondition: " + uid +
                                     ", UID in object meta: " + live_uid);
  }
}

Response answer(const Call& call, int status, const Json& object) {
  Response out = present_object(call, status, object);
  for (const std::string& warning : call.warnings) {
    std::string escaped;
    for (const char c : warning) escaped += c == '"' ? std::string("\\\"") : std::string(1, c);
    out.headers.emplace_back("warning", "299 - \"" + escaped + "\"");
  }
  return out;
}

Json create(State& state, Call& call, Json object) {
  const Json zero = zero_of(*call.resource);
  const Json* const status = find(object, "status");
  if (call.resource->status && status != nullptr) {
    object.erase("status");
    if (zero.contains("status")) object["status"] = zero["status"];
  }
  return commit_new(state, call, owned(state, call, zero, std::move(object)));
}

Json change(State& state, Call& call, const Json& live, Json object) {
  check_version(call, live, object);
  keep_unchangeable(call, live, object);
  return commit_change(state, call, live, owned(state, call, live, std::move(object)));
}

// What is applied must be in the schema, whatever fieldValidation says; and the real one has no
// better code for it.
void require_declared(const Call& call, Json& configuration) {
  const Resource& resource = *call.resource;
  if (!resource.custom || resource.openapi.is_null()) return;
  const std::vector<std::string> unknown = prune_unknown(configuration, resource.openapi);
  if (unknown.empty()) return;
  std::string list = unknown.size() > 1 ? "errors:" : "";
  for (const std::string& path : unknown) {
    list += (unknown.size() > 1 ? "\n  ." : ".") + path + ": field not declared in schema";
  }
  throw failure(500, "",
                "failed to create typed patch object (" + call.space + "/" + call.name + "; " +
                    resource.api_version() + ", Kind=" + resource.kind + "): " + list);
}

Response apply(State& state, Call& call, const Stored& stored) {
  const Resource& resource = *call.resource;
  if (call.argument("fieldManager").empty()) {
    throw invalid(
        {"", "meta.k8s.io", "", "PatchOptions"},
        {{"FieldValueRequired", "Required value: is required for apply patch", "fieldManager"}});
  }
  Json configuration = parse_body(call.request.body, true, resource.kind);
  // Pruning, types and identity are judged on a copy: what is applied is what was sent.
  Json decoded = configuration;
  if (decoded.is_object() && !decoded.contains("metadata")) decoded["metadata"] = Json::object();
  decoded["metadata"]["name"] = call.name;
  decode(call, decoded);
  const Json* const fields = find(configuration, "metadata.managedFields");
  if (fields != nullptr && !fields->empty())
    throw bad_request("metadata.managedFields must be nil");
  const std::string name = text(configuration, "metadata.name");
  if (!name.empty()) check_name(call, configuration);
  configuration["metadata"]["name"] = call.name;
  if (resource.namespaced) configuration["metadata"]["namespace"] = call.space;
  require_declared(call, configuration);
  const Json live = stored ? resource.present(*stored) : zero_of(resource);
  if (stored) check_version(call, live, configuration);
  const std::string uid = text(configuration, "metadata.uid");
  if (!stored && !uid.empty()) {
    throw conflict(call.about(), "uid mismatch: the provided object specified uid " + uid +
                                     ", and no existing object was found");
  }
  drop(configuration, "metadata.resourceVersion");
  const FieldSet ignored = resource.ignored(call.subresource);
  Json object = own_apply(live, configuration, call.flag("force"),
                          {*resource.schema, ignored, writer_of(call, true), state.now()});
  complete(resource, object);
  if (!stored) {
    if (!call.subresource.empty()) throw not_found(call.about());
    return answer(call, 201, commit_new(state, call, std::move(object)));
  }
  keep_unchangeable(call, live, object);
  return answer(call, 200, commit_change(state, call, live, std::move(object)));
}

Json patched(const Call& call, const std::string& type, const Json& live) {
  const Json patch = parse_body(call.request.body, is_yaml(call), call.resource->kind);
  if (type == "application/merge-patch+json") {
    Json out = live;
    out.merge_patch(patch);
    return out;
  }
  if (type == "application/json-patch+json") return json_patch(live, patch);
  if (type == "application/strategic-merge-patch+json" && !call.resource->custom) {
    return strategic_patch(live, patch, *call.resource->schema);
  }
  const std::string strategic =
      call.resource->custom ? "" : ", application/strategic-merge-patch+json";
  throw failure(415, "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: "
                "application/json-patch+json, application/merge-patch+json, "
                "application/apply-patch+yaml" +
                    strategic);
}

}  // namespace

Response create_object(State& state, Call& call) {
  const Resource& resource = *call.resource;
  if (!call.name.empty()) {
    throw failure(405, "MethodNotAllowed",
                  "the server does not allow this method on the requested resource");
  }
  Json object = decode(call, parse_body(call.request.body, is_yaml(call), resource.kind));
  const Json made = create(state, call, std::move(object));
  settle(state);
  return answer(call, 201, made);
}

Response update_object(State& state, Call& call) {
  if (call.name.empty()) throw bad_request("name must be provided");
  require_status(call);
  const Resource& resource = *call.resource;
  Json object = decode(call, parse_body(call.request.body, is_yaml(call), resource.kind));
  check_name(call, object);
  const Stored stored = state.store.get(call.key());
  if (!stored) {
    if (!resource.creates_on_update) throw not_found(call.about());
    return answer(call, 201, create(state, call, std::move(object)));
  }
  if (resource.needs_version && text(object, "metadata.resourceVersion").empty()) {
    throw invalid(call.about(),
                  {{"FieldValueInvalid", "Invalid value: 0: must be specified for an update",
                    "metadata.resourceVersion"}});
  }
  const Json made = change(state, call, resource.present(*stored), std::move(object));
  settle(state);
  return answer(call, 200, made);
}

Response patch_object(State& state, Call& call) {
  if (call.name.empty()) {
    throw failure(405, "MethodNotAllowed",
                  "the server does not allow this method on the requested resource");
  }
  require_status(call);
  const std::string type = split(call.header("content-type"), ';').front();
  const Stored stored = state.store.get(call.key());
  Response out;
  if (type.starts_with("application/apply-patch")) {
    out = apply(state, call, stored);
  } else {
    if (!stored) throw not_found(call.about());
    const Json live = call.resource->present(*stored);
    Json object = decode(call, patched(call, type, live));
    check_name(call, object);
    out = answer(call, 200, change(state, call, live, std::move(object)));
  }
  settle(state);
  return out;
}

Response answer_scale(State& state, Call& call) {
  const Stored stored = state.store.get(call.key());
  if (!stored) throw not_found(call.about());
  const Resource& resource = *call.resource;
  const auto scale_of = [](const Json& object) {
    Json labels = find(object, "spec.selector.matchLabels") == nullptr
                      ? Json::object()
                      : *find(object, "spec.selector.matchLabels");
    std::string selector;
    for (const auto& [name, value] : labels.items()) {
      selector += (selector.empty() ? "" : ",") + name + "=" + value.get<std::string>();
    }
    // Custom resources keep it in their status, wherever labelSelectorPath says: there, with us.
    if (labels.empty()) selector = text(object, "status.selector");
    Json metadata = Json::object();
    for (const char* field : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}) {
      metadata[field] = object.at("metadata").at(field);
    }
    const Json* const ready = find(object, "status.replicas");
    return Json{
        {"kind", "Scale"},
        {"apiVersion", "autoscaling/v1"},
        {"metadata", metadata},
        {"spec", {{"replicas", object.at("spec").value("replicas", 1)}}},
        {"status", {{"replicas", ready == nullptr ? Json(0) : *ready}, {"selector", selector}}}};
  };
  Json live = resource.present(*stored);
  if (call.request.method == "GET") return json_response(200, scale_of(live));
  Json scale = scale_of(live);
  const Json body = parse_body(call.request.body, is_yaml(call), "Scale");
  if (call.request.method == "PUT") {
    scale = body;
  } else {
    const std::string type = split(call.header("content-type"), ';').front();
    scale = type == "application/json-patch+json" ? json_patch(scale, body) : scale;
    if (type != "application/json-patch+json") scale.merge_patch(body);
  }
  check_version(call, live, scale);
  Json object = live;
  object["spec"]["replicas"] = scale.at("spec").value("replicas", 0);
  return json_response(
      200, scale_of(commit_change(state, call, live, owned(state, call, live, std::move(object)))));
}

}  // namespace support::apiserver
