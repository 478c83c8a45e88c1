// What `pona install agent` prints: an agent on an API server that enforces it, beside what the
// controller allows it, may do all that it does; and how it runs on nodes.
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "kube/egress/agent_client.hpp"
#include "support/catch.hpp"
#include "unit/cmd/controller/world.hpp"

namespace unit::agent_test {

using namespace unit::controller;

namespace {

InstallRequest agents() {
  InstallRequest request;
  request.part = InstallRequest::Part::agent;
  request.image = "registry.example.com/pona:1";
  return request;
}

Json find(const InstallRequest& request, const std::string& kind) {
  const std::vector<Json> all = test::yaml_documents(cmd::install_yaml(request));
  const auto found =
      std::ranges::find_if(all, [&](const Json& object) { return object["kind"] == kind; });
  REQUIRE(found != all.end());
  return *found;
}

struct Agent {
  explicit Agent(World& world) : world(world), wire(world.cluster, "agent") {
    world.cluster.server.add_token("agent", "system:serviceaccount:pona-system:pona-agent");
    unit::install(world.cluster, agents());
    client = std::make_unique<kube::AgentClient>(wire, world.clock.clock(),
                                                 kube::AgentClientOptions{"lab", "node-1"});
  }
  void run(std::chrono::seconds time) {
    for (auto left = time; left > 0s; left -= 1s) {
      for (int i = 0; i < 10; ++i) client->step();
      world.run(1s);
    }
  }
  [[nodiscard]] Json lists() const { return world.cluster.call(200, "GET", slices)["items"]; }

  World& world;
  unit::Wire wire;
  std::unique_ptr<kube::AgentClient> client;
};

}  // namespace

TEST_CASE("an agent may do all that it does") {
  World world;
  world.create(any_part);
  world.run(10s);
  Agent agent(world);
  agent.run(5s);
  CHECK(agent.client->synced());
  const core::EgressClients::Client web{
      core::Address::parse("10.244.1.5").value(), {"shop", "web"}, "u"};
  agent.client->publish({{{"internet", "nat"}, {web}}});
  agent.client->note({{core::Kind::pod, {"shop", "web"}}, "u", true, "Reason", "Action", "note"});
  agent.run(10s);
  REQUIRE(agent.lists().size() == 1);
  CHECK(agent.lists()[0]["endpoints"][0]["addresses"][0] == "10.244.1.5");
  auto next = web;
  next.address = core::Address::parse("10.244.1.6").value();
  agent.client->publish({{{"internet", "nat"}, {web, next}}});
  agent.run(10s);
  CHECK(agent.lists()[0]["endpoints"].size() == 2);
  agent.client->publish({});
  agent.run(10s);
  CHECK(agent.lists().empty());
  CHECK_FALSE(world.reasons("shop").empty());
  CHECK(agent.wire.refused.empty());
}

TEST_CASE("an agent may read what it must, and write nothing but events of its own right") {
  CHECK(find(agents(), "ClusterRole")["rules"] == Json::parse(R"([
    {"apiGroups": ["pona.cybozu.com"], "resources": ["egresses"], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["list", "watch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"],
     "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"],
     "verbs": ["get"]},
    {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]}])"));
}

TEST_CASE("an agent enters pods with three capabilities and little of the host") {
  InstallRequest request = agents();
  request.image.clear();
  CHECK_THROWS_WITH(cmd::install_yaml(request),
                    Catch::StartsWith("pona install agent needs --image"));
  request = agents();
  request.ns = "network";
  CHECK(find(request, "ClusterRoleBinding")["subjects"][0]["namespace"] == "network");
  const Json set = find(request, "DaemonSet");
  CHECK(set["metadata"]["namespace"] == "network");
  const Json pod = set["spec"]["template"]["spec"];
  const Json& container = pod["containers"][0];
  CHECK(pod["hostNetwork"] == true);
  CHECK_FALSE(pod.contains("hostPID"));
  CHECK(pod["tolerations"] == Json::parse(R"([{"operator": "Exists"}])"));
  CHECK(pod["priorityClassName"] == "system-node-critical");
  CHECK(container["image"] == "registry.example.com/pona:1");
  CHECK(container["args"][0] == "--install-cni");
  CHECK(container["args"][2] == "--cni-own-list");
  CHECK(container["securityContext"] == Json::parse(R"({"allowPrivilegeEscalation": false,
    "privileged": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"],
    "add": ["NET_ADMIN", "NET_RAW", "SYS_ADMIN"]}})"));
  CHECK(container["env"][0]["name"] == "NODE_NAME");
  std::set<std::string> paths;
  for (const Json& volume : pod["volumes"]) paths.insert(volume["hostPath"]["path"]);
  CHECK(paths == std::set<std::string>{"/run/pona", "/run/netns", "/opt/cni/bin", "/etc/cni/net.d",
                                       "/proc/sys/net"});
  for (const Json& mount : container["volumeMounts"]) {
    CHECK((mount["name"] == "netns") == (mount.value("mountPropagation", "") == "HostToContainer"));
  }
}

TEST_CASE("health and metrics are on loopback, or on the node's address where they are wanted") {
  InstallRequest request = agents();
  for (const bool node : {false, true}) {
    request.node_monitor = node;
    const Json set = find(request, "DaemonSet");
    const Json& container = set["spec"]["template"]["spec"]["containers"][0];
    // Without the option in words that older agents know, too.
    CHECK(container["args"][1] == (node ? "--monitor-address=node" : "--listen=127.0.0.1"));
    CHECK(container["ports"][0].contains("hostIP") == !node);
    // Without a host the kubelet asks the pod's address, which is the node's.
    for (const char* const probe : {"livenessProbe", "readinessProbe"}) {
      CHECK(container[probe]["httpGet"].contains("host") == !node);
    }
    CHECK(container["env"][1]["name"] == "NODE_ADDRESS");
  }
}

}  // namespace unit::agent_test
