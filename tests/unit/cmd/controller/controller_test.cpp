// The controller on an API server that enforces what `pona install controller` grants: what it
// makes of Egresses, and that it may do all that it does.
#include <string>
#include <vector>

#include "unit/cmd/controller/world.hpp"

namespace unit::controller_test {

using namespace unit::controller;

TEST_CASE("controller: of an Egress all is made that it needs, and nothing more is sent") {
  World world;
  world.create(any_part);
  world.run(10s);
  CHECK(world.first().client->leading());
  CHECK(world.first().wire.refused.empty());
  CHECK(world.first().problems.empty());
  const std::vector<std::string> parts = {accounts + "/pona-egress-nat", roles + "/pona-egress-nat",
                                          bindings + "/pona-egress-nat", roles + "/pona-agent-nat",
                                          bindings + "/pona-agent-nat",  services_path + "/nat",
                                          deployments + "/nat",          budgets + "/nat"};
  const std::string uid = world.egress()["metadata"]["uid"];
  std::vector<std::string> versions;
  for (const std::string& path : parts) {
    INFO(path);
    const Json object = world.cluster.call(200, "GET", path);
    CHECK(object["metadata"]["ownerReferences"][0]["uid"] == uid);
    versions.push_back(object["metadata"]["resourceVersion"]);
  }
  const Json status = world.egress()["status"];
  CHECK(status["replicas"] == 0);
  CHECK(status["selector"] ==
        "app.kubernetes.io/component=egress,app.kubernetes.io/instance=nat,"
        "app.kubernetes.io/name=pona");
  CHECK(status["observedGeneration"] == 1);
  CHECK(world.condition("Valid")["status"] == "True");
  CHECK(world.condition("Disjoint")["status"] == "True");
  CHECK(world.condition("Applied")["status"] == "True");
  CHECK(world.condition("Ready")["status"] == "False");

  const std::size_t done = world.first().wire.count;
  const std::string before = world.egress()["metadata"]["resourceVersion"];
  world.run(120s);
  CHECK(world.egress()["metadata"]["resourceVersion"] == before);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    CHECK(world.cluster.call(200, "GET", parts[i])["metadata"]["resourceVersion"] == versions[i]);
  }
  // Leases alone: less than one request a second.
  CHECK(world.first().wire.count - done < 120);
}

TEST_CASE("controller: what a field made goes with the field, and what others made stays") {
  World world;
  world.create(any_part);
  world.run(10s);
  REQUIRE(world.there(budgets + "/nat"));
  SECTION("the budget") {
    world.change(R"({"podDisruptionBudget": null})");
    world.run(5s);
    CHECK_FALSE(world.there(budgets + "/nat"));
    CHECK(world.there(deployments + "/nat"));
  }
  SECTION("a budget of somebody else") {
    world.change(R"({"podDisruptionBudget": null})");
    world.run(5s);
    world.cluster.call(201, "POST", budgets,
                       {{"apiVersion", "policy/v1"},
                        {"kind", "PodDisruptionBudget"},
                        {"metadata", {{"name", "nat"}}},
                        {"spec", {{"maxUnavailable", 0}}}});
    world.run(120s);
    CHECK(world.there(budgets + "/nat"));
  }
  SECTION("limits of the budget change places") {
    world.change(R"({"podDisruptionBudget": {"maxUnavailable": null, "minAvailable": "50%"}})");
    world.run(5s);
    const Json spec = world.cluster.call(200, "GET", budgets + "/nat")["spec"];
    CHECK(spec["minAvailable"] == "50%");
    CHECK_FALSE(spec.contains("maxUnavailable"));
  }
  SECTION("a sidecar comes and goes") {
    world.change(R"({"template": {"spec": {"containers": [{"name": "side", "image": "s:1"}]}}})");
    world.run(5s);
    const auto containers = [&] {
      return world.cluster.call(200, "GET",
                                deployments + "/nat")["spec"]["template"]["spec"]["containers"];
    };
    REQUIRE(containers().size() == 2);
    CHECK(containers()[1]["name"] == "side");
    world.change(R"({"template": null})");
    world.run(5s);
    REQUIRE(containers().size() == 1);
    CHECK(containers()[0]["name"] == "egress");
  }
  CHECK(world.first().wire.refused.empty());
  CHECK(world.condition("Applied")["status"] == "True");
}

