// What the controller does beside workloads: pods' authors, lists of clients, its election, and
// what it lets others do.
#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "unit/cmd/controller/world.hpp"

namespace unit::other_owners_test {

using namespace unit::controller;

TEST_CASE("controller: a pod that asks in vain is told") {
  World world;
  world.create(any_part);
  world.cluster.call(
      201, "POST", "/api/v1/namespaces/shop/pods",
      Json::parse(
          R"({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "annotations": {
        "egress.pona.cybozu.com/internet": "nat,other", "egress.pona.cybozu.com/dmz": "A"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]}})"));
  world.run(20s);
  CHECK(world.reasons("shop") ==
        std::set<std::string>{"Pod BadEgressAnnotation", "Pod EgressNotFound"});
  const Json all = world.cluster.call(200, "GET", events + "shop/events")["items"];
  CHECK(all.size() == 2);
  CHECK(std::ranges::any_of(all, [](const Json& event) {
    return event["note"].get<std::string>().find("there is no valid Egress internet/other") == 0;
  }));
}

TEST_CASE("controller: client lists of nodes that are gone are swept, after a while") {
  World world;
  world.add_node("node-1", "10.244.1.0/24");
  world.create(any_part);
  const auto list = [&](const std::string& name, const Json& labels) {
    world.cluster.call(201, "POST", slices,
                       {{"apiVersion", "discovery.k8s.io/v1"},
                        {"kind", "EndpointSlice"},
                        {"metadata", {{"name", name}, {"labels", labels}}},
                        {"addressType", "IPv4"},
                        {"endpoints", Json::array()},
                        {"ports", Json::array()}});
  };
  const std::string of = "egress.pona.cybozu.com/clients-of";
  const std::string node = "egress.pona.cybozu.com/node";
  list("here", {{of, "nat"}, {node, "node-1"}});
  list("gone", {{of, "nat"}, {node, "node-2"}});
  list("nobody", {{of, "nat"}, {"x", "y"}});
  list("other", {{node, "node-2"}, {"x", "y"}});
  world.run(30s);
  CHECK(world.there(slices + "/gone"));
  world.run(60s);
  CHECK_FALSE(world.there(slices + "/gone"));
  CHECK(world.there(slices + "/here"));
  CHECK(world.there(slices + "/nobody"));
  CHECK(world.there(slices + "/other"));
  world.cluster.call(200, "DELETE", "/api/v1/nodes/node-1");
  world.run(70s);
  CHECK_FALSE(world.there(slices + "/here"));
  CHECK(world.first().wire.refused.empty());
}

TEST_CASE("controller: of two one works, and the other goes on when it ends") {
  World world;
  world.controllers.push_back(std::make_unique<Controller>(world.cluster, world.clock, "two"));
  world.create(any_part);
  world.run(10s);
  REQUIRE(world.there(deployments + "/nat"));
  const bool first = world.controllers[0]->client->leading();
  CHECK(first != world.controllers[1]->client->leading());
  Controller& leader = *world.controllers[first ? 0 : 1];
  Controller& other = *world.controllers[first ? 1 : 0];
  const auto wrote = [](const Controller& controller) {
    return std::ranges::any_of(controller.wire.done, [](const std::string& request) {
      return request.starts_with("PATCH");
    });
  };
  CHECK(wrote(leader));
  CHECK_FALSE(wrote(other));
  leader.client->resign();
  world.run(5s);
  CHECK(leader.client->resigned());
  CHECK(other.client->leading());
  world.cluster.call(200, "DELETE", deployments + "/nat");
  world.run(5s);
  CHECK(world.there(deployments + "/nat"));
  CHECK(wrote(other));
}

TEST_CASE("controller: NAT pods and agents may do what they must, and nothing else") {
  World world;
  world.create(any_part);
  world.run(5s);
  world.cluster.server.add_token("nat", "system:serviceaccount:internet:pona-egress-nat");
  world.cluster.server.add_token("agent", "system:serviceaccount:pona-system:pona-agent");
  const auto code = [&](const std::string& token, const std::string& method,
                        const std::string& path, const Json& body = nullptr) {
    world.cluster.token = token;
    return world.cluster.send(method, path, body).status;
  };
  const std::string own = "?fieldSelector=metadata.name%3D";
  CHECK(code("nat", "GET", egresses + "/nat") == 200);
  CHECK(code("nat", "GET", egresses + own + "nat") == 200);
  CHECK(code("nat", "GET", egresses + own + "other") == 403);
  CHECK(code("nat", "GET", egresses) == 403);
  CHECK(code("nat", "GET", slices) == 200);
  CHECK(code("nat", "DELETE", slices + "/x") == 403);
  CHECK(code("nat", "GET", "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices") == 403);
  CHECK(code("nat", "GET", "/api/v1/namespaces/internet/pods") == 403);
  CHECK(code("nat", "GET", "/api/v1/namespaces/internet/secrets") >= 403);
  const Json slice = {{"apiVersion", "discovery.k8s.io/v1"}, {"kind", "EndpointSlice"},
                      {"metadata", {{"name", "x"}}},         {"addressType", "IPv4"},
                      {"endpoints", Json::array()},          {"ports", Json::array()}};
  CHECK(code("agent", "POST", slices, slice) == 201);
  CHECK(code("agent", "DELETE", slices + "/x") == 200);
  CHECK(code("agent", "POST", "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices", slice) ==
        403);
}

}  // namespace unit::other_owners_test
