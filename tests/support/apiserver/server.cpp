#include "support/apiserver/server.hpp"

#include "support/apiserver/commit.hpp"
#include "support/apiserver/exec.hpp"
#include "support/apiserver/fault_stream.hpp"
#include "support/apiserver/seed.hpp"

namespace support::apiserver {
namespace {

Response page_not_found() {
  Response out;
  out.status = 404;
  out.headers = {{"content-type", "text/plain; charset=utf-8"}};
  out.body = "404 page not found\n";
  return out;
}

Refusal unknown_resource() {
  Json status = status_object(404, "NotFound", "the server could not find the requested resource");
  status["details"] = Json::object();
  return Refusal(std::move(status));
}

// Fills in resource, namespace, name and subresource. Says false where no such group is served.
bool locate(const State& state, Call& call) {
  const bool core = call.path[0] == "api";
  const std::string group = core ? "" : call.path[1];
  const std::string version = call.path[core ? 1 : 2];
  std::vector<std::string> rest(call.path.begin() + (core ? 2 : 3), call.path.end());
  if (!state.resources.serves(group, version)) return false;
  const bool of_namespace = core && rest[0] == "namespaces" && rest.size() == 3 &&
                            (rest[2] == "status" || rest[2] == "finalize");
  if (rest[0] == "namespaces" && rest.size() >= 3 && !of_namespace) {
    call.space = rest[1];
    rest.erase(rest.begin(), rest.begin() + 2);
  }
  call.resource = state.resources.find(group, version, rest[0]);
  if (!call.resource || (!call.space.empty() && !call.resource->namespaced) || rest.size() > 3) {
    throw unknown_resource();
  }
  if (rest.size() > 1) call.name = rest[1];
  if (rest.size() > 2) call.subresource = rest[2];
  return true;
}

// "metadata.name=NAME" and nothing else: also who may see only that one object may then look.
std::string name_in_selector(const Call& call) {
  const std::string selector = call.argument("fieldSelector");
  const std::string prefix = "metadata.name=";
  if (!selector.starts_with(prefix) || selector.find(',') != std::string::npos) return "";
  return selector.substr(prefix.size());
}

std::string verb_of(const Call& call) {
  const std::string& method = call.request.method;
  if (method == "GET" || method == "HEAD") {
    if (call.flag("watch")) return "watch";
    return call.name.empty() ? "list" : "get";
  }
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return call.name.empty() ? "deletecollection" : "delete";
  throw failure(405, "MethodNotAllowed",
                "the server does not allow this method on the requested resource");
}

// JSON and YAML are read; typed clients of kubectl (create, scale, auth can-i) send protobuf.
void check_body_type(const Call& call) {
  if (call.header("content-type").find("protobuf") == std::string::npos) return;
  throw failure(415, "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: "
                "application/json, application/yaml");
}

Response answer_resource(State& state, Call& call) {
  if (!locate(state, call)) return page_not_found();
  const std::string verb = verb_of(call);
  check_body_type(call);
  const Resource& resource = *call.resource;
  const bool of_space = resource.kind == "Namespace" && resource.group.empty();
  require(state.store, call.user,
          {verb, resource.group,
           resource.plural + (call.subresource.empty() ? "" : "/" + call.subresource),
           of_space ? call.name : call.space,
           call.name.empty() ? name_in_selector(call) : call.name, ""});
  if (resource.group == "authorization.k8s.io" && verb == "create") {
    return answer_review(state, call);
  }
  if (resource.kind == "ServiceAccount" && call.subresource == "token" && verb == "create") {
    return answer_token(state, call);
  }
  if (resource.scale && call.subresource == "scale") return answer_scale(state, call);
  if (resource.kind == "Pod" && call.subresource == "exec") return answer_exec(state, call);
  if (!call.subresource.empty() && !(call.subresource == "status" && resource.status)) {
    throw unknown_resource();
  }
  if (verb == "get") return read_object(state, call);
  if (verb == "list") return list_objects(state, call);
  if (verb == "watch") {
    if (!call.name.empty()) call.query["fieldSelector"] = "metadata.name=" + call.name;
    return watch_objects(state, call);
  }
  if (verb == "create") return create_object(state, call);
  if (verb == "update") return update_object(state, call);
  if (verb == "patch") return patch_object(state, call);
  if (verb == "delete") return delete_object(state, call);
  return delete_collection(state, call);
}

Response answer(State& state, Call& call) {
  if (!call.path.empty() && call.path[0] == "_test") {
    if (!call.user.in("system:masters")) throw failure(401, "Unauthorized", "Unauthorized");
    return answer_control(state, call);
  }
  const bool objects = (call.path.size() > 2 && call.path[0] == "api") ||
                       (call.path.size() > 3 && call.path[0] == "apis");
  if (objects) return answer_resource(state, call);
  const std::string path = call.request.target.substr(0, call.request.target.find('?'));
  require(state.store, call.user, {"get", "", "", "", "", path});
  return answer_discovery(state, call);
}

Response refusal_response(const Refusal& refusal) {
  Response out = json_response(refusal.status.value("code", 500), refusal.status);
  if (const Json* const seconds = find(refusal.status, "details.retryAfterSeconds")) {
    out.headers.emplace_back("retry-after", seconds->dump());
  }
  return out;
}

}  // namespace

Server::Server(Options options) : state_(std::make_unique<State>(std::move(options))) {
  User admin = make_user("admin", {"system:masters"});
  state_->access.add(state_->options.admin_token, std::move(admin));
  for (const auto& [path, body] : seed_objects()) {
    const Response made = handle({"POST",
                                  path,
                                  {{"authorization", "Bearer " + state_->options.admin_token},
                                   {"content-type", "application/json"},
                                   {"user-agent", "kube-apiserver"}},
                                  body});
    if (made.status != 201) {
      throw core::Error(core::Error::Kind::permanent, "cannot create " + body + ": " + made.body);
    }
  }
}

Server::~Server() = default;

Response Server::handle(const Request& request) {
  Response response;
  std::optional<Fault> fault;
  try {
    Call call = parse_call(request);
    call.now = state_->now();
    if (call.path.empty() || call.path[0] != "_test")
      fault = call.fault = take_fault(*state_, call);
    if (fault) refuse_by_fault(*fault);
    call.user = state_->access.authenticate(call.header("authorization"), call.now);
    response = answer(*state_, call);
  } catch (const Refusal& refusal) {
    response = refusal_response(refusal);
  } catch (const Json::exception& error) {
    // A field of an unexpected type, which the Go decoder would have met.
    response =
        refusal_response(bad_request(std::string("json: cannot unmarshal: ") + error.what()));
  } catch (const std::logic_error& error) {  // a number in the query that is none
    response = refusal_response(bad_request(std::string("invalid argument: ") + error.what()));
  }
  if (fault && !response.stream) spoil(*fault, response);
  return response;
}

void Server::add_token(const std::string& token, const std::string& user,
                       std::vector<std::string> groups,
                       std::optional<std::chrono::milliseconds> lifetime) {
  User made = make_user(user, std::move(groups));
  if (lifetime) made.expires = state_->now() + *lifetime;
  state_->access.add(token, std::move(made));
}

void Server::expire_token(const std::string& token) { state_->access.expire(token, state_->now()); }

void Server::compact(std::optional<std::uint64_t> revision) {
  state_->store.compact(revision.value_or(state_->store.revision()));
}

std::uint64_t Server::revision() const { return state_->store.revision(); }

void Server::add_fault(Fault fault) { state_->faults.push_back(std::move(fault)); }

void Server::clear_faults() { state_->faults.clear(); }

}  // namespace support::apiserver