TEST_CASE("controller: what is deleted or changed by hand is as it should be again") {
  World world;
  world.create(any_part);
  world.run(10s);
  const std::string old = world.cluster.call(200, "GET", deployments + "/nat")["metadata"]["uid"];
  world.cluster.call(200, "DELETE", deployments + "/nat");
  world.run(5s);
  CHECK(world.cluster.call(200, "GET", deployments + "/nat")["metadata"]["uid"] != old);
  world.cluster.merge(200, deployments + "/nat", {{"spec", {{"replicas", 7}}}});
  world.cluster.merge(200, services_path + "/nat", {{"metadata", {{"labels", nullptr}}}});
  world.run(5s);
  CHECK(world.cluster.call(200, "GET", deployments + "/nat")["spec"]["replicas"] == 2);
  CHECK(world.cluster.call(200, "GET", services_path + "/nat")["metadata"]["labels"].size() == 3);
}

TEST_CASE("controller: what has the name already is never touched, and the author is told") {
  World world;
  world.cluster.call(201, "POST", services_path,
                     {{"apiVersion", "v1"},
                      {"kind", "Service"},
                      {"metadata", {{"name", "nat"}}},
                      {"spec", {{"ports", {{{"port", 80}}}}}}});
  world.create(any_part);
  world.run(10s);
  const Json service = world.cluster.call(200, "GET", services_path + "/nat");
  CHECK_FALSE(service["metadata"].contains("ownerReferences"));
  CHECK(service["spec"]["ports"][0]["port"] == 80);
  CHECK(world.condition("Applied")["reason"] == "NameTaken");
  CHECK_THAT(world.condition("Applied")["message"].get<std::string>(),
             Catch::Contains("Service internet/nat is there"));
  CHECK(world.there(deployments + "/nat"));
  CHECK(world.reasons("internet").contains("Egress NameTaken"));
  world.cluster.call(200, "DELETE", services_path + "/nat");
  world.run(70s);
  CHECK(world.condition("Applied")["status"] == "True");
  CHECK(world.there(services_path + "/nat"));
}

TEST_CASE("controller: what the API server refuses is quoted, and holds nothing else up") {
  World world;
  const std::string path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/pona-controller";
  const Json role = world.cluster.call(200, "GET", path);
  Json less = role;
  for (Json& rule : less["rules"]) {
    if (rule["apiGroups"][0] == "policy") rule["verbs"] = {"get", "list", "watch"};
  }
  world.cluster.merge(200, path, {{"rules", less["rules"]}});
  world.create(any_part);
  world.run(10s);
  CHECK(world.condition("Applied")["reason"] == "Refused");
  CHECK_THAT(world.condition("Applied")["message"].get<std::string>(),
             Catch::StartsWith("cannot apply PodDisruptionBudget internet/nat: 403 Forbidden"));
  CHECK(world.there(deployments + "/nat"));
  CHECK(world.reasons("internet").contains("Egress Refused"));
  world.cluster.merge(200, path, {{"rules", role["rules"]}});
  world.run(70s);
  CHECK(world.condition("Applied")["status"] == "True");
  CHECK(world.there(budgets + "/nat"));
}

TEST_CASE("controller: the status follows the Deployment, and says what is not valid") {
  World world;
  world.create(any_part);
  world.run(5s);
  world.cluster.merge(200, deployments + "/nat/status",
                      {{"status", {{"availableReplicas", 1}, {"readyReplicas", 2}}}});
  world.run(5s);
  CHECK(world.egress()["status"]["replicas"] == 1);
  CHECK(world.egress()["status"]["ready"] == 2);
  CHECK(world.condition("Ready")["reason"] == "PartlyAvailable");
  world.cluster.merge(200, deployments + "/nat/status", {{"status", {{"availableReplicas", 2}}}});
  world.run(5s);
  CHECK(world.condition("Ready")["reason"] == "Available");
  CHECK(world.reasons("internet").contains("Egress Available"));

  world.change(R"({"destinations": ["224.0.0.0/4"]})");
  world.run(5s);
  CHECK(world.condition("Valid")["status"] == "False");
  CHECK_THAT(world.condition("Valid")["message"].get<std::string>(),
             Catch::EndsWith("; the version before stays in effect"));
  CHECK(world.egress()["status"]["observedGeneration"] == 2);
  CHECK(world.condition("Ready")["status"] == "True");
  CHECK(world.reasons("internet").contains("Egress Invalid"));
  world.change(R"({"destinations": ["198.51.100.0/24", "203.0.113.1/24"],
                   "template": {"spec": {"hostNetwork": true}}})");
  world.run(5s);
  CHECK(world.condition("Valid")["status"] == "True");
  CHECK_THAT(world.condition("Valid")["message"].get<std::string>(),
             Catch::Contains("is taken as 203.0.113.0/24") && Catch::Contains("hostNetwork"));
}

