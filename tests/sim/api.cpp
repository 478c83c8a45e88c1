#include "sim/api.hpp"

#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "kube/decode/decode.hpp"
#include "kube/decode/parse.hpp"
#include "support/yaml_json.hpp"

namespace sim {
namespace {

using support::apiserver::Response;

constexpr std::chrono::seconds epoch{1'700'000'000};

std::string read_definition(const char* path) {
  std::ifstream file(path);
  std::stringstream yaml;
  yaml << file.rdbuf();
  return test::yaml_documents(yaml.str()).at(0).dump();
}

void require_created(const Response& response) {
  if (response.status == 201) return;
  std::printf("the world cannot be made: %s\n", response.body.c_str());
  std::abort();
}

std::optional<core::ObjectId> id_of(const std::string& target) {
  const std::string path = target.substr(0, target.find('?'));
  for (const core::Kind kind : {core::Kind::mapping, core::Kind::service,
                                core::Kind::endpoint_slice, core::Kind::address_pool}) {
    const std::string prefix = Api::collection(kind) + "/";
    if (!path.starts_with(prefix)) continue;
    const std::string name =
        path.substr(prefix.size(), path.find('/', prefix.size()) - prefix.size());
    return core::ObjectId{kind, {kind == core::Kind::address_pool ? "" : "shop", name}};
  }
  return std::nullopt;
}

}  // namespace

Api::Api(const Time& now, std::uint64_t seed, ServerKind kind, Trace& trace)
    : now_(now),
      kind_(kind),
      trace_(trace),
      server_({[this] {
                 return support::apiserver::Time(
                     epoch + std::chrono::duration_cast<std::chrono::milliseconds>(now_));
               },
               seed, "127.0.0.1:6443", "admin"}) {
  // Read once for all seeds.
  static const std::string mapping = read_definition(PONA_MANIFESTS "/mapping-crd.yaml");
  static const std::string pool = read_definition(PONA_MANIFESTS "/address-pool-crd.yaml");
  const std::string definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  require_created(ask("admin", "POST", definitions, "application/json", mapping));
  if (kind_.knows_pools) {
    require_created(ask("admin", "POST", definitions, "application/json", pool));
  }
  require_created(ask("admin", "POST", "/api/v1/namespaces", "application/json",
                      R"({"metadata":{"name":"shop"}})"));
  require_created(ask("admin", "POST", "/api/v1/namespaces", "application/json",
                      R"({"metadata":{"name":"pona-system"}})"));
}

Time Api::to_virtual(support::apiserver::Time time) const {
  if (time == support::apiserver::Time::max()) return never;
  return time.time_since_epoch() - epoch;
}

std::string Api::collection(core::Kind kind) {
  switch (kind) {
    case core::Kind::mapping:
      return "/apis/smartnat.aureacentral.com/v1alpha1/namespaces/shop/mappings";
    case core::Kind::service:
      return "/api/v1/namespaces/shop/services";
    case core::Kind::endpoint_slice:
      return "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices";
    case core::Kind::egress:
    case core::Kind::pod:
    case core::Kind::egress_clients:  // not of this world
    case core::Kind::address_pool:
      break;
  }
  return "/apis/pona.dev/v1alpha1/addresspools";
}

std::string Api::path(const core::ObjectId& id) { return collection(id.kind) + "/" + id.name.name; }

bool Api::knows(const support::apiserver::Request& request) const {
  return kind_.streams_lists || request.target.find("sendInitialEvents=true") == std::string::npos;
}

Response Api::handle(support::apiserver::Request request) {
  if (!knows(request)) {
    return {
        422,
        {{"content-type", "application/json"}},
        R"({"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422,)"
        R"("message":"sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch"})",
        nullptr,
        {}};
  }
  std::string& target = request.target;
  const std::size_t limit = target.find("limit=500");
  if (kind_.small_pages && limit != std::string::npos) target.replace(limit, 9, "limit=1");
  return server_.handle(request);
}

Response Api::ask(const std::string& sender, const std::string& method, const std::string& target,
                  const std::string& content_type, const std::string& body) {
  support::apiserver::Request request{
      method, target, {{"authorization", "Bearer " + sender}}, body};
  if (!content_type.empty()) request.headers.emplace("content-type", content_type);
  // A fault that the server does not come to would wait there, and spoil what the administrator is
  // answered next: that answer is what counts as the truth.
  const bool spoilt = sender != "admin" && !faults_.empty() && knows(request);
  if (spoilt) {
    server_.add_fault(faults_.front());
    faults_.pop_front();
  }
  Response response = handle(std::move(request));
  trace_.say(now_, "server",
             sender + " " + method + " " + target + ": " + std::to_string(response.status));
  if (method != "GET" && response.status / 100 == 2) {
    writes_.push_back({now_, sender, method, target, body});
    // What a fault has done to the answer is not what the server holds.
    remember(writes_.back(), spoilt ? read_back(target) : response.body);
  }
  return response;
}

std::string Api::read_back(const std::string& target) {
  const auto id = id_of(target);
  if (!id) return {};
  return server_.handle({"GET", path(*id), {{"authorization", "Bearer admin"}}, {}}).body;
}

void Api::remember(const Write& write, const std::string& answer) {
  if (write.method == "DELETE") {
    if (const auto id = id_of(write.target)) versions_[*id].push_back(nullptr);
    return;
  }
  kube::Document document;
  static_cast<void>(kube::parse_json(answer, document, [&](const kube::Document& whole) {
    for (const kube::Decoded& decoded : kube::decode(*whole.root(), {50, true, ""})) {
      if (!decoded.ignored && decoded.id) versions_[*decoded.id].push_back(decoded.object);
    }
  }));
}

const Api::Versions& Api::versions(const core::ObjectId& id) const {
  static const Versions none;
  const auto found = versions_.find(id);
  return found == versions_.end() ? none : found->second;
}

bool Api::exists(const core::ObjectId& id) const {
  const Versions& all = versions(id);
  return !all.empty() && all.back() != nullptr;
}

core::ObjectChanges Api::objects() const {
  core::ObjectChanges objects;
  for (const auto& [id, versions] : versions_) {
    if (versions.back()) objects.emplace(id, versions.back());
  }
  return objects;
}

}  // namespace sim
