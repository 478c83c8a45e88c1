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

#include "cmd/install/text.hpp"
#include "kube/edge/edge_client.hpp"
#include "support/manual_clock.hpp"
#include "unit/cmd/install/installed.hpp"

namespace unit::permissions_test {

namespace {

using namespace std::chrono_literals;
using cmd::InstallRequest;
using unit::Json;
using Part = InstallRequest::Part;

const std::string mapping_path =
    "/apis/smartnat.aureacentral.com/v1alpha1/namespaces/default/mappings";
const std::string finalizer = "mapping.finalizers.aureacentral.com";

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

  void install(Part part, bool smartnat_finalizers) {
    InstallRequest request;
    request.part = part;
    request.smartnat_finalizers = smartnat_finalizers;
    unit::install(cluster, request);
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
  unit::Wire wire{cluster, "edge"};
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

}  // namespace unit::permissions_test
