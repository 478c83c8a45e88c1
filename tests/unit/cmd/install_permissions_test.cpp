// An edge on an API server that enforces what `pona install rbac` grants: it may do all that it
// does.
#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cmd/install_text.hpp"
#include "kube/cluster_client.hpp"
#include "support/manual_clock.hpp"
#include "support/yaml_json.hpp"
#include "unit/apiserver/cluster.hpp"

namespace {

using namespace std::chrono_literals;
using cmd::InstallRequest;
using unit::Json;
using Part = InstallRequest::Part;

const std::string mapping_path =
    "/apis/smartnat.aureacentral.com/v1alpha1/namespaces/default/mappings";
const std::string finalizer = "mapping.finalizers.aureacentral.com";

// The edge's requests, answered at once. Notes what was asked for and what was refused.
class Wire : public kube::Transport {
 public:
  explicit Wire(unit::Cluster& cluster) : cluster_(cluster) {}

  std::uint64_t start(kube::Request request) override {
    ++last_;
    const std::string path = request.target.substr(0, request.target.find('?'));
    const auto response = cluster_.server.handle(
        {request.method,
         request.target,
         {{"authorization", "Bearer edge"}, {"content-type", request.content_type}},
         request.body});
    (response.status == 403 ? refused : done).insert(request.method + " " + path);
    arrivals_.push_back({last_, kube::Arrival::Kind::head, response.status, {}, {}, {}});
    if (response.stream) {
      streams_[last_] = response.stream;
    } else {
      arrivals_.push_back({last_, kube::Arrival::Kind::body, 0, {}, response.body, {}});
      arrivals_.push_back({last_, kube::Arrival::Kind::end, 0, {}, {}, {}});
    }
    return last_;
  }
  void cancel(std::uint64_t request) override {
    streams_.erase(request);
    std::erase_if(arrivals_, [&](const auto& arrival) { return arrival.request == request; });
  }
  std::vector<kube::Arrival> take() override {
    std::vector<std::uint64_t> over;
    for (const auto& [id, stream] : streams_) {
      auto piece = stream->read();
      arrivals_.push_back({id, kube::Arrival::Kind::body, 0, {}, std::move(piece.bytes), {}});
      if (!piece.ended && !piece.dropped) continue;
      arrivals_.push_back({id, kube::Arrival::Kind::end, 0, {}, {}, {}});
      over.push_back(id);
    }
    for (const std::uint64_t id : over) streams_.erase(id);
    return std::exchange(arrivals_, {});
  }

  std::set<std::string> done;
  std::set<std::string> refused;

 private:
  unit::Cluster& cluster_;
  std::uint64_t last_ = 0;
  std::vector<kube::Arrival> arrivals_;
  std::map<std::uint64_t, std::shared_ptr<support::apiserver::Stream>> streams_;
};

class World {
 public:
  World() {
    cluster.server.add_token("edge", "system:serviceaccount:pona-system:pona-edge");
    install(Part::crds, false);
    install(Part::rbac, false);
    Json metadata = {{"name", "web"}, {"finalizers", {finalizer, "example.com/kept"}}};
    cluster.call(
        201, "POST", mapping_path,
        {{"apiVersion", "smartnat.aureacentral.com/v1alpha1"},
         {"kind", "Mapping"},
         {"metadata", std::move(metadata)},
         {"spec",
          {{"addresses", {"203.0.113.10"}}, {"serviceName", "web"}, {"ports", {{{"port", 80}}}}}}});
    cluster.call(201, "POST", "/apis/pona.dev/v1alpha1/addresspools",
                 {{"apiVersion", "pona.dev/v1alpha1"},
                  {"kind", "AddressPool"},
                  {"metadata", {{"name", "public"}}},
                  {"spec", {{"addresses", {"203.0.113.0/24"}}}}});
    cluster.call(201, "POST", unit::services,
                 {{"apiVersion", "v1"},
                  {"kind", "Service"},
                  {"metadata", {{"name", "balanced"}}},
                  {"spec",
                   {{"type", "LoadBalancer"},
                    {"loadBalancerClass", "pona.dev/edge"},
                    {"ports", {{{"port", 443}}}}}}});
    kube::ClusterClientOptions options;
    options.context = "lab";
    options.instance = "edge-1";
    options.identity = "edge-1_x";
    client = std::make_unique<kube::ClusterClient>(wire, clock.clock(), std::move(options));
  }

