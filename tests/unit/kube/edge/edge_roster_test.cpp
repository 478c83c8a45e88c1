#include "kube/edge/edge_roster.hpp"

#include "unit/kube/api/requests_rig.hpp"

namespace unit::edge_roster_test {

namespace {

using namespace exchanges_rig;
using core::SlotLayout;

json lease(const std::string& edge, const std::string& version, const std::string& layout = "2") {
  json annotations = {{"pona.dev/edge", edge}};
  if (!layout.empty()) annotations["pona.dev/slot-layout"] = layout;
  return {
      {"metadata",
       {{"name", "pona-edge-" + edge}, {"resourceVersion", version}, {"annotations", annotations}}},
      {"spec", {{"renewTime", version}}}};
}

struct Edge : Rig {
  kube::EdgeRoster roster{{"pona-system", "a", "a_1"}, exchanges, clock.clock()};

  void reply(int code, const json& body = json::object()) { answer(roster, code, body.dump()); }
  // Until its next request.
  void step() {
    const std::size_t before = started();
    clock.now = std::max(clock.now, roster.due());
    roster.step();
    REQUIRE(started() == before + 1);
  }
  // One look at all, and one heartbeat.
  void round(const json& leases) {
    step();
    REQUIRE(request().method == "GET");
    reply(200, {{"items", leases}});
    REQUIRE(request().method != "GET");
    reply(200);
  }
};

}  // namespace

TEST_CASE("3.8: an edge makes a Lease of its own, and renews it") {
  Edge edge;
  CHECK_FALSE(edge.roster.works());
  edge.step();
  CHECK(edge.request().target ==
        "/apis/coordination.k8s.io/v1/namespaces/pona-system/leases?labelSelector="
        "app.kubernetes.io%2Fcomponent%3Dpona-edge-heartbeat");
  edge.reply(200, {{"items", json::array()}});
  CHECK(edge.request().method == "POST");
  CHECK(edge.sent()["metadata"]["name"] == "pona-edge-a");
  CHECK(edge.sent()["spec"]["holderIdentity"] == "a_1");
  edge.reply(201);
  CHECK(edge.roster.works());
  edge.step();
  edge.reply(200, {{"items", json::array({lease("a", "7")})}});
  CHECK(edge.request().method == "PUT");
  CHECK(edge.sent()["metadata"]["resourceVersion"] == "7");
  // Two requests in 18 seconds or more, however many Mappings there are.
  edge.reply(200);
  CHECK(edge.roster.due() - edge.clock.now >= 18s);
}

TEST_CASE("3.8: an edge is gone when its Lease is renewed no more, by one's own clock") {
  Edge edge;
  edge.round({lease("a", "1"), lease("b", "1")});
  CHECK(edge.roster.alive("b") == true);
  CHECK(edge.roster.alive("c") == std::nullopt);
  for (int i = 2; i < 10; ++i) {
    edge.round({lease("a", std::to_string(i)), lease("b", std::to_string(i))});
  }
  CHECK(edge.roster.alive("b") == true);
  for (int i = 10; i < 20; ++i) edge.round({lease("a", std::to_string(i)), lease("b", "9")});
  CHECK(edge.roster.alive("b") == false);
  edge.round({lease("a", "30"), lease("b", "10")});
  CHECK(edge.roster.alive("b") == true);
}

TEST_CASE("3.8: while the API server is away nobody is taken for gone") {
  Edge edge;
  edge.round({lease("a", "1"), lease("b", "1")});
  for (int i = 0; i < 30; ++i) {
    edge.step();
    edge.fail(edge.roster, "connection refused");
  }
  CHECK(edge.roster.alive("b") == true);
  CHECK(edge.roster.works());
  CHECK_FALSE(edge.roster.watched_for(1s));
}

TEST_CASE("3.8: an older Role forbids it: nobody is known, and the trouble is told") {
  Edge edge;
  edge.step();
  edge.reply(403);
  CHECK_FALSE(edge.roster.works());
  CHECK(edge.roster.tried());
  CHECK(edge.roster.alive("b") == std::nullopt);
  CHECK(edge.roster.slot_layout() == SlotLayout::first);
  CHECK(edge.roster.trouble().find("pona install rbac") != std::string::npos);
  CHECK(edge.roster.due() - edge.clock.now >= 30s);
  edge.round(json::array({lease("a", "1")}));
  CHECK(edge.roster.trouble().empty());
}

TEST_CASE("3.8: the leader deletes the Lease of an edge that is gone for long") {
  Edge edge;
  edge.roster.lead(true);
  edge.round({lease("a", "1"), lease("b", "1")});
  for (int i = 2; i < 1000 && edge.roster.alive("b"); ++i) {
    edge.step();
    edge.reply(200, {{"items", {lease("a", std::to_string(i)), lease("b", "1")}}});
    edge.reply(200);
    if (edge.open() == 0) continue;
    CHECK(edge.request().method == "DELETE");
    CHECK(edge.request().target.ends_with("/leases/pona-edge-b"));
    CHECK(edge.sent()["preconditions"]["resourceVersion"] == "1");
    CHECK(i > 60);
    edge.reply(200);
  }
  CHECK(edge.roster.alive("b") == std::nullopt);
}

TEST_CASE("1.10: edges use the last slot layout that all of them know") {
  Edge edge;
  edge.round({lease("a", "1"), lease("b", "1", "")});
  CHECK(edge.roster.slot_layout() == SlotLayout::first);
  edge.round({lease("a", "2"), lease("b", "2", "2")});
  CHECK(edge.roster.slot_layout() == SlotLayout::second);
  edge.round({lease("a", "2"), lease("b", "2", "3")});
  CHECK(edge.roster.slot_layout() == SlotLayout::second);
}

TEST_CASE("3.8: whatever a Lease says, and whoever wrote it, costs its edge only") {
  Edge edge;
  edge.round({lease("b", "1"),
              7,
              nullptr,
              json::array(),
              {{"metadata", 3}},
              {{"metadata", {{"annotations", {{"pona.dev/edge", 9}}}}}}});
  CHECK(edge.roster.alive("b") == true);
  edge.step();
  edge.reply(200, {{"items", "none"}});
  CHECK(edge.roster.trouble().find("not a list") != std::string::npos);
}

}  // namespace unit::edge_roster_test
