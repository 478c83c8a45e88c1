// What is asked of the API server and stored nowhere: reviews of access, tokens of service
// accounts.
#include "support/apiserver/built_in.hpp"
#include "support/apiserver/managed.hpp"
#include "support/apiserver/state.hpp"

namespace support::apiserver {
namespace {

Json body_of(const Call& call) {
  const bool yaml = call.header("content-type").find("yaml") != std::string::npos;
  return parse_body(call.request.body, yaml, call.resource->kind);
}

// Fields that hold nothing are not written.
void drop_empty(Json& map) {
  for (auto at = map.begin(); at != map.end();) {
    at = at->is_string() && at->get_ref<const std::string&>().empty() ? map.erase(at)
                                                                      : std::next(at);
  }
}

Json access_review(const State& state, const Call& call, Json review) {
  Attempt attempt;
  if (Json* const asked = find(review, "spec.resourceAttributes")) {
    drop_empty(*asked);
    const std::string subresource = text(*asked, "subresource");
    attempt = {text(*asked, "verb"),
               text(*asked, "group"),
               text(*asked, "resource") + (subresource.empty() ? "" : "/" + subresource),
               text(*asked, "namespace"),
               text(*asked, "name"),
               ""};
  } else {
    attempt.verb = text(review, "spec.nonResourceAttributes.verb");
    attempt.path = text(review, "spec.nonResourceAttributes.path");
  }
  const Json zero = {{"metadata", Json::object()}, {"spec", Json::object()}};
  const std::string agent = split(call.header("user-agent"), '/').front();
  review["metadata"] = Json::object();
  review = own_update(zero, review, zero,
                      {*call.resource->schema,
                       {},
                       {agent.empty() ? "unknown" : agent, call.resource->api_version(), "", false},
                       call.now});
  review["status"] = {{"allowed", may(state.store, call.user, attempt)}};
  return review;
}

Json rules_review(const State& state, const Call& call, const Json& review) {
  Json resources = Json::array();
  Json others = Json::array();
  for (const Json& rule : rules_of(state.store, call.user, text(review, "spec.namespace"))) {
    (rule.contains("nonResourceURLs") ? others : resources).push_back(rule);
  }
  return {{"kind", call.resource->kind},
          {"apiVersion", call.resource->api_version()},
          {"metadata", Json::object()},
          {"spec", Json::object()},
          {"status",
           {{"resourceRules", resources}, {"nonResourceRules", others}, {"incomplete", false}}}};
}

}  // namespace

Response answer_review(State& state, Call& call) {
  Json review = body_of(call);
  if (call.resource->kind == "SelfSubjectRulesReview") {
    return json_response(201, rules_review(state, call, review));
  }
  review["kind"] = call.resource->kind;
  review["apiVersion"] = call.resource->api_version();
  return json_response(201, access_review(state, call, std::move(review)));
}

Response answer_token(State& state, Call& call) {
  if (!state.store.get(call.key())) throw not_found(call.about());
  Json request = body_of(call);
  const Json* const wanted = find(request, "spec.expirationSeconds");
  const auto seconds = std::chrono::seconds(wanted == nullptr ? 3600 : wanted->get<int>());
  User user = make_user("system:serviceaccount:" + call.space + ":" + call.name, {});
  user.expires = call.now + seconds;
  const std::string token = "token-" + state.make_uid();
  state.access.add(token, user);
  request["kind"] = "TokenRequest";
  request["apiVersion"] = "authentication.k8s.io/v1";
  request["spec"]["expirationSeconds"] = seconds.count();
  request["status"] = {{"token", token}, {"expirationTimestamp", rfc3339(call.now + seconds)}};
  return json_response(201, request);
}

}  // namespace support::apiserver