  // As a cluster's admin applies what is printed.
  void install(Part part, bool smartnat_finalizers) {
    InstallRequest request;
    request.part = part;
    request.smartnat_finalizers = smartnat_finalizers;
    static const std::map<std::string, std::string> collections = {
        {"CustomResourceDefinition", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"},
        {"Namespace", "/api/v1/namespaces"},
        {"ServiceAccount", "/api/v1/namespaces/pona-system/serviceaccounts"},
        {"ClusterRole", "/apis/rbac.authorization.k8s.io/v1/clusterroles"},
        {"ClusterRoleBinding", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"},
        {"Role", "/apis/rbac.authorization.k8s.io/v1/namespaces/pona-system/roles"},
        {"RoleBinding", "/apis/rbac.authorization.k8s.io/v1/namespaces/pona-system/rolebindings"},
    };
    for (const Json& object : test::yaml_documents(cmd::install_yaml(request))) {
      const std::string path =
          collections.at(object["kind"]) + "/" + object["metadata"]["name"].get<std::string>();
      const auto response = cluster.send("PATCH", path + "?fieldManager=admin&force=true", object,
                                         "application/apply-patch+yaml");
      INFO(path << ": " << response.body);
      REQUIRE(response.status / 100 == 2);
    }
  }

  void run(std::chrono::seconds time) {
    for (auto left = time; left > 0s; left -= 1s) {
      // Several, as what is done in a step is answered before the next.
      for (int i = 0; i < 8; ++i) client->step();
      if (const auto news = client->new_problems({})) problems = *news;
      clock.advance(1s);
      cluster.now += 1s;
    }
  }
  // Until all is written.
  void serve() {
    run(20s);
    REQUIRE(client->synced());
    core::InstanceStatus status;
    status.entry.state = core::MappingReport::State::inactive;
    status.entry.generation = 1;
    client->report({{{"default", "web"}, status}});
    run(20s);
  }
  Json mapping() { return cluster.call(200, "GET", mapping_path + "/web"); }

  unit::Cluster cluster;
  Wire wire{cluster};
  support::ManualClock clock;
  std::unique_ptr<kube::ClusterClient> client;
  std::vector<kube::Problem> problems;
};

}  // namespace

TEST_CASE("an edge may do all that it does, but remove SmartNat's finalizers") {
  World world;
  world.serve();
  CHECK(world.client->leading());
  CHECK(world.wire.refused == std::set<std::string>{"PATCH " + mapping_path + "/web"});
  CHECK(world.mapping()["status"]["instances"][0]["name"] == "edge-1");
  CHECK(world.mapping()["status"]["conditions"].size() == 2);
  const Json balanced = world.cluster.call(200, "GET", unit::services + "/balanced");
  CHECK(balanced["status"]["loadBalancer"]["ingress"][0]["ip"] == "203.0.113.0");
  const Json events = world.cluster.call(200, "GET", "/apis/events.k8s.io/v1/events");
  CHECK_FALSE(events["items"].empty());

  SECTION("that it may not is told as long as it is so") {
    CHECK(world.mapping()["metadata"]["finalizers"] == Json({finalizer, "example.com/kept"}));
    world.run(300s);
    REQUIRE(world.problems.size() == 1);
    CHECK_THAT(world.problems[0].reason, Catch::Contains("Mapping default/web") &&
                                             Catch::Contains("--smartnat-finalizers") &&
                                             Catch::Contains("403 Forbidden"));
    world.cluster.merge(200, mapping_path + "/web", {{"metadata", {{"finalizers", nullptr}}}});
    world.run(60s);
    CHECK(world.problems.empty());
  }
  SECTION("where it is allowed, only that finalizer goes") {
    world.install(Part::rbac, true);
    world.run(900s);
    CHECK(world.mapping()["metadata"]["finalizers"] == Json({"example.com/kept"}));
    CHECK(world.problems.empty());
  }
  SECTION("the lease is given back") {
    world.client->resign();
    world.run(5s);
    CHECK(world.client->resigned());
    const Json lease = world.cluster.call(
        200, "GET", "/apis/coordination.k8s.io/v1/namespaces/pona-system/leases/pona-edge");
    CHECK(lease["spec"].value("holderIdentity", "") == "");
  }
}

TEST_CASE("what is granted is what is asked for") {
  World world;
  world.serve();
  const auto did = [&](const std::string& start) {
    return std::ranges::any_of(world.wire.done,
                               [&](const auto& one) { return one.starts_with(start); });
  };
  const std::string lease = "/apis/coordination.k8s.io/v1/namespaces/pona-system/leases";
  CHECK(did("GET " + lease + "/pona-edge"));
  CHECK(did("POST " + lease));
  CHECK(did("PUT " + lease + "/pona-edge"));
  CHECK(did("PATCH " + unit::services + "/balanced/status"));
  CHECK(did("PATCH " + mapping_path + "/web/status"));
  CHECK(did("POST /apis/events.k8s.io/v1/namespaces/default/events"));
}