TEST_CASE(
    "controller: 3.6: an Egress says why its NAT pods cannot be made, and no longer when they "
    "are") {
  World world;
  world.create(any_part);
  world.run(5s);
  const auto message = [&] {
    world.run(5s);
    const Json condition = world.condition("Ready");
    return condition.value("message", "");
  };
  const std::string refused = "pods \"nat-1\" is forbidden: violates PodSecurity \"restricted\"";
  world.cluster.merge(200, deployments + "/nat/status",
                      {{"status",
                        {{"conditions",
                          {{{"type", "ReplicaFailure"},
                            {"status", "True"},
                            {"reason", "FailedCreate"},
                            {"message", refused}}}}}}});
  CHECK_THAT(message(), Catch::EndsWith("available: NAT pods cannot be created: " + refused));
  CHECK(world.reasons("internet").contains("Egress Unavailable"));
  const Json labels = {{"app.kubernetes.io/name", "pona"},
                       {"app.kubernetes.io/component", "egress"},
                       {"app.kubernetes.io/instance", "nat"}};
  const std::string pods = "/api/v1/namespaces/internet/pods";
  world.cluster.call(201, "POST", pods,
                     {{"apiVersion", "v1"},
                      {"kind", "Pod"},
                      {"metadata", {{"name", "nat-1"}, {"labels", labels}}},
                      {"spec", {{"containers", {{{"name", "egress"}, {"image", "pona"}}}}}}});
  world.cluster.merge(200, deployments + "/nat/status", {{"status", {{"conditions", nullptr}}}});
  CHECK_THAT(message(), Catch::EndsWith("available"));
  world.cluster.merge(200, pods + "/nat-1/status",
                      {{"status",
                        {{"conditions",
                          {{{"type", "PodScheduled"},
                            {"status", "False"},
                            {"message", "0/2 nodes are available: 2 Insufficient cpu."}}}}}}});
  CHECK_THAT(message(), Catch::EndsWith("available: 1 NAT pod: cannot be scheduled: 0/2 nodes are "
                                        "available: 2 Insufficient cpu."));
  world.cluster.call(200, "DELETE", pods + "/nat-1");
  CHECK_THAT(message(), Catch::EndsWith("available"));
}

TEST_CASE("controller: 2.14: mode Service says what it does to connections that are silent") {
  World world;
  world.create(any_part);
  world.run(5s);
  const auto told = [&](const std::string& spec) {
    world.change((R"({"destinations": ["198.51.100.0/24"])" + spec + "}").c_str());
    world.run(5s);
    CHECK(world.condition("Valid")["status"] == "True");
    const Json condition = world.condition("Valid");
    return condition.value("message", "").find("silent for 30 s") != std::string::npos;
  };
  CHECK_FALSE(told(""));
  CHECK(told(R"(, "mode": "Service")"));
  CHECK_FALSE(told(R"(, "mode": "Service", "sessionAffinity": "ClientIP")"));
}

TEST_CASE("controller: destinations that cover the cluster's own networks are told") {
  World world;
  world.add_node("node-1", "10.244.1.0/24");
  world.create(any_part);
  world.run(5s);
  CHECK(world.condition("Disjoint")["status"] == "True");
  world.change(R"({"destinations": ["10.0.0.0/8"]})");
  world.run(5s);
  CHECK(world.condition("Disjoint")["reason"] == "OverlapsCluster");
  CHECK(world.condition("Applied")["status"] == "True");
  world.change(R"({"excludedDestinations": ["10.244.0.0/16"]})");
  world.run(5s);
  CHECK(world.condition("Disjoint")["status"] == "True");
  world.add_node("node-2", "10.245.1.0/24");
  world.run(5s);
  CHECK_THAT(world.condition("Disjoint")["message"].get<std::string>(),
             Catch::StartsWith("destination 10.0.0.0/8 covers pods of node node-2"));
}

}  // namespace unit::controller_test
