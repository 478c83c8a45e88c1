// DELETE of one object and of a collection.
#include "support/apiserver/commit.hpp"
#include "support/apiserver/present.hpp"
#include "support/apiserver/selectors.hpp"

namespace support::apiserver {
namespace {

struct Options {
  Deletion deletion;
  Json preconditions = Json::object();
  bool dry_run = false;
};

Options options_of(const Call& call) {
  Options out;
  Json body = Json::object();
  if (!call.request.body.empty()) {
    const bool yaml = call.header("content-type").find("yaml") != std::string::npos;
    body = parse_body(call.request.body, yaml, "DeleteOptions");
  }
  if (body.contains("gracePeriodSeconds")) {
    out.deletion.grace = body["gracePeriodSeconds"].get<std::int64_t>();
  } else if (!call.argument("gracePeriodSeconds").empty()) {
    out.deletion.grace = std::stol(call.argument("gracePeriodSeconds"));
  }
  out.deletion.propagation = body.value("propagationPolicy", call.argument("propagationPolicy"));
  if (body.value("orphanDependents", false)) out.deletion.propagation = "Orphan";
  out.preconditions = body.value("preconditions", Json::object());
  const Json dry_run = body.value("dryRun", Json::array());
  out.dry_run = call.dry_run() || (!dry_run.empty() && dry_run[0] == "All");
  return out;
}

void check_preconditions(const Call& call, const Json& live, const Json& preconditions) {
  for (const auto& [field, name] :
       {std::pair("uid", "UID"), {"resourceVersion", "ResourceVersion"}}) {
    const std::string wanted = preconditions.value(field, "");
    const std::string is = text(live, std::string("metadata.") + field);
    if (wanted.empty() || wanted == is) continue;
    throw conflict(call.about(), std::string("Precondition failed: ") + name +
                                     " in precondition: " + wanted + ", " + name +
                                     " in object meta: " + is);
  }
}

}  // namespace

Response delete_object(State& state, Call& call) {
  const Stored live = state.store.get(call.key());
  if (!live) throw not_found(call.about());
  const Options options = options_of(call);
  check_preconditions(call, *live, options.preconditions);
  const Resource& resource = *call.resource;
  const Json last =
      options.dry_run ? *live : remove_object(state, resource, call.key(), options.deletion);
  const bool stays = find(last, "metadata.deletionTimestamp") != nullptr;
  settle(state);
  if (stays || resource.returns_deleted || resource.kind == "Namespace") {
    return present_object(call, 200, resource.present(last));
  }
  Json details = {
      {"name", call.name}, {"kind", resource.plural}, {"uid", text(last, "metadata.uid")}};
  if (!resource.group.empty()) details["group"] = resource.group;
  return json_response(200, {{"kind", "Status"},
                             {"apiVersion", "v1"},
                             {"metadata", Json::object()},
                             {"status", "Success"},
                             {"details", details}});
}

Response delete_collection(State& state, Call& call) {
  const Options options = options_of(call);
  const Selector selector = selector_of(call);
  std::vector<Json> items;
  for (const auto& [key, object] : state.store.list(call.resource->storage(), call.space)) {
    if (!selector.matches(call.resource->present(*object))) continue;
    items.push_back(*object);
    if (!options.dry_run) remove_object(state, *call.resource, key, options.deletion);
  }
  settle(state);
  return present_list(call, items, {{"resourceVersion", std::to_string(state.store.revision())}});
}

}  // namespace support::apiserver
