// What an agent publishes is what the server has in the end, whatever happens on the way.
#include <algorithm>
#include <random>
#include <set>

#include "unit/kube/egress/agent_rig.hpp"

namespace unit::agent_client_test {

namespace {

using namespace agent_rig;
using support::apiserver::Fault;

TEST_CASE("agent client: the first client makes a list that NAT pods can select") {
  World world;
  const std::string uid = world.add_egress(nat);
  world.run();
  CHECK(world.agent->synced());
  world.publish({{nat, {client(1)}}});
  const Json list = world.lists().at(0);
  const std::string name = list["metadata"]["name"];
  CHECK_THAT(name, Catch::StartsWith("nat-clients-") && Catch::EndsWith("-v4-0"));
  CHECK(list["metadata"]["labels"] ==
        Json({{"service.kubernetes.io/service-proxy-name", "pona-agent"},
              {"egress.pona.cybozu.com/clients-of", "nat"},
              {"egress.pona.cybozu.com/node", "node-1"},
              {"endpointslice.kubernetes.io/managed-by", "pona-agent"}}));
  CHECK(list["metadata"]["ownerReferences"] == Json::array({{{"apiVersion", "pona.cybozu.com/v1"},
                                                             {"kind", "Egress"},
                                                             {"name", "nat"},
                                                             {"uid", uid},
                                                             {"controller", false},
                                                             {"blockOwnerDeletion", false}}}));
  CHECK(list["metadata"]["managedFields"][0]["manager"] == "pona-agent-node-1");
  CHECK(list["addressType"] == "IPv4");
  CHECK(list.value("ports", Json::array()).empty());
  CHECK(list["endpoints"] ==
        Json::array(
            {{{"addresses", Json::array({"10.0.0.2"})},
              {"nodeName", "node-1"},
              {"targetRef",
               {{"kind", "Pod"}, {"namespace", "shop"}, {"name", "p1"}, {"uid", "uid-1"}}}}}));
  // The owner sees it, too.
  const auto seen = world.objects[{core::Kind::egress_clients, {"net", name}}];
  REQUIRE(seen);
  CHECK(std::get<core::EgressClients>(*seen).clients == std::vector{client(1)});
  world.publish({});
  CHECK(world.lists().empty());
}

TEST_CASE("agent client: who comes or goes costs one write") {
  World world;
  world.add_egress(nat);
  std::vector<Client> all = clients(0, 250);
  world.publish({{nat, all}});
  CHECK(world.lists().size() == 3);
  CHECK(world.listed() == ClientLists{{nat, all}});
  CHECK(world.wire->writes == 3);
  std::erase(all, client(42));
  world.publish({{nat, all}});
  CHECK(world.wire->writes == 4);
  all.push_back(client(250));
  world.publish({{nat, all}});
  CHECK(world.wire->writes == 5);
  CHECK(world.listed() == ClientLists{{nat, all}});
}

TEST_CASE("agent client: two Egresses, two families") {
  World world;
  world.add_egress(nat);
  world.add_egress(other);
  const ClientLists wanted = {{nat, {client(1), client(2), client6(1)}}, {other, {client6(1)}}};
  world.publish(wanted);
  CHECK(world.listed() == wanted);
  CHECK(world.lists().size() == 3);
}

TEST_CASE("agent client: a restart changes nothing, and takes nothing away") {
  World world;
  world.add_egress(nat);
  const std::vector<Client> all = clients(0, 150);
  world.publish({{nat, all}});
  const Json before = world.lists();
  world.start();
  world.run(60s);
  CHECK(world.lists() == before);
  world.publish({{nat, all}});
  CHECK(world.lists() == before);
  CHECK(world.wire->writes == 0);
  world.start();
  world.publish({{nat, {client(149)}}});
  CHECK(world.listed() == ClientLists{{nat, {client(149)}}});
}

TEST_CASE("agent client: what others do to lists does not last") {
  World world;
  world.add_egress(nat);
  const ClientLists wanted = {{nat, clients(0, 120)}};
  world.publish(wanted);
  world.run(5s);
  const std::string path = slices + "/" + world.first_list();
  SECTION("deleted") { world.cluster.call(200, "DELETE", path); }
  SECTION("emptied") { world.cluster.merge(200, path, {{"endpoints", Json::array()}}); }
  SECTION("an owner less") {
    world.cluster.merge(200, path, {{"metadata", {{"ownerReferences", nullptr}}}});
  }
  SECTION("clients changed") {
    const Json foreign = {
        {"addresses", Json::array({"10.9.9.9"})},
        {"targetRef", {{"kind", "Pod"}, {"namespace", "a"}, {"name", "b"}, {"uid", "c"}}}};
    world.cluster.merge(200, path, {{"endpoints", Json::array({foreign})}});
  }
  SECTION("labels off") {
    const std::string label =
        GENERATE("egress.pona.cybozu.com/clients-of", "egress.pona.cybozu.com/node");
    world.cluster.merge(200, path, {{"metadata", {{"labels", {{label, nullptr}}}}}});
  }
  SECTION("of another Egress") {
    world.add_egress(other);
    const std::string label = "egress.pona.cybozu.com/clients-of";
    const std::string name = GENERATE("other", "No_Name");
    world.cluster.merge(200, path, {{"metadata", {{"labels", {{label, name}}}}}});
  }
  SECTION("one more") {
    Json copy = world.lists().at(0);
    copy["metadata"] = {{"name", "copy"}, {"labels", copy["metadata"]["labels"]}};
    world.cluster.call(201, "POST", slices, copy);
  }
  SECTION("one more, of a stranger") {
    Json copy = world.lists().at(0);
    copy["metadata"] = {{"name", "copy"}, {"labels", copy["metadata"]["labels"]}};
    copy["endpoints"][0]["targetRef"]["uid"] = "stranger";
    const Json first = copy["endpoints"][0];
    copy["endpoints"] = Json::array({first});
    world.cluster.call(201, "POST", slices, copy);
  }
  SECTION("of another address type") {
    Json copy = world.lists().at(0);
    copy["metadata"] = {{"name", copy["metadata"]["name"]}, {"labels", copy["metadata"]["labels"]}};
    copy["addressType"] = "IPv6";
    copy["endpoints"][0]["addresses"][0] = "fd00::99";
    const Json first = copy["endpoints"][0];
    copy["endpoints"] = Json::array({first});
    world.cluster.call(200, "DELETE", path);
    world.cluster.call(201, "POST", slices, copy);
  }
  world.run();
  CHECK(world.listed() == wanted);
  CHECK(world.problems.empty());
  const int writes = world.wire->writes;
  world.run(300s);
  CHECK(world.wire->writes == writes);
}

TEST_CASE("agent client: lists of a deleted Egress are not made again, but for its successor") {
  World world;
  world.add_egress(nat);
  const ClientLists wanted = {{nat, clients(0, 120)}};
  world.publish(wanted);
  world.cluster.call(200, "DELETE", egresses + "/nat");
  world.run(60s);
  CHECK(world.lists().empty());
  world.add_egress(nat);
  world.run();
  CHECK(world.listed() == wanted);
  // At once, so that the agent sees only that there is another one.
  world.cluster.call(200, "DELETE", egresses + "/nat");
  world.add_egress(nat);
  world.run();
  CHECK(world.listed() == wanted);
}

TEST_CASE("agent client: a server that cannot be reached gets it later") {
  World world;
  world.add_egress(nat);
  world.publish({{nat, clients(0, 120)}});
  world.wire->set_down(true);
  world.publish({{nat, clients(10, 230)}});
  world.run(40s);
  CHECK_FALSE(world.problems.empty());
  world.publish({{nat, clients(20, 140)}});
  world.wire->set_down(false);
  world.run(60s);
  CHECK(world.listed() == ClientLists{{nat, clients(20, 140)}});
  CHECK(world.problems.empty());
}

TEST_CASE("agent client: it reads what its node's clients need") {
  World world;
  world.add_egress(nat);
  const auto add_pod = [&](const std::string& name, const std::string& node) {
    world.cluster.call(
        201, "POST", pods,
        {{"metadata", {{"name", name}}},
         {"spec", {{"nodeName", node}, {"containers", {{{"name", "c"}, {"image", "i"}}}}}}});
  };
  add_pod("here", "node-1");
  add_pod("there", "node-2");
  const Json labels = {{"app.kubernetes.io/name", "pona"},
                       {"app.kubernetes.io/component", "egress"},
                       {"kubernetes.io/service-name", "nat"}};
  Json slice = {{"metadata", {{"name", "nat-x"}, {"labels", labels}}},
                {"addressType", "IPv4"},
                {"endpoints", {{{"addresses", Json::array({"10.1.0.1"})}}}}};
  world.cluster.call(201, "POST", slices, slice);
  slice["metadata"]["name"] = "odd";
  slice["metadata"]["labels"]["egress.pona.cybozu.com/clients-of"] = "nat";
  world.cluster.call(201, "POST", slices, slice);
  slice["metadata"]["name"] = "web";
  slice["metadata"]["labels"] = {{"kubernetes.io/service-name", "web"}};
  world.cluster.call(201, "POST", slices, slice);
  world.run();
  std::set<std::string> names;
  for (const auto& [id, object] : world.objects) {
    if (object) names.insert(to_string(id));
  }
  CHECK(names ==
        std::set<std::string>{"Egress net/nat", "EndpointSlice net/nat-x", "Pod shop/here"});
  CHECK(world.problems.empty());
}

TEST_CASE("agent client: what is noted becomes an Event") {
  World world;
  world.run();
  world.agent->note({{core::Kind::pod, {"shop", "web"}}, "u", true, "NoEgress", "Connect", "none"});
  world.run();
  const Json events =
      world.cluster.call(200, "GET", "/apis/events.k8s.io/v1/namespaces/shop/events");
  REQUIRE(events["items"].size() == 1);
  CHECK(events["items"][0]["regarding"]["name"] == "web");
  CHECK(events["items"][0]["reason"] == "NoEgress");
}

TEST_CASE("agent client: whatever happens, lists say in the end what was published") {
  std::mt19937 random(GENERATE(1U, 2U, 3U, 4U, 5U, 6U));
  const auto chance = [&](int of) {
    return static_cast<int>(random() % static_cast<unsigned>(of));
  };
  World world;
  world.add_egress(nat);
  world.add_egress(other);
  ClientLists wanted;
  for (int round = 0; round < 150; ++round) {
    const int changes = chance(10) == 0 ? 150 : chance(5);
    for (int i = 0; i < changes; ++i) {
      std::vector<Client>& list = wanted[chance(3) == 0 ? other : nat];
      const Client one = chance(2) == 0 ? client(chance(300)) : client6(chance(300));
      if (std::erase(list, one) == 0) list.push_back(one);
    }
    if (chance(15) == 0) wanted.erase(chance(2) == 0 ? nat : other);
    world.agent->publish(wanted);
    const Json lists = world.lists();
    if (!lists.empty() && chance(6) == 0) {
      const Json& one = lists[random() % lists.size()];
      const std::string path = slices + "/" + one["metadata"]["name"].get<std::string>();
      if (chance(2) == 0) {
        world.cluster.call(200, "DELETE", path);
      } else {
        world.cluster.merge(200, path, {{"endpoints", Json::array()}});
      }
    }
    if (chance(20) == 0) {
      const core::ObjectName egress = chance(2) == 0 ? nat : other;
      world.cluster.call(200, "DELETE", egresses + "/" + egress.name);
      if (chance(2) == 0) world.run(2s);
      world.add_egress(egress);
    }
    if (chance(20) == 0) {
      world.start();
      if (chance(2) == 0) world.run(2s);
      world.agent->publish(wanted);
    }
    if (chance(12) == 0) world.wire->set_down(chance(2) == 0);
    if (chance(8) == 0) {
      const Fault::Kind kind = chance(2) == 0 ? Fault::Kind::busy : Fault::Kind::error;
      world.cluster.server.add_fault({kind, "PATCH", "fieldManager=pona-agent"});
    }
    if (chance(5) == 0) world.wire->lose = chance(3);
    if (chance(15) == 0) world.cluster.server.add_fault({Fault::Kind::drop, "WATCH", ""});
    if (chance(15) == 0) world.cluster.server.compact();
    world.run(std::chrono::milliseconds(chance(4) * 500));
  }
  world.cluster.server.clear_faults();
  world.wire->set_down(false);
  world.wire->lose = 0;
  world.run(120s);
  std::erase_if(wanted, [](const auto& item) { return item.second.empty(); });
  for (auto& [egress, list] : wanted) std::ranges::sort(list);
  CHECK(world.listed() == wanted);
  CHECK(world.problems.empty());
  const int writes = world.wire->writes;
  world.run(300s);
  CHECK(world.wire->writes == writes);
}

}  // namespace

}  // namespace unit::agent_client_test
