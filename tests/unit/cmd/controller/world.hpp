// A cluster with controllers, in virtual time, for tests of what they make of Egresses.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kube/egress/controller_client.hpp"
#include "support/manual_clock.hpp"
#include "unit/cmd/install/installed.hpp"

namespace unit::controller {

using namespace std::chrono_literals;
using cmd::InstallRequest;
using unit::Json;

inline const std::string egresses = "/apis/pona.cybozu.com/v1/namespaces/internet/egresses";
inline const std::string deployments = "/apis/apps/v1/namespaces/internet/deployments";
inline const std::string budgets = "/apis/policy/v1/namespaces/internet/poddisruptionbudgets";
inline const std::string services_path = "/api/v1/namespaces/internet/services";
inline const std::string roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/internet/roles";
inline const std::string bindings =
    "/apis/rbac.authorization.k8s.io/v1/namespaces/internet/rolebindings";
inline const std::string accounts = "/api/v1/namespaces/internet/serviceaccounts";
inline const std::string slices = "/apis/discovery.k8s.io/v1/namespaces/internet/endpointslices";
inline const std::string events = "/apis/events.k8s.io/v1/namespaces/";

inline const std::string any_part = R"({"apiVersion": "pona.cybozu.com/v1", "kind": "Egress",
  "metadata": {"name": "nat"},
  "spec": {"destinations": ["198.51.100.0/24"], "replicas": 2,
           "podDisruptionBudget": {"maxUnavailable": 1}}})";

struct Controller {
  Controller(unit::Cluster& cluster, support::ManualClock& clock, const std::string& name)
      : wire(cluster, "controller") {
    kube::ControllerOptions options;
    options.context = "lab";
    options.instance = name;
    options.identity = name + "_x";
    options.workload = {"registry.example.com/pona:1", "", "pona-system"};
    options.gauges = &gauges;
    client = std::make_unique<kube::ControllerClient>(wire, clock.clock(), options);
  }

  void step() {
    client->step();
    if (const auto news = client->new_problems({})) problems = *news;
  }

  unit::Wire wire;
  kube::ControllerGauges gauges;
  std::unique_ptr<kube::ControllerClient> client;
  std::vector<kube::Problem> problems;
};

class World {
 public:
  World() {
    cluster.server.add_token("controller", "system:serviceaccount:pona-system:pona-controller");
    InstallRequest request;
    request.part = InstallRequest::Part::crds;
    unit::install(cluster, request);
    request.part = InstallRequest::Part::controller;
    request.image = "registry.example.com/pona:1";
    unit::install(cluster, request);
    for (const char* const name : {"internet", "shop"}) {
      cluster.call(201, "POST", "/api/v1/namespaces",
                   {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}});
    }
    controllers.push_back(std::make_unique<Controller>(cluster, clock, "one"));
  }

  void run(std::chrono::seconds time) {
    for (auto left = time; left > 0s; left -= 1s) {
      // Several, as what is done in a step is answered before the next.
      for (int i = 0; i < 40; ++i) {
        for (const auto& controller : controllers) controller->step();
      }
      clock.advance(1s);
      cluster.now += 1s;
    }
  }

  void create(const std::string& text) { cluster.call(201, "POST", egresses, Json::parse(text)); }
  Json egress(const std::string& name = "nat") {
    return cluster.call(200, "GET", egresses + "/" + name);
  }
  Json condition(const std::string& type, const std::string& name = "nat") {
    const Json object = egress(name);
    for (const Json& one : object.value("status", Json::object()).value("conditions", Json())) {
      if (one["type"] == type) return one;
    }
    return {};
  }
  void change(const char* spec) {
    cluster.merge(200, egresses + "/nat", {{"spec", Json::parse(spec)}});
  }
  bool there(const std::string& path) { return cluster.send("GET", path).status == 200; }
  std::set<std::string> reasons(const std::string& ns) {
    std::set<std::string> found;
    const Json list = cluster.call(200, "GET", events + ns + "/events");
    for (const Json& event : list["items"]) {
      found.insert(event["regarding"]["kind"].get<std::string>() + " " +
                   event["reason"].get<std::string>());
    }
    return found;
  }
  void add_node(const std::string& name, const char* pod_cidr) {
    cluster.call(201, "POST", "/api/v1/nodes",
                 {{"apiVersion", "v1"},
                  {"kind", "Node"},
                  {"metadata", {{"name", name}}},
                  {"spec", {{"podCIDRs", Json::array({pod_cidr})}}}});
  }
  Controller& first() { return *controllers.front(); }

  unit::Cluster cluster;
  support::ManualClock clock;
  std::vector<std::unique_ptr<Controller>> controllers;
};

}  // namespace unit::controller
